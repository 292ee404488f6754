package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// versioned is a place that tells versions of files, and no times.
type versioned struct {
	source.Source
	version atomic.Int64
	opened  atomic.Int64
}

func (v *versioned) mark(i source.Info) source.Info {
	i.ModTime, i.Version = time.Time{}, fmt.Sprintf(`"%d"`, v.version.Load())
	return i
}

func (v *versioned) Stat(ctx context.Context, path string) (source.Info, error) {
	i, err := v.Source.Stat(ctx, path)
	return v.mark(i), err
}

func (v *versioned) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	v.opened.Add(1)
	r, i, err := v.Source.Open(ctx, path)
	return r, v.mark(i), err
}

func TestAPlaceThatTellsVersionsAndNoTimesIsNotReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		src := &versioned{Source: w.files}
		run := func() {
			t.Helper()
			if out := w.runWith(func(in *pipeline.RunInput) { in.Sources[""] = src }); out.Code != 0 {
				t.Fatalf("%d: %s", out.Code, out.Sentence)
			}
		}
		plan := func() pipeline.Row {
			t.Helper()
			st, err := state.Open(t.Context(), w.path, state.Options{Tenant: "acme", NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			in := w.input(st)
			in.Sources[""] = src
			in.Hashes = nil
			var row pipeline.Row
			if _, err := pipeline.Plan(t.Context(), in, func(r pipeline.Row) error { row = r; return nil }); err != nil {
				t.Fatal(err)
			}
			return row
		}
		run()
		read := src.opened.Load()
		if row := plan(); row.Action != pipeline.ActionUnchanged || src.opened.Load() != read {
			t.Errorf("the plan after it: %s, and %d readings", row.Action, src.opened.Load()-read)
		}
		src.version.Add(1)
		if row := plan(); row.Action != pipeline.ActionCheck {
			t.Errorf("another version of the same size: %s", row.Action)
		}
		w.files.put("A.txt", "CONTENT")
		run()
		w.check()
	})
}
