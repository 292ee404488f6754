package pipeline_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

const (
	opExport = "get_exports_assets"
	opQuery  = "postAssetsQuery"
	opList   = "getAssets"
)

// stocked makes n items and, with a run, their assets.
func stocked(t *testing.T, n int, o emulator.Options) *world {
	w := newWorld(t, o)
	for i := range n {
		w.add(fmt.Sprintf("ID-%04d", i), fmt.Sprint("content of ", i), tags("Sales"), func(i *manifest.Item) {
			i.Fields.Description = manifest.Some("about it")
		})
	}
	return w
}

// asked is how often the service was asked for assets since the books were reset: by
// look-ups, by queries and by exports.
func (w *world) asked() [3]int {
	b := w.tenant.Books().Requests
	return [3]int{b[opList] + b["getAsset"], b[opQuery], b[opExport]}
}

// fullCheck runs with a full check and returns its rows that are not unchanged.
func (w *world) fullCheck() map[string]string {
	w.t.Helper()
	w.tenant.ResetBooks()
	w.options.FullCheck = true
	if _, err := w.run(w.t.Context(), nil); err != nil {
		w.t.Fatal(err)
	}
	w.options.FullCheck = false
	out := map[string]string{}
	for _, r := range w.results {
		if r.Status != "unchanged" {
			out[r.ExternalID] = strings.TrimSpace(string(r.Action) + " " + r.Reason)
		}
	}
	return out
}

// TestAFullCheckByExports: what changed is looked up, and what did not is told by the
// export: two requests for 1,000 assets, where look-ups take ten.
func TestAFullCheckByExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		w := stocked(t, n, emulator.Options{})
		w.mustRun(0)
		all := w.assets()
		id := func(i int) string { return fmt.Sprintf("ID-%04d", i) }
		c := w.patient()
		last := map[string]string{}
		for _, tc := range []struct {
			name   string
			change func()
			looks  int
			want   map[string]string
		}{
			{"unchanged", func() {}, 0, map[string]string{}},
			{"ten changed", func() {
				for i := range 10 {
					w.person(id(100+i), showpad.AssetFields{IsSensitive: showpad.Some(true)})
				}
			}, 1, map[string]string{}},
			{"and no more after that", func() {}, 0, map[string]string{}},
			{"a field of ours", func() { w.person(id(1), description("theirs")) }, 1, map[string]string{id(1): "conflict changed-remotely"}},
			{"tags", func() {
				w.person(id(1), description("about it"))
				w.person(id(2), showpad.AssetFields{Tags: showpad.Some([]showpad.Ref{})})
			}, 1, map[string]string{}},
			{"archived", func() { w.person(id(3), showpad.AssetFields{IsArchived: showpad.Some(true)}) }, 1, map[string]string{id(3): "conflict archived"}},
			{"deleted", func() {
				w.person(id(3), showpad.AssetFields{IsArchived: showpad.Some(false)})
				if err := c.DeleteAsset(t.Context(), all[id(4)][0].ID); err != nil {
					t.Fatal(err)
				}
			}, 2, map[string]string{id(4): "conflict remote-missing"}}, // and once by itself
			{"another file", func() { w.upload(c, all[id(5)][0].ID, "other bytes") }, 2, map[string]string{id(4): "conflict remote-missing", id(5): "conflict changed-remotely"}},
			{"its external ID", func() { w.person(id(6), showpad.AssetFields{ExternalID: showpad.Some("theirs")}) }, 2,
				map[string]string{id(4): "conflict remote-missing", id(5): "conflict changed-remotely", id(6): "conflict changed-remotely"}},
		} {
			<-time.After(time.Hour)
			tc.change()
			if got := w.fullCheck(); !maps.Equal(got, tc.want) {
				t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
			}
			if got, want := w.asked(), [3]int{tc.looks, 1, 1}; got != want {
				t.Errorf("%s: looked up, queried, exported %v times, want %v", tc.name, got, want)
			}
			last = tc.want
		}
		w.options.LookUpsOnly = true
		if looked := w.fullCheck(); !maps.Equal(last, looked) || w.asked() != [3]int{n/100 + 1, 0, 0} {
			t.Errorf("by look-ups %v with %v", looked, w.asked())
		}
	})
}

// TestRulesThatChangedMakeAFullCheckRead: what one set of rules left alone, another
// may not.
func TestRulesThatChangedMakeAFullCheckRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stocked(t, 4, emulator.Options{})
		w.options = pipeline.WithExports(w.options)
		w.man.Update.File = "keep"
		w.mustRun(0)
		<-time.After(time.Minute)
		w.upload(w.patient(), w.assets()["ID-0002"][0].ID, "CONTENT OF 2")
		for _, looks := range []int{1, 0} {
			<-time.After(time.Minute)
			if got := w.fullCheck(); len(got) > 0 || w.asked() != [3]int{looks, 1, 1} {
				t.Errorf("%v, asked %v, want %d", got, w.asked(), looks)
			}
		}
		w.man.Update.File = "changed"
		if got := w.fullCheck(); got["ID-0002"] != "conflict changed-remotely" || len(got) != 1 {
			t.Errorf("under other rules: %v", got)
		}
	})
}

// foreign makes an asset that no run made.
func (w *world) foreign(externalID, content string) {
	w.t.Helper()
	c := w.patient()
	a, err := c.CreateAsset(w.t.Context(), showpad.AssetFields{
		Name: showpad.Some(externalID + ".txt"), ExternalID: showpad.Some(externalID), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.upload(c, a.ID, content)
}

// exportsOf is an API whose export is another one.
type exportsOf struct {
	*showpad.Client
	change func(iter.Seq2[showpad.ExportedAsset, error]) iter.Seq2[showpad.ExportedAsset, error]
}

func (e exportsOf) StreamAssets(ctx context.Context, asked func()) iter.Seq2[showpad.ExportedAsset, error] {
	return e.change(e.Client.StreamAssets(ctx, asked))
}

// TestAnExportThatCannotBeUsed: it is told why, and all is looked up.
func TestAnExportThatCannotBeUsed(t *testing.T) {
	change := func(w *world) { w.person("ID-0001", description("theirs")) }
	for name, tc := range map[string]struct {
		spoil func(w *world)
		why   string // of the event; "" for one that is used
		looks int
	}{
		"as it should be": {func(*world) {}, "", 1},
		"it is behind": {func(w *world) {
			w.tenant.Switch(func(sw *emulator.Switches) { sw.FrozenExports = true })
		}, "it is behind: asset ", 1},
		"it is behind our own writes": {func(w *world) {
			w.tenant.Switch(func(sw *emulator.Switches) { sw.FrozenExports = true })
			w.items[3].Fields.Description = manifest.Some("new words")
			w.mustRun(0)
		}, "it is behind: asset ", 1},
		"it is refused": {func(w *world) {
			w.tenant.Fail(emulator.Fault{Op: opExport, Kind: emulator.KindStatus, Status: 403, Count: -1})
		}, "read_division_management", 1},
		"it fails": {func(w *world) {
			w.tenant.Fail(emulator.Fault{Op: opExport, Kind: emulator.KindStatus, Status: 500, Count: -1})
		}, "reading the export of assets", 1},
		"it is cut off": {func(w *world) { w.tenant.Fail(emulator.Fault{Op: opExport, Kind: emulator.KindTruncated, Count: -1}) }, "reading the export of assets", 1},
		"the query is refused": {func(w *world) {
			w.tenant.Fail(emulator.Fault{Op: opQuery, Kind: emulator.KindStatus, Status: 400, Count: -1})
		}, "asking for the assets that changed last", 1},
		"rows are missing": {func(w *world) {
			w.changeAPI = func(c *showpad.Client) pipeline.API {
				return exportsOf{c, func(rows iter.Seq2[showpad.ExportedAsset, error]) iter.Seq2[showpad.ExportedAsset, error] {
					return func(yield func(showpad.ExportedAsset, error) bool) {
						for r, err := range rows {
							if r.ExternalID != "ID-0002" && !yield(r, err) {
								return
							}
						}
					}
				}}
			}
		}, "it is behind: asset ", 1},
		"pages": {func(w *world) {
			w.tenant.Switch(func(sw *emulator.Switches) { sw.ExportRows = 3 })
		}, "", 1},
		"rows come twice": {func(w *world) {
			before := w.record("ID-0001").Stamp
			w.changeAPI = func(c *showpad.Client) pipeline.API {
				return exportsOf{c, func(rows iter.Seq2[showpad.ExportedAsset, error]) iter.Seq2[showpad.ExportedAsset, error] {
					return func(yield func(showpad.ExportedAsset, error) bool) {
						for r, err := range rows {
							old := r
							if old.ExternalID == "ID-0001" { // as it was before the change
								old.UpdatedAt = before
							}
							if !yield(old, err) || !yield(r, err) {
								return
							}
						}
					}
				}}
			}
		}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := stocked(t, 10, emulator.Options{})
				w.options = pipeline.WithExports(w.options)
				w.options.Retries = 1
				w.configure = func(c *showpad.Config) { c.Retries = 1 }
				w.mustRun(0)
				<-time.After(time.Minute)
				tc.spoil(w)
				<-time.After(time.Minute)
				change(w)
				w.options.FullCheck = true
				s, _ := w.plan()
				if e := s.Export; e == nil || e.Used != (tc.why == "") || !strings.Contains(e.Why, tc.why) {
					t.Errorf("the plan says %+v, want %q", e, tc.why)
				}
				w.options.FullCheck = false
				if got := w.fullCheck(); !maps.Equal(got, map[string]string{"ID-0001": "conflict changed-remotely"}) {
					t.Errorf("%v", got)
				}
				if got := w.asked(); got[0] != tc.looks {
					t.Errorf("asked %v", got)
				}
			})
		})
	}
}

// TestADeletionThatAnExportDoesNotShow: there are fewer assets than it shows.
func TestADeletionThatAnExportDoesNotShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stocked(t, 5, emulator.Options{})
		w.options = pipeline.WithExports(w.options)
		w.mustRun(0)
		<-time.After(time.Minute)
		w.tenant.Switch(func(sw *emulator.Switches) { sw.FrozenExports = true })
		if err := w.patient().DeleteAsset(t.Context(), w.assets()["ID-0003"][0].ID); err != nil {
			t.Fatal(err)
		}
		if got := w.fullCheck(); !maps.Equal(got, map[string]string{"ID-0003": "conflict remote-missing"}) {
			t.Errorf("%v", got)
		}
	})
}

// TestAStampThatStands is what a full check by exports cannot see, and one by
// look-ups can: docs/assumptions.md says so.
func TestAStampThatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stocked(t, 5, emulator.Options{Switches: emulator.Switches{StillStamps: true}})
		w.options = pipeline.WithExports(w.options)
		w.mustRun(0)
		<-time.After(time.Minute)
		w.person("ID-0001", description("theirs"))
		if got := w.fullCheck(); len(got) > 0 {
			t.Errorf("by exports: %v", got)
		}
		w.options.LookUpsOnly = true
		if got := w.fullCheck(); len(got) != 1 {
			t.Errorf("by look-ups: %v", got)
		}
	})
}

// TestAFirstPlanByExports: what an export does not show is planned as new, and told
// as provisional; a run looks each one up.
func TestAFirstPlanByExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		w := stocked(t, n, emulator.Options{})
		w.foreign("ID-0007", "content of 7")
		w.foreign("somebody else's", "x")
		<-time.After(time.Minute)
		w.tenant.ResetBooks()
		s, rows := w.plan()
		if got := w.asked(); got != [3]int{1, 1, 1} {
			t.Errorf("looked up, queried, exported %v times", got)
		}
		reasons := map[string]int{}
		for _, r := range rows {
			reasons[string(r.Action)+" "+r.Reason]++
		}
		if d := cmp.Diff(map[string]int{"create new-provisional": n - 1, "conflict adopt-differs": 1}, reasons); d != "" || s.Provisional != n-1 {
			t.Error(s.Provisional, d)
		}
		w.options.LookUpsOnly = true
		w.tenant.ResetBooks()
		looked, _ := w.plan()
		if got := w.asked(); got != [3]int{n / 100, 0, 0} {
			t.Errorf("looked up, queried, exported %v times", got)
		}
		if d := looked.Reads - s.Reads; d < -1 || d > 1 {
			t.Errorf("%d reads of a run are foretold, and %d by look-ups", s.Reads, looked.Reads)
		}
		w.options.LookUpsOnly = false
		w.tenant.ResetBooks()
		w.mustRun(3)
		if got := w.asked(); got[1]+got[2] != 0 {
			t.Errorf("a run looked up, queried, exported %v times", got)
		}
	})
}

// TestASavedPlanByExports: a provisional create is carried out when nothing is there,
// and refused as stale when something is.
func TestASavedPlanByExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stocked(t, 3, emulator.Options{ExportLag: time.Hour})
		w.options = pipeline.WithExports(w.options)
		plan, s, _ := w.save(pipeline.Choice{})
		if s.Provisional != 3 {
			t.Errorf("%d rows are provisional", s.Provisional)
		}
		w.foreign("ID-0001", "theirs")
		w.mustCarry(3, plan)
		got := map[string]string{}
		for _, r := range w.results {
			got[r.ExternalID] = r.Status + " " + r.Reason
		}
		want := map[string]string{"ID-0000": "done new", "ID-0001": "blocked stale-remote", "ID-0002": "done new"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
