package export

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// crowd is a tenant of n assets, each made when it is listed.
type crowd struct {
	*tenant
	n    int
	peak uint64 // bytes that the runtime held, less those it gave back
}

func (c *crowd) CountAssets(context.Context, showpad.AssetFilter) (int, bool, error) {
	return c.n, true, nil
}

func (c *crowd) Assets(context.Context, showpad.AssetFilter) iter.Seq2[showpad.Asset, error] {
	return func(yield func(showpad.Asset, error) bool) {
		for i := range c.n {
			doc := fmt.Sprintf(`{"id": "%032x", "name": "Deck number %07d of a large library.pptx", "division": {"id": "d1"}, "type": "document", "status": "active",
				"currentFile": {"id": "f%d"}, "checksum": "%032x", "size": 1048576, "externalId": "LEGACY-%d", "description": "What people read about deck %d, in a few words.",
				"tags": [{"id": "t1"}, {"id": "t4"}], "languages": [{"code": "en"}], "countries": [{"code": "BE"}, {"code": "US"}], "authors": [{"id": "u1"}],
				"permissions": {"isShareable": true, "isAnnotatable": true, "isEditable": false}, "releasedAt": "2026-03-10T15:43:25.000Z", "expiresAt": null,
				"downloadableExternal": ["original"], "downloadableInternal": ["original"], "lockedPages": []}`, i, (i*7919)%c.n, i, i, i, i)
			var a showpad.Asset
			if err := json.Unmarshal([]byte(doc), &a); !yield(a, err) {
				return
			}
			if i%5000 == 0 {
				c.look()
			}
		}
	}
}

// look notes how much memory is held after a collection.
func (c *crowd) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.peak = max(c.peak, m.HeapAlloc)
}

// BenchmarkExport exports what is known of n assets, without their bytes. Held is
// the heap in use at the fullest moment, after a collection.
func BenchmarkExport(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			var peak uint64
			for b.Loop() {
				c := &crowd{tenant: newTenant(), n: n}
				o := options(b.TempDir())
				o.NoFiles = true
				seen := 0
				o.List = func(Item) error {
					if seen++; seen%5000 == 0 {
						c.look()
					}
					return nil
				}
				sum, err := Run(b.Context(), c, o)
				if err != nil || sum.Exported != n {
					b.Fatalf("%+v, %v", sum, err)
				}
				c.look()
				peak = max(peak, c.peak)
			}
			b.ReportMetric(float64(peak)/(1<<20), "MiB-held")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/asset")
		})
	}
}
