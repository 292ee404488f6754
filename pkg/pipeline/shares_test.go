package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// share adds a share of items to the manifest; an id in front of which stands
// "id:" is that of an asset.
func (w *world) share(key string, assets ...string) *manifest.Share {
	s := manifest.Share{
		Key: key, Title: "Title of " + key, Origin: manifest.ShareOrigin,
		Pos: manifest.Pos{File: "test.yaml", Line: 100 + len(w.man.Shares), Column: 5},
	}
	for i, name := range assets {
		a := manifest.ShareAsset{Pos: manifest.Pos{File: "test.yaml", Line: s.Pos.Line, Column: 50 + i}, ExternalID: name}
		if id, ok := strings.CutPrefix(name, "id:"); ok {
			a.ExternalID, a.ID = "", id
		}
		s.Assets = append(s.Assets, a)
	}
	w.man.Shares = append(w.man.Shares, s)
	return &w.man.Shares[len(w.man.Shares)-1]
}

// extra is the record of an extra; nil when there is none.
func (w *world) extra(kind state.ExtraKind, key string) *state.Extra {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	all, err := state.AllExtras(w.t.Context(), st, kind, w.man.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		if e.Key == key {
			return &e
		}
	}
	return nil
}

// planExtras is the plan with the rows of extras, by key.
func (w *world) planExtras() (pipeline.Summary, map[string]pipeline.ExtraRow) {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	rows := map[string]pipeline.ExtraRow{}
	in := w.input(st)
	in.Extra = func(r pipeline.ExtraRow) error { rows[r.Key] = r; return nil }
	s, err := pipeline.Plan(w.t.Context(), in, func(pipeline.Row) error { return nil })
	if err != nil {
		w.t.Fatalf("plan: %v", err)
	}
	return s, rows
}

// outcome is the result of an extra in the last run: "status reason".
func (w *world) outcome(key string) string {
	for _, r := range w.results {
		if r.Key == key {
			return r.Status + " " + r.Reason
		}
	}
	return ""
}

func brief(r pipeline.ExtraRow) string { return fmt.Sprintf("%s %s", r.Action, r.Reason) }

func TestSharesAreMadeOnceAfterTheirAssets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: 20 * time.Second})
		w.add("SP-1", "one")
		w.add("SP-2", "two")
		s := w.share("q3", "SP-1", "SP-2")
		s.Assets[0].Page = 3
		s.ExpiresAt = manifest.Some(manifest.Instant{Relative: "+6 months", Months: 6})
		s.IsDownloadAllowed, s.Theme, s.Origin = manifest.Some(false), "marketing 2026", "portal"
		w.share("for-ever", "SP-2")

		sum, rows := w.planExtras()
		if brief(rows["q3"]) != "create new" || rows["q3"].Writes != 1 || rows["q3"].Undo != pipeline.UndoNone || rows["q3"].NeverExpires || rows["q3"].IsDownloadAllowed || !rows["for-ever"].NeverExpires || !rows["for-ever"].IsDownloadAllowed {
			t.Errorf("%+v", rows)
		}
		if sum.Extras[state.Share][pipeline.ActionCreate] != 2 || sum.Writes != 6 || sum.Items != 2 || sum.Exposure == nil || sum.Exposure.Links.Shares != 2 || sum.Exposure.Links.NoExpiry != 1 {
			t.Errorf("%+v", sum)
		}
		began := w.clock()
		out := w.mustRun(0)
		if out.Extras[state.Share]["done"] != 2 || !strings.HasSuffix(out.Sentence, "; shares: 2 of 2 done") || out.Status["done"] != 2 {
			t.Errorf("%+v", out)
		}
		for i, r := range w.results {
			if (r.Kind == "") != (i < 2) {
				t.Errorf("the results of extras do not follow those of the items: %+v", w.results)
			}
		}
		made := w.tenant.Shares()
		if len(made) != 2 {
			t.Fatalf("%+v", made)
		}
		q3 := made[0]
		if q3.Title != "Title of q3" {
			q3 = made[1]
		}
		as := w.assets()
		if q3.Assets[0] != as["SP-1"][0].ID+"#3" || q3.Assets[1] != as["SP-2"][0].ID || q3.Download || q3.Theme != "Marketing 2026" || q3.Origin != "portal" {
			t.Errorf("%+v", q3)
		}
		if want := began.UTC().AddDate(0, 6, 0).Truncate(time.Second); !q3.Expires.Equal(want) {
			t.Errorf("expires %v, want %v", q3.Expires, want)
		}
		e := w.extra(state.Share, "q3")
		data, links, err := pipeline.ReadShare(e)
		if err != nil || e.Status != state.ExtraDone || e.ID != q3.ID || links.Anonymous != q3.Anonymous || links.Untracked != q3.Untracked || links.Trackable != q3.Dynamic ||
			strings.Join(data.Assets, " ") != "SP-1#3 SP-2" || data.Name != "Title of q3" || data.CreatedAt.IsZero() {
			t.Errorf("%+v %+v %+v, %v", e, data, links, err)
		}
		// Nothing is sent a second time, also when time has passed and when the wish changes.
		<-time.After(50 * time.Hour)
		requests := w.tenant.Books().API
		w.mustRun(0)
		if w.outcome("q3") != "unchanged same" {
			t.Error(w.outcome("q3"))
		}
		if n := w.tenant.Books().Requests["theme-list"]; n != 2 { // by the plan, and by the run that made them
			t.Errorf("%d lists of themes, %d requests", n, w.tenant.Books().API-requests)
		}
		w.man.Shares[0].Title = "Another"
		if _, rows = w.planExtras(); brief(rows["q3"]) != "unchanged made-already" || !strings.Contains(rows["q3"].Detail, "give what the manifest says now another key") || rows["q3"].Writes != 0 {
			t.Errorf("%+v", rows["q3"])
		}
		w.mustRun(0)
		if b := w.tenant.Books(); b.Shares != 2 || len(b.ShareTwins) > 0 {
			t.Errorf("%d shares, %v", b.Shares, b.ShareTwins)
		}
		w.check()
	})
}

// What keeps a share from being made, in a plan and in a run.
func TestWhatBlocksAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Themes: []emulator.Theme{
			{Title: "Global"}, {ID: "t1", Title: "Twin", Division: emulator.DivisionMarketing}, {ID: "t2", Title: "Twin", Division: emulator.DivisionSales}, {ID: "t3", Title: "twin", Division: emulator.DivisionSales},
		}})
		w.add("SP-1", "one")
		w.add("SP-2", "two", func(i *manifest.Item) { i.Fields.IsShareable = manifest.Some(false) })
		w.add("SP-3", "three", func(i *manifest.Item) { i.Fields.IsArchived = manifest.Some(true) })
		w.add("SP-4", "four")
		w.files.mu.Lock()
		delete(w.files.m, "SP-4.txt")
		w.files.mu.Unlock()
		w.share("good", "SP-1").Theme = "t1"
		w.share("themed", "SP-1").Theme = "Globel"
		w.share("twins", "SP-1").Theme = "Twin"
		w.share("one-twin", "SP-1").Theme = "twin"
		w.share("nobody", "SP-1", "SP-9", "id:nothing")
		w.share("closed", "SP-1", "SP-2")
		w.share("binned", "SP-3")
		w.share("missing", "SP-4", "SP-1")
		w.share("over", "SP-1").ExpiresAt = manifest.Some(manifest.Instant{At: w.clock().Add(-time.Hour)})
		want := map[string]struct{ row, problem, detail string }{
			"good":     {"create new", "", ""},
			"themed":   {"blocked theme-unknown", "test.yaml:101:5: M147", `did you mean "Global"?`},
			"twins":    {"blocked theme-unknown", "test.yaml:102:5: M147", "t1 or t2"},
			"one-twin": {"create new", "", ""},
			"nobody":   {"blocked asset-unknown", "test.yaml:104:51: M146", "nothing is known of SP-9, nothing"},
			"closed":   {"blocked assets", "", "SP-2 (its permissions.isShareable is false)"},
			"binned":   {"blocked assets", "", "SP-3"},
			"missing":  {"blocked assets", "", "SP-4 (it is blocked: "},
			"over":     {"blocked share-over", "test.yaml:108:5: M148", "which is over"},
		}
		compare := func(when string, rows map[string]pipeline.ExtraRow) {
			t.Helper()
			for key, v := range want {
				r := rows[key]
				if brief(r) != v.row || !strings.Contains(r.Detail, v.detail) || len(r.Problems) > 0 != (v.problem != "") {
					t.Errorf("%s: %s: %s, %s, %v", when, key, brief(r), r.Detail, r.Problems)
				}
				if v.problem != "" && !strings.HasPrefix(r.Problems[0].String(), v.problem) {
					t.Errorf("%s: %s: %v", when, key, r.Problems)
				}
			}
		}
		s, rows := w.planExtras()
		compare("plan", rows)
		if s.Decisions() != 8 { // seven of them, and SP-4
			t.Errorf("%d decisions", s.Decisions())
		}
		rows = map[string]pipeline.ExtraRow{}
		w.observe = func(e pipeline.Event) {
			if d, ok := e.(pipeline.ExtraDecided); ok {
				rows[d.Row.Key] = d.Row
			}
		}
		out := w.mustRun(3)
		if out.Extras[state.Share]["blocked"] != 7 || out.Extras[state.Share]["done"] != 2 {
			t.Errorf("%v", out.Extras)
		}
		d := want["missing"]
		d.detail = "SP-4 (it is blocked"
		want["missing"] = d
		compare("run", rows)
		if e := w.extra(state.Share, "missing"); e != nil {
			t.Errorf("a share that was blocked has a record: %+v", e)
		}
		// What was mended is made; the others stay as they are.
		w.files.put("SP-4.txt", "four")
		w.mustRun(3)
		if w.outcome("missing") != "done new" || w.tenant.Books().Shares != 3 {
			t.Error(w.outcome("missing"))
		}
	})
}

// Lint names what would block a share, also with a state: a share that was made is
// not looked at again, and without a state what only that knows is a warning.
func TestLintOfShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Themes: []emulator.Theme{{Title: "Global"}}})
		w.add("SP-1", "one")
		w.add("SP-2", "two")
		w.share("made", "SP-1", "SP-2").ExpiresAt = manifest.Some(manifest.Instant{At: w.clock().Add(time.Hour)})
		w.mustRun(0)
		w.items = w.items[:1] // the state knows SP-2
		<-time.After(2 * time.Hour)
		w.share("themed", "SP-1").Theme = "Globel"
		w.share("nobody", "SP-1", "SP-9")
		w.share("gone", "SP-2")
		w.share("over", "SP-1").ExpiresAt = manifest.Some(manifest.Instant{At: w.clock().Add(-time.Hour)})
		st := w.open()
		defer func() { _ = st.Close() }()
		for name, tc := range map[string]struct {
			state    state.Reader
			selected bool
			want     []string
		}{
			"state":     {st, false, []string{"blocks M146 nobody", "blocks M147 themed", "blocks M148 over"}},
			"no state":  {nothingKnown{st}, false, []string{"blocks M147 themed", "warns M146 gone", "warns M146 made", "warns M146 nobody", "warns M148 made", "warns M148 over"}},
			"selection": {st, true, nil},
		} {
			in := w.input(tc.state)
			_, in.NoState = tc.state.(nothingKnown)
			if tc.selected {
				in.Select.Limit = 1
			}
			var got []string
			s, err := pipeline.Lint(t.Context(), in, func(p manifest.Problem) {
				class := "blocks"
				if p.Class == manifest.Warn {
					class = "warns"
				}
				if strings.HasPrefix(p.Code, "M14") {
					got = append(got, class+" "+p.Code+" "+p.ExternalID)
				}
			})
			slices.Sort(got)
			if err != nil || !slices.Equal(got, tc.want) || s.Block+s.Warn < len(got) {
				t.Errorf("%s: %q, want %q; %+v, %v", name, got, tc.want, s, err)
			}
		}
	})
}

// nothingKnown is a state that was not opened.
type nothingKnown struct{ state.Reader }

func (nothingKnown) Get(context.Context, []string) (map[string]state.Record, error) { return nil, nil }
func (nothingKnown) Extras(context.Context, state.ExtraKind, string, string, int) ([]state.Extra, error) {
	return nil, nil
}

// Each thing that can happen to the answer, and what the next runs make of it.
func TestFaultsOfAShare(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fault  emulator.Fault
		first  string // outcome of the run
		code   int
		made   int    // shares at the service then
		second string // of the next run
		again  string // of one with --recreate or --retry-failed
		shares int    // in the end
	}{
		{"lost", emulator.Fault{Kind: emulator.KindLost}, "unknown new", 3, 1, "unknown unknown", "done recreate", 2},
		{"reset before", emulator.Fault{Kind: emulator.KindReset}, "unknown new", 3, 0, "unknown unknown", "done recreate", 1},
		{"cut", emulator.Fault{Kind: emulator.KindCut}, "unknown new", 3, 1, "unknown unknown", "done recreate", 2},
		{"500 after", emulator.Fault{Kind: emulator.KindStatusAfter}, "unknown new", 3, 1, "unknown unknown", "done recreate", 2},
		{"503", emulator.Fault{Kind: emulator.KindStatus}, "unknown new", 3, 0, "unknown unknown", "done recreate", 1},
		{"html", emulator.Fault{Kind: emulator.KindHTML}, "unknown new", 3, 0, "unknown unknown", "done recreate", 1},
		{"late", emulator.Fault{Kind: emulator.KindLate, Delay: emulator.Duration(time.Hour)}, "unknown new", 3, 0, "unknown unknown", "done recreate", 1},
		{"429", emulator.Fault{Kind: emulator.KindTooMany, Count: 3}, "done new", 0, 1, "unchanged same", "unchanged same", 1},
		{"400", emulator.Fault{Kind: emulator.KindStatus, Status: 400}, "failed new", 3, 0, "blocked failed-before", "done retry", 1},
		{"403", emulator.Fault{Kind: emulator.KindStatus, Status: 403}, "failed new", 3, 0, "blocked failed-before", "done retry", 1},
		{"401", emulator.Fault{Kind: emulator.KindStatus, Status: 401}, "pending not-reached", 4, 0, "done new", "unchanged same", 1},
		{"slow", emulator.Fault{Kind: emulator.KindSlow}, "done new", 0, 1, "unchanged same", "unchanged same", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("SP-1", "one")
				w.share("q3", "SP-1")
				tt.fault.Op = "create-share"
				w.tenant.Fail(tt.fault)
				out := w.mustRun(tt.code)
				if got := w.outcome("q3"); got != tt.first || w.tenant.Books().Shares != tt.made {
					t.Errorf("first: %s, %d shares, %s", got, w.tenant.Books().Shares, out.Sentence)
				}
				if tt.name == "403" && !strings.Contains(w.extraResult("q3").Error.Message, "API access") {
					t.Errorf("words of 403: %+v", w.extraResult("q3").Error)
				}
				if tt.first == "unknown new" && !strings.Contains(w.extraResult("q3").Error.Message, "--recreate q3") {
					t.Errorf("words of unknown: %+v", w.extraResult("q3").Error)
				}
				for range 2 {
					if _, err := w.run(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					if got := w.outcome("q3"); got != tt.second && got != tt.again {
						t.Errorf("second: %s", got)
					}
				}
				w.options.RetryFailed = true
				w.options.Recreate = func(key string) bool { return key == "q3" }
				w.mustRun(0)
				if got := w.outcome("q3"); got != tt.again || w.tenant.Books().Shares != tt.shares {
					t.Errorf("in the end: %s, %d shares", got, w.tenant.Books().Shares)
				}
			})
		})
	}
}

func (w *world) extraResult(key string) pipeline.Result {
	for _, r := range w.results {
		if r.Key == key {
			return r
		}
	}
	return pipeline.Result{}
}

// A process that ends between the intent and the answer leaves a share that is
// unknown: the next run says so and sends nothing.
func TestAKillWhileAShareIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("SP-1", "one")
		w.share("q3", "SP-1")
		kill, cancel := context.WithCancelCause(t.Context())
		sending := ""
		w.tenant.OnCommit(func(op string, _ int, when emulator.When) {
			if op == "create-share" && when == emulator.After {
				cancel(errors.New("killed"))
			}
		})
		if _, err := w.run(kill, nil); err == nil && w.tenant.Books().Shares != 1 {
			t.Fatalf("%v, %d shares", err, w.tenant.Books().Shares)
		}
		if e := w.extra(state.Share, "q3"); e != nil {
			sending = string(e.Status)
		}
		if sending != "sending" && sending != "unknown" {
			t.Errorf("the record is %q", sending)
		}
		w.mustRun(3)
		if got := w.outcome("q3"); got != "unknown unknown" || w.tenant.Books().Shares != 1 {
			t.Errorf("%s, %d shares", got, w.tenant.Books().Shares)
		}
	})
}

// A state that a crash cut off at each of its writes never leads to a second share.
func TestSharesAreNeverMadeTwice(t *testing.T) {
	for n := 1; ; n++ {
		through := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.add("SP-1", "one")
			w.share("a", "SP-1")
			w.share("b", "SP-1")
			cut := false
			w.fail = func(k int) error {
				if k == n {
					cut = true
					return errors.New("no space left on device")
				}
				return nil
			}
			_, err := w.run(t.Context(), nil)
			through = !cut
			w.fail = nil
			for range 2 {
				if _, err := w.run(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			b := w.tenant.Books()
			if len(b.ShareTwins) > 0 || b.Shares > 2 {
				t.Errorf("cut at write %d (%v): %d shares, twins %v", n, err, b.Shares, b.ShareTwins)
			}
			for _, key := range []string{"a", "b"} { // each is made, or told as unknown
				if got := w.outcome(key); got != "unchanged same" && got != "unknown unknown" {
					t.Errorf("cut at write %d: %s is %q", n, key, got)
				}
			}
		})
		if through || t.Failed() {
			break
		}
	}
}

// A saved plan has its shares, and a run of it makes those and no others.
func TestASavedPlanHasItsShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("SP-1", "one")
		w.share("a", "SP-1").ExpiresAt = manifest.Some(manifest.Instant{Relative: "+1 month", Months: 1})
		w.share("b", "SP-1")
		w.share("gone", "SP-1")
		planned := w.clock()
		path, sum, _ := w.save(pipeline.Choice{})
		if p, err := pipeline.OpenPlan(path); err != nil || len(p.Extras) != 3 || sum.Extras[state.Share][pipeline.ActionCreate] != 3 {
			t.Fatalf("%+v, %v", sum, err)
		} else if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		w.man.Shares = w.man.Shares[:2]
		w.man.Shares[1].Title = "Another"
		w.share("later", "SP-1")
		<-time.After(time.Hour)
		out, err := w.carry(t.Context(), path, nil)
		if err != nil || out.Code != 3 {
			t.Errorf("%d: %s, %v", out.Code, out.Sentence, err)
		}
		for key, want := range map[string]string{"a": "done new", "b": "blocked stale-item", "gone": "blocked stale-item", "later": "blocked stale-item"} {
			if got := w.outcome(key); got != want {
				t.Errorf("%s: %s", key, got)
			}
		}
		if made := w.tenant.Shares(); len(made) != 1 || !made[0].Expires.Equal(planned.UTC().AddDate(0, 1, 0).Truncate(time.Second)) {
			t.Errorf("%+v", made)
		}
		// It is carried on without harm.
		if _, err := w.carry(t.Context(), path, nil); err != nil || w.outcome("a") != "unchanged same" {
			t.Error(w.outcome("a"), err)
		}
	})
}

// A selection, a stop and an older state leave shares alone, each in its way.
func TestWhenSharesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Hour})
		w.add("SP-1", "one")
		w.add("SP-2", "two")
		w.share("q3", "SP-1")
		w.sel = pipeline.Selection{Limit: 2}
		w.options.Wait = -1
		w.mustRun(6)
		if s, rows := w.planExtras(); len(rows) > 0 || s.Extras != nil || w.outcome("q3") != "" {
			t.Errorf("%+v %s", rows, w.outcome("q3"))
		}
		// Its asset is still being processed: that is no failure, and a later run goes on.
		w.sel = pipeline.Selection{}
		out := w.mustRun(6)
		if w.outcome("q3") != "pending not-reached" || !strings.Contains(out.Sentence, "shares: 0 of 1 done, 1 to continue") {
			t.Error(w.outcome("q3"), out.Sentence)
		}
		// A stop begins no further phase, and each share has its row.
		w.options.Wait = 0
		stop := make(chan struct{})
		close(stop)
		out, err := w.run(t.Context(), stop)
		if err != nil || out.Code != 130 || w.outcome("q3") != "pending not-reached" {
			t.Errorf("%+v, %v, %s", out, err, w.outcome("q3"))
		}
		<-time.After(2 * time.Hour)
		// An older copy of the state cannot know whether it was made.
		// That is noted even by a run that leaves shares alone.
		w.options.OlderState, w.sel = true, pipeline.Selection{Limit: 1}
		w.mustRun(0)
		w.options.OlderState, w.sel = false, pipeline.Selection{}
		w.mustRun(3)
		if w.outcome("q3") != "unknown unknown" {
			t.Error(w.outcome("q3"))
		}
		w.options.Recreate = func(key string) bool { return key == "q3" }
		w.mustRun(0)
		if w.outcome("q3") != "done recreate" || w.tenant.Books().Shares != 1 {
			t.Error(w.outcome("q3"))
		}
		st := w.open()
		in := w.rollbackInput(st, false, fmt.Sprintf("run-%d", w.runs))
		var stays []pipeline.ExtraRow
		in.Extra = func(r pipeline.ExtraRow) error { stays = append(stays, r); return nil }
		if _, err := pipeline.PlanRollback(t.Context(), in, func(pipeline.Row) error { return nil }); err != nil || len(stays) != 1 || stays[0].Reason != pipeline.ReasonStays || stays[0].Name != "Title of q3" {
			t.Errorf("%+v, %v", stays, err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		story, err := func() (pipeline.Story, error) {
			st := w.open()
			defer func() { _ = st.Close() }()
			return pipeline.Why(t.Context(), st, "q3")
		}()
		if err != nil || len(story.Extras) != 1 || story.Extras[0].Record.Secret != nil {
			t.Errorf("%+v, %v", story, err)
		}
		if b, err := json.Marshal(story); err != nil || strings.Contains(string(b), "showpad.com") {
			t.Errorf("why tells the links: %s", b)
		}
	})
}

// Nothing that a run tells has a link in it.
func TestNoEventHasALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("SP-1", "one")
		w.share("q3", "SP-1")
		w.mustRun(0)
		links := w.tenant.Shares()[0]
		for _, e := range w.events {
			text := fmt.Sprintf("%+v", e)
			for _, link := range []string{links.Anonymous, links.Untracked, links.Dynamic} {
				if strings.Contains(text, link) {
					t.Errorf("%T: %s", e, text)
				}
			}
		}
	})
}
