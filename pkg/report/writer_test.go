package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestRowsReachTheFileWithinASecond(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	synctest.Test(t, func(t *testing.T) {
		w, err := Create(dir, testInfo())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(testResults()[0]); err != nil {
			t.Fatal(err)
		}
		<-time.After(flushEvery + time.Millisecond) // of the bubble's clock
		synctest.Wait()
		if got := strings.Count(read(t, dir, ResultsFile), "\n"); got != 1 {
			t.Errorf("%d rows in the file after a second, want 1", got)
		}
		if err := w.Abandon(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAThousandRowsAreNotHeldBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	synctest.Test(t, func(t *testing.T) { // its clock stands still: the ticker has no part in it
		w, err := Create(dir, testInfo())
		if err != nil {
			t.Fatal(err)
		}
		for range flushRows {
			if err := w.Add(pipeline.Result{ExternalID: "x", Status: "done"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Count(read(t, dir, ResultsFile), "\n"); got != flushRows {
			t.Errorf("%d rows in the file, want %d", got, flushRows)
		}
		if err := w.Abandon(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestManyAddAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, testInfo())
	if err != nil {
		t.Fatal(err)
	}
	const adders, each = 8, 500
	var wg sync.WaitGroup
	for a := range adders {
		wg.Go(func() {
			for i := range each {
				if err := w.Add(pipeline.Result{ExternalID: fmt.Sprintf("%d-%d", a, i), Status: "done"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := w.Close(testOutcome()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for l, err := range lines(strings.NewReader(read(t, dir, ResultsFile))) {
		if err != nil {
			t.Fatal(err)
		}
		if l.row.Run != runID {
			t.Fatalf("row of %s has run %q", l.row.ExternalID, l.row.Run)
		}
		seen[l.row.ExternalID] = true
	}
	if len(seen) != adders*each {
		t.Errorf("%d different rows, want %d", len(seen), adders*each)
	}
}

func TestKeptKeysKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var k keep
		for _, key := range rapid.SliceOfDistinct(rapid.String(), rapid.ID[string]).Draw(t, "keys") {
			k = append(k, manifest.KeepKV{Key: key, Value: rapid.String().Draw(t, "value")})
		}
		data, err := json.Marshal(row{ExternalID: "x", Keep: k})
		if err != nil {
			t.Fatal(err)
		}
		var back row
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k, back.Keep); diff != "" {
			t.Errorf("%s (-want +got):\n%s", data, diff)
		}
	})
}

func TestKeyThatComesTwiceKeepsBothValues(t *testing.T) {
	k := keep{{Key: "URL", Value: "1"}, {Key: "URL", Value: "2"}, {Key: "URL (2)", Value: "3"}}
	got, err := json.Marshal(k)
	if want := `{"URL":"1","URL (2)":"2","URL (2) (2)":"3"}`; err != nil || string(got) != want {
		t.Errorf("keep = %s, %v; want %s", got, err, want)
	}
}

func TestKeptColumnsAreBounded(t *testing.T) {
	tl := newTally()
	for i := range maxKept + 5 {
		tl.add(row{Status: "done", Keep: keep{{Key: fmt.Sprint(i)}}})
	}
	if len(tl.kept) != maxKept || tl.keptLeftOut != 5 || tl.kept[0] != "0" {
		t.Errorf("%d kept, %d left out", len(tl.kept), tl.keptLeftOut)
	}
}

func TestCodesAreBounded(t *testing.T) {
	tl := newTally()
	for i := range maxCodes + 7 {
		tl.add(row{Status: "blocked", Reason: fmt.Sprint(i)})
	}
	if len(tl.codes) != maxCodes+1 || tl.codes[otherCode] != 7 {
		t.Errorf("%d codes, %d others", len(tl.codes), tl.codes[otherCode])
	}
}

// manyResults writes n results and closes the run; heap is the largest live
// heap seen, less what was there before.
func manyResults(tb testing.TB, n int) (heap int64) {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "run")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sample := func() {
		runtime.GC()
		runtime.ReadMemStats(&now)
		heap = max(heap, int64(now.HeapAlloc)-int64(before.HeapAlloc))
	}
	w, err := Create(dir, testInfo())
	if err != nil {
		tb.Fatal(err)
	}
	base := testResults()
	for i := range n {
		r := base[i%len(base)]
		r.ExternalID = fmt.Sprintf("SP-%07d", i)
		if err := w.Add(r); err != nil {
			tb.Fatal(err)
		}
	}
	sample()
	if _, err := w.Close(testOutcome()); err != nil {
		tb.Fatal(err)
	}
	sample()
	if v, err := Verify(dir); err != nil || !v.OK() || v.Rows != n {
		tb.Fatalf("Verify = %+v, %v; want %d rows", v, err, n)
	}
	sample()
	if err := os.RemoveAll(dir); err != nil {
		tb.Fatal(err)
	}
	return heap
}

func TestMemoryDoesNotGrowWithTheResults(t *testing.T) {
	small, large := manyResults(t, 1_000), manyResults(t, 50_000)
	if large > small+1<<20 {
		t.Errorf("live heap grew from %d to %d bytes with 50 times the results", small, large)
	}
}

// BenchmarkRun streams whole runs; heap-B is the largest live heap beyond what
// was there before.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var heap int64
			for b.Loop() {
				heap = max(heap, manyResults(b, n))
			}
			b.ReportMetric(float64(heap), "heap-B")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
		})
	}
}
