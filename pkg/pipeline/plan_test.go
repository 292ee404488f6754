package pipeline_test

import (
	"testing"
	"testing/synctest"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestAPlanNamesTagsByTheirNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a", tags("Sales"))
		w.mustRun(0)
		w.items[0].Fields.Tags = manifest.Some([]manifest.Tag{{Name: "Sales"}, {Name: "EMEA"}})
		row := w.action("A")
		if len(row.Diff) != 1 || string(row.Diff[0].Remote) != `["Sales"]` || string(row.Diff[0].Wanted) != `["EMEA","Sales"]` {
			t.Errorf("the difference is %s -> %s", row.Diff[0].Remote, row.Diff[0].Wanted)
		}
	})
}

func TestASelectionIsCountedAndNothingElseIsTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.many(10)
		for _, c := range []struct {
			sel  pipeline.Selection
			want int
		}{
			{pipeline.Selection{Limit: 3}, 3},
			{pipeline.Selection{Only: func(id string) bool { return id == "A05" }}, 1},
			{pipeline.Selection{Division: "marketing", Limit: 100}, 10},
		} {
			w.sel = c.sel
			out := w.mustRun(0)
			started, ok := w.events[0].(pipeline.Started)
			if !ok || started.Items != c.want || len(w.results) != c.want || out.Plan.Items != c.want {
				t.Errorf("%+v: %d items begun, %d results, %d planned; want %d", c.sel, started.Items, len(w.results), out.Plan.Items, c.want)
			}
		}
		w.check()
	})
}
