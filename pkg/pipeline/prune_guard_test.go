package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestPruneGuards: with each of the reasons against it plan and run say why, end with
// 3, and prune nothing; without it they prune.
func TestPruneGuards(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  string
		hold  func(w *world)
		code  string // of the guard; "" for none
		off   string // a part of what is said instead
		exit  int
		words string // in what is said
	}{
		{name: "nothing", hold: func(*world) {}},
		{name: "nothing against a delete", mode: pipeline.PruneDelete, hold: func(w *world) { w.options.AllowDelete = true }},
		{name: "a blocked row", code: pipeline.GuardProblems, exit: 3, words: "1 item is blocked", hold: func(w *world) {
			w.add("NO-FILE", "x")
			w.files.mu.Lock()
			delete(w.files.m, "NO-FILE.txt")
			w.files.mu.Unlock()
		}},
		{name: "more than the limit", code: pipeline.GuardLimit, exit: 3, words: "2 items are no longer listed, of 4: that is more than --max-prune allows, which is 1", hold: func(w *world) {
			w.options.MaxPrune = pipeline.PruneLimit{Given: true, Assets: 1, Percent: -1}
		}},
		{name: "an older copy of the state", code: pipeline.GuardOlderState, exit: 3, words: "older copy", hold: func(w *world) { w.options.OlderState = true }},
		{name: "a delete that is not allowed", mode: pipeline.PruneDelete, code: pipeline.GuardDelete, exit: 3, words: "--allow-delete", hold: func(*world) {}},
		{name: "--only", off: "--only", hold: func(w *world) { w.sel.Only = func(id string) bool { return id == "A" } }},
		{name: "--division", off: "--division", hold: func(w *world) { w.sel.Division = "Marketing" }},
		{name: "--limit", off: "--limit", hold: func(w *world) { w.sel.Limit = 10 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := pruneWorld(t, pipeline.PruneArchive)
				if w.options.AllowDelete = false; c.mode != "" {
					w.man.Prune = c.mode
				}
				w.unlist("B", "C")
				c.hold(w)
				s, rows := w.plan()
				check := func(who string, p *pipeline.Pruning) {
					t.Helper()
					if guards(p) != c.code || !strings.Contains(p.Off, c.off) || (c.off == "") != (p.Off == "") || p.Unlisted != 2 {
						t.Errorf("%s: %+v", who, p)
					}
					var said strings.Builder
					for _, g := range p.Guards {
						said.WriteString(g.Text)
					}
					if !strings.Contains(said.String(), c.words) {
						t.Errorf("%s says %q, want %q in it", who, said.String(), c.words)
					}
				}
				held := c.code != "" || c.off != ""
				check("the plan", s.Prune)
				if pruned := slices.ContainsFunc(rows, func(r pipeline.Row) bool { return r.Unlisted }); pruned == held {
					t.Errorf("rows of pruning: %t", pruned)
				}
				out := w.mustRun(c.exit)
				check("the run", out.Plan.Prune)
				if gone := w.archived() == "B C" || w.there() == "A D"; gone == held {
					t.Errorf("there: %s, in the trash: %q", w.there(), w.archived())
				}
			})
		})
	}
}

func TestAnItemThatFailsKeepsARunFromPruning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		w.unlist("B")
		w.add("E", "new")
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus, Status: 400})
		out := w.mustRun(3)
		if guards(out.Plan.Prune) != pipeline.GuardProblems || w.archived() != "" {
			t.Errorf("%+v, in the trash %q", out.Plan.Prune, w.archived())
		}
		w.options.RetryFailed = true
		w.mustRun(0)
		if w.archived() != "B" {
			t.Errorf("in the trash %q", w.archived())
		}
	})
}

func TestARunThatStopsEarlyPrunesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		w.unlist("B")
		stop := make(chan struct{})
		close(stop)
		out, err := w.run(t.Context(), stop)
		if err != nil || out.Code != 130 || out.Plan.Prune == nil || out.Plan.Prune.Off == "" || w.archived() != "" {
			t.Errorf("%d, %v: %+v, in the trash %q", out.Code, err, out.Plan.Prune, w.archived())
		}
	})
}

// TestPruneLooksAtItsOwnRecordsOnly: another manifest on the same state, and one
// whose id changed.
func TestPruneLooksAtItsOwnRecordsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pruneWorld(t, pipeline.PruneArchive)
		first := slices.Clone(w.items)
		w.man.ID, w.items = "second", nil
		w.add("X", "x")
		w.mustRun(0)
		if w.archived() != "" {
			t.Fatalf("the second manifest archived %s", w.archived())
		}
		if s, _ := w.plan(); s.Prune.Others != 4 || s.Prune.Unlisted != 0 {
			t.Errorf("%+v", s.Prune)
		}
		// Its own items, and in among them one of the first manifest's.
		w.unlist("X")
		w.items = append(w.items, first[0])
		s, _ := w.plan()
		if guards(s.Prune) != pipeline.GuardOthers || s.Prune.Unlisted != 1 {
			t.Errorf("%+v", s.Prune)
		}
		w.mustRun(3)
		if w.archived() != "" {
			t.Errorf("in the trash %q", w.archived())
		}
		w.items = nil
		w.add("Y", "y")
		w.mustRun(0)
		if w.archived() != "X" {
			t.Errorf("in the trash %q", w.archived())
		}
	})
}

func TestPruneLimit(t *testing.T) {
	for text, want := range map[string]string{
		"": "10 10 10 50", "5%": "10 10 10 50", "0": "0 0 0 0", "7": "7 7 7 7", "0%": "0 0 0 0", "50%": "10 10 50 500", "100%": "10 10 100 1000", "7.5%": "10 10 10 75",
	} {
		l, err := pipeline.ParsePruneLimit(text)
		if err != nil || l.String() != text {
			t.Errorf("%q: %v, %v", text, l, err)
		}
		var got []string
		for _, n := range []int{0, 10, 100, 1000} {
			got = append(got, fmt.Sprint(pipeline.PruneLimitOf(l, n)))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q of 0, 10, 100, 1000: %v, want %s", text, got, want)
		}
	}
	for _, text := range []string{"-1", "x", "%", "101%", "-5%", "1.5", "NaN%"} {
		if l, err := pipeline.ParsePruneLimit(text); err == nil {
			t.Errorf("%q is %v", text, l)
		}
	}
}

// TestATableThatShrankIsAGuard: most of one table's rows are gone, which is little of
// all that the manifest lists.
func TestATableThatShrankIsAGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.man.Prune = pipeline.PruneArchive
		for i := range 300 {
			w.add(fmt.Sprintf("A-%03d", i), "a", func(i *manifest.Item) {
				i.Pos.File, i.URL = "big.csv", "https://www.example.com/"+i.ExternalID
				i.Location = manifest.Location{}
			})
		}
		for i := range 20 {
			w.add(fmt.Sprintf("B-%03d", i), "b", func(i *manifest.Item) {
				i.Pos.File, i.URL = "small.csv", "https://www.example.com/"+i.ExternalID
				i.Location = manifest.Location{}
			})
		}
		w.mustRun(0)
		all := slices.Clone(w.items)
		w.items = w.items[:305] // 15 of 320 are gone: less than 5 %, and three quarters of the small table
		s, _ := w.plan()
		if guards(s.Prune) != pipeline.GuardShrunk || !strings.Contains(s.Prune.Guards[0].Text, "small.csv had 20 items when the manifest was last read as a whole, and has 5") {
			t.Errorf("%+v", s.Prune)
		}
		w.mustRun(3)
		w.mustRun(3) // the cut table is not what the next one is measured by
		w.man.Prune = pipeline.PruneKeep
		w.mustRun(0)
		w.man.Prune = pipeline.PruneArchive
		w.mustRun(3)
		if w.archived() != "" {
			t.Fatalf("in the trash: %s", w.archived())
		}
		w.items = slices.Concat(all[15:300], all[300:]) // as many of the big one
		w.mustRun(0)
		if n := len(strings.Fields(w.archived())); n != 15 {
			t.Errorf("%d in the trash", n)
		}
		w.items = w.items[:290]
		w.options.MaxPrune = pipeline.PruneLimit{Given: true, Assets: 15, Percent: -1}
		w.mustRun(0)
		if n := len(strings.Fields(w.archived())); n != 30 {
			t.Errorf("%d in the trash", n)
		}
	})
}
