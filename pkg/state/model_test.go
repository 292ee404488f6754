package state

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A store against a map: steps of any kind, any grouping, closed and opened in
// between.
func TestAStoreIsAMapOfSteps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		open := func() *Store {
			s, err := Open(t.Context(), path, Options{Tenant: "acme", NoSync: true})
			if err != nil {
				rt.Fatal(err)
			}
			return s
		}
		s := open()
		defer func() { s.Close() }()
		model, events := map[string]head{}, map[string]int{}
		ops, sts := rapid.SampledFrom(Ops()), rapid.SampledFrom(Statuses())
		step := func(rt *rapid.T, ids int) Write {
			w := rec(fmt.Sprintf("id %03d", rapid.IntRange(0, ids).Draw(rt, "id")), ops.Draw(rt, "op"), sts.Draw(rt, "status"))
			if rapid.Bool().Draw(rt, "told") {
				w.Event = "step"
			}
			return w
		}
		set := func(w Write) {
			model[w.Record.ExternalID] = head{w.Record.Op, w.Record.Status}
			if w.Event != "" {
				events[w.Record.ExternalID]++
			}
		}
		apply := func(ws []Write) bool { // all or nothing
			next := map[string]head{}
			for _, w := range ws {
				h := head{w.Record.Op, w.Record.Status}
				prev, ok := next[w.Record.ExternalID]
				if !ok {
					prev = model[w.Record.ExternalID]
				}
				if follow(prev, h) != nil {
					return false
				}
				next[w.Record.ExternalID] = h
			}
			for _, w := range ws {
				set(w)
			}
			return true
		}
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				var ws []Write
				for range rapid.IntRange(1, 4).Draw(rt, "n") {
					ws = append(ws, step(rt, 5))
				}
				if err := s.Put(t.Context(), ws...); (err == nil) != apply(ws) {
					rt.Fatalf("put: %v", err)
				}
			},
			"queue": func(rt *rapid.T) {
				refused := false
				for range rapid.IntRange(1, 40).Draw(rt, "n") {
					w := step(rt, 200)
					if err := s.Queue(t.Context(), w); err != nil {
						rt.Fatal(err)
					}
					refused = !apply([]Write{w}) || refused
				}
				if err := s.Flush(t.Context()); (err != nil) != refused {
					rt.Fatalf("flush: %v", err)
				}
			},
			"replace": func(rt *rapid.T) {
				var ws []Write
				valid := true
				for range rapid.IntRange(1, 4).Draw(rt, "n") {
					w := step(rt, 5)
					ws = append(ws, w)
					valid = valid && Allowed(w.Record.Op, w.Record.Status, w.Record.Status)
				}
				if err := s.Replace(t.Context(), ws...); (err == nil) != valid {
					rt.Fatalf("replace: %v", err)
				}
				for _, w := range ws {
					if valid {
						set(w)
					}
				}
			},
			"rename": func(rt *rapid.T) {
				from, to := step(rt, 5).Record.ExternalID, step(rt, 8).Record.ExternalID
				h, known := model[from]
				_, taken := model[to]
				err := s.Rename(t.Context(), from, to)
				if (err == nil) != (known && !h.Status.unfinished() && !taken) {
					rt.Fatalf("rename of %s, which is %v, to %s: %v", from, h, to, err)
				}
				if err == nil {
					model[to], events[to] = h, events[from]+1
					delete(model, from)
					delete(events, from)
				}
			},
			"finish all": func(rt *rapid.T) {
				var ws []Write
				for id, h := range model {
					if !h.Status.finished() {
						ws = append(ws, rec(id, h.Op, Failed))
					}
				}
				if err := s.Put(t.Context(), ws...); err != nil || !apply(ws) {
					rt.Fatalf("put: %v", err)
				}
			},
			"reopen": func(rt *rapid.T) {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = open()
			},
			"": func(rt *rapid.T) {
				want := Counts{}.clone()
				var ids, open []string
				for id, h := range model {
					want.add(h, 1)
					ids = append(ids, id)
					if h.Status.unfinished() {
						open = append(open, id)
					}
				}
				slices.Sort(ids)
				slices.Sort(open)
				if c, err := s.Counts(t.Context()); err != nil || !cmp.Equal(c, want) {
					rt.Fatalf("counts: %v %s", err, cmp.Diff(want, c))
				}
				all, err := s.Scan(t.Context(), "", 1000)
				if err != nil || !slices.Equal(idsOf(all), ids) {
					rt.Fatalf("scan: %v, %v", idsOf(all), err)
				}
				un, err := s.Unfinished(t.Context(), "", 1000)
				if err != nil || !slices.Equal(idsOf(un), open) {
					rt.Fatalf("unfinished: %v, %v", idsOf(un), err)
				}
				for _, r := range all {
					if h := (head{r.Op, r.Status}); h != model[r.ExternalID] {
						rt.Fatalf("%s is %v, want %v", r.ExternalID, h, model[r.ExternalID])
					}
				}
				for id, n := range events {
					if ev, err := s.Events(t.Context(), id); err != nil || len(ev) != min(n, keepEvents) {
						rt.Fatalf("%s has %d events, want %d, %v", id, len(ev), n, err)
					}
				}
			},
		})
	})
}
