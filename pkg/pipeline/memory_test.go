package pipeline_test

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// What a plan and a rerun hold at their end does not grow with the library, but
// for a hash of 8 bytes for each item.
func TestMemoryIsFlat(t *testing.T) {
	const few, many, each = 1_000, 9_000, 64 // bytes for each further item, at most
	plan := func(t *testing.T, n int, held func()) {
		in, _ := emptyInput(t, n, false)
		rows := 0
		_, err := pipeline.Plan(t.Context(), in, func(pipeline.Row) error {
			if rows++; rows == n {
				held()
			}
			return nil
		})
		if err != nil || rows != n {
			t.Fatalf("%d rows, %v", rows, err)
		}
	}
	rerun := func(t *testing.T, n int, held func()) {
		in, st := emptyInput(t, n, true)
		finished := 0
		in.Observe = func(e pipeline.Event) {
			if _, ok := e.(pipeline.Finished); ok {
				if finished++; finished == n {
					held()
				}
			}
		}
		out, err := pipeline.Run(t.Context(), pipeline.RunInput{Input: in, Store: st, ID: "run-2"})
		if err != nil || out.Status["unchanged"] != n {
			t.Fatalf("%s, %v, %v", out.Sentence, out.Err, err)
		}
		if lists := in.API.(*empty).lists.Load(); lists != 0 {
			t.Errorf("%d requests for items that are done", lists)
		}
	}
	check := func(t *testing.T, n int, held func()) {
		in, _ := emptyInput(t, n, true)
		service := in.API.(*empty)
		service.exported, in.Options.FullCheck = n, true
		rows := 0
		s, err := pipeline.Plan(t.Context(), in, func(pipeline.Row) error {
			if rows++; rows == n {
				held()
			}
			return nil
		})
		if err != nil || s.Actions[pipeline.ActionUnchanged] != n || s.Export == nil || s.Export.AsBefore != n || service.lists.Load() != 0 {
			t.Fatalf("%v, %+v, %d look-ups, %v", s.Actions, s.Export, service.lists.Load(), err)
		}
	}
	for name, command := range map[string]func(*testing.T, int, func()){"plan": plan, "rerun": rerun, "full check by an export": check} {
		t.Run(name, func(t *testing.T) {
			live := func(n int) (bytes int) {
				command(t, n, func() {
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					bytes = int(m.HeapAlloc)
				})
				return bytes
			}
			live(few) // what is made once
			small, large := live(few), live(many)
			if grown := large - small; grown > (many-few)*each+1<<20 {
				t.Errorf("%d items hold %d bytes, %d items %d more", few, small, many, grown)
			} else {
				t.Logf("%d items hold %d bytes, %d items %d more", few, small, many, grown)
			}
		})
	}
}

// emptyInput is a library of n items and a service that has none: with done, they
// were all made by an earlier run.
func emptyInput(t testing.TB, n int, done bool) (pipeline.Input, *state.Store) {
	t.Helper()
	st, err := state.Open(context.WithoutCancel(t.Context()), filepath.Join(fastDir(t), "flat.state.db"), state.Options{Tenant: "acme", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if done {
		doneBefore(t, st, n)
	}
	return benchInput(n, &empty{}, st), st
}
