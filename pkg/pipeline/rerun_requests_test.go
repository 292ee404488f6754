package pipeline_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestWhatARerunAsks: of an unchanged library of any size, a rerun asks for nothing
// but the names that its items use; a full check reads a hundred assets with each
// request more.
func TestWhatARerunAsks(t *testing.T) {
	asked := map[int]int{}
	for _, n := range []int{10, 250} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			for i := range n {
				w.add(fmt.Sprintf("ID-%04d", i), fmt.Sprint("content of ", i), tags("Sales"))
			}
			w.mustRun(0)
			w.tenant.ResetBooks()
			w.mustRun(0)
			b := w.tenant.Books()
			if asked[n] = b.API; len(b.Commits) > 0 {
				t.Errorf("%d items: a rerun changed %v", n, b.Commits)
			}
			if b.API > 6 {
				t.Errorf("%d items: a rerun asked %d times: %v", n, b.API, b.Requests)
			}
			w.tenant.ResetBooks()
			w.options.FullCheck = true
			w.mustRun(0)
			if b := w.tenant.Books(); b.API != asked[n]+(n+99)/100 {
				t.Errorf("%d items: a full check asked %d times, and a rerun %d times: %v", n, b.API, asked[n], b.Requests)
			}
		})
	}
	if asked[10] != asked[250] {
		t.Errorf("a rerun of 10 items asked %d times, one of 250 items %d times", asked[10], asked[250])
	}
}
