package scan

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// many is a place with many files and nothing in them.
type many struct {
	source.Lister
	n int
}

func (m many) List(context.Context, string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		for i := range m.n {
			if !yield(source.Info{Path: fmt.Sprintf("region %02d/quarter %d/deck %07d.pptx", i%50, i%4, i), Size: int64(i + 1)}, nil) {
				return
			}
		}
	}
}

// BenchmarkFiles reports what is left in memory of each file.
func BenchmarkFiles(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				inv, err := Files(b.Context(), many{n: n}, Options{Root: decks})
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				if err := inv.Close(); err != nil {
					b.Fatal(err)
				}
				runtime.KeepAlive(inv)
			}
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "B/file")
		})
	}
}
