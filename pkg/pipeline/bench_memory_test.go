package pipeline_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// BenchmarkMemory plans a library that is all new, also out of a table of CSV with
// the checks of a manifest, and runs one again that is all done, against a service that has no memory of its own to count: peak-MB is what
// the runtime holds and has not given back. A hundred thousand items and a million
// are measured when they are named ("/100k", "/1000k").
func BenchmarkMemory(b *testing.B) {
	for _, n := range sizes(10_000) {
		b.Run("plan/"+sizeName(n), func(b *testing.B) { benchmarkMemory(b, n, false, nil) })
		b.Run("table/"+sizeName(n), func(b *testing.B) { benchmarkMemory(b, n, false, table(b, n)) })
		b.Run("rerun/"+sizeName(n), func(b *testing.B) { benchmarkMemory(b, n, true, nil) })
	}
}

// table is a manifest whose n items stand in a table of CSV.
func table(b *testing.B, n int) *expand.Set {
	dir := b.TempDir()
	f, err := os.Create(filepath.Join(dir, "t.csv"))
	if err != nil {
		b.Fatal(err)
	}
	rows := bufio.NewWriter(f)
	fmt.Fprintln(rows, "externalId;file;description;languages")
	for i := range n {
		fmt.Fprintf(rows, "%s;%s;%s;en\n", idOf(i), pathOf(i), descriptionOf(i))
	}
	err = errors.Join(rows.Flush(), f.Close(), os.WriteFile(filepath.Join(dir, "m.yaml"),
		[]byte("version: 1\nid: bench\ntarget: {subdomain: acme}\ndivision: Marketing\ninclude: [{table: t.csv}]\n"), 0o600))
	if err != nil {
		b.Fatal(err)
	}
	set, err := expand.Open(filepath.Join(dir, "m.yaml"), expand.Options{Now: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	set.Sources = map[string]source.Source{"": generated{}}
	return set
}

func benchmarkMemory(b *testing.B, n int, again bool, set *expand.Set) {
	b.ReportAllocs()
	peak := 0.0
	for b.Loop() {
		b.StopTimer()
		st := openState(b, filepath.Join(b.TempDir(), "memory.state.db"), true)
		if again {
			doneBefore(b, st, n)
		}
		service := &empty{}
		in := benchInput(n, service, st)
		used, memory := cpuTime(), watchMemory()
		b.StartTimer()
		if again {
			out, err := pipeline.Run(b.Context(), pipeline.RunInput{Input: in, Store: st, ID: "run-2"})
			if err != nil || out.Code != 0 || out.Status["unchanged"] != n || service.lists.Load() != 0 {
				b.Fatalf("%s, %v, %v, %d lists", out.Sentence, out.Err, err, service.lists.Load())
			}
		} else {
			if set != nil {
				in.Items = set.Items
				if c, err := set.Check(b.Context(), nil); err != nil || c.Items != n {
					b.Fatalf("%+v, %v", c, err)
				}
			}
			s, err := pipeline.Plan(b.Context(), in, func(pipeline.Row) error { return nil })
			if err != nil || s.Actions[pipeline.ActionCreate] != n {
				b.Fatalf("%v, %v", s, err)
			}
		}
		b.StopTimer()
		peak = max(peak, memory())
		b.ReportMetric(float64((cpuTime()-used).Microseconds())/float64(n), "us/item")
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(peak, "peak-MB")
}

// doneBefore writes the records of n items that an earlier run finished.
func doneBefore(tb testing.TB, st *state.Store, n int) {
	tb.Helper()
	sum := "0123456789abcdef0123456789abcdef"
	var writes []state.Write
	for i := range n {
		writes = append(writes, state.Write{Record: state.Record{
			ExternalID: idOf(i), Op: state.Create, Status: state.Done, Owner: "bench", AssetID: "a" + strconv.Itoa(i), FileID: "f" + strconv.Itoa(i), Source: pathOf(i),
			Size: fileSize, ModTime: longAgo.UnixNano(), MD5: sum, Run: "run-1", CreateRun: "run-1", Shown: "1:" + sum, Stamp: longAgo, StampRules: pipeline.StampRules(&manifest.Manifest{Update: updateRules}),
			Fields: map[string]state.Base{
				"description": {Sent: []byte(strconv.Quote(descriptionOf(i)))}, "languages": {Sent: []byte(`["en"]`)},
				"name": {Sent: []byte(strconv.Quote(pathOf(i)))}, "externalId": {Sent: json.RawMessage(strconv.Quote(idOf(i)))},
			},
		}})
		if len(writes) == 1000 || i == n-1 {
			if err := st.Replace(tb.Context(), writes...); err != nil {
				tb.Fatal(err)
			}
			writes = writes[:0]
		}
	}
}

// empty is a service without assets. It answers from no memory at all; what else
// is asked of it is a bug.
type empty struct {
	pipeline.API
	lists    atomic.Int64
	exported int // rows of the export
}

func (*empty) Divisions(context.Context) iter.Seq2[showpad.Division, error] {
	return func(yield func(showpad.Division, error) bool) {
		yield(showpad.Division{ID: emulator.DivisionMarketing, Name: "Marketing"}, nil)
	}
}
func (*empty) Languages(context.Context) ([]string, error) { return []string{"en"}, nil }

// The export shows the assets of doneBefore.
func (e *empty) QueryAssets(_ context.Context, q showpad.AssetQuery) iter.Seq2[showpad.Asset, error] {
	q.Counted(e.exported)
	return func(func(showpad.Asset, error) bool) {}
}
func (e *empty) StreamAssets(_ context.Context, asked func()) iter.Seq2[showpad.ExportedAsset, error] {
	return func(yield func(showpad.ExportedAsset, error) bool) {
		asked()
		for i := range e.exported {
			row := showpad.ExportedAsset{
				ID: "a" + strconv.Itoa(i), DivisionID: emulator.DivisionMarketing, Status: showpad.StatusActive, Source: "shared",
				ExternalID: idOf(i), Size: fileSize, UpdatedAt: longAgo,
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (e *empty) Assets(context.Context, showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	e.lists.Add(1)
	return func(func(showpad.Asset, error) bool) {}
}
