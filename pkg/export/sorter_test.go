package export

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSorting(t *testing.T) {
	for _, limit := range []int{0, 1, 500, 5000} {
		for _, n := range []int{0, 1, 300} {
			t.Run(fmt.Sprintf("%d of %d bytes", n, limit), func(t *testing.T) {
				s := newSorter("a test", limit)
				defer func() {
					if err := s.close(); err != nil {
						t.Error(err)
					}
				}()
				rnd := rand.New(rand.NewPCG(1, uint64(n)))
				var want []string
				for i := range n {
					key := fmt.Sprintf("%02d", rnd.IntN(40))
					line := fmt.Sprintf("%s %03d %s", key, i, strings.Repeat("x", rnd.IntN(30)))
					want = append(want, line)
					if err := s.add(key, []byte(line)); err != nil {
						t.Fatal(err)
					}
				}
				slices.Sort(want) // by key, then as they came
				for range 2 {
					var got []string
					for b, err := range s.all() {
						if err != nil {
							t.Fatal(err)
						}
						got = append(got, string(b))
					}
					if !slices.Equal(got, want) {
						t.Fatalf("got %q", got)
					}
				}
				for range s.all() {
					break
				}
				if spilled := s.file != nil; n == 300 && spilled != (limit > 0) {
					t.Errorf("spilled: %v", spilled)
				}
			})
		}
	}
}
