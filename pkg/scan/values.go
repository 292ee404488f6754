package scan

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Values are different values with how often they came: as many as a map of the
// manifest can hold, the rest is counted.
type Values struct {
	counts map[string]int
	more   int
}

func newValues() *Values { return &Values{counts: map[string]int{}} }

// Add counts a value.
func (v *Values) Add(s string) {
	if _, ok := v.counts[s]; !ok && len(v.counts) >= manifest.MaxMapEntries {
		v.more++
		return
	}
	v.counts[s]++
}

// AddAll counts the values of another.
func (v *Values) AddAll(o *Values) {
	for s, n := range o.counts {
		v.Add(s)
		if _, kept := v.counts[s]; kept {
			v.counts[s] += n - 1
		}
	}
}

// Len is how many different values are kept.
func (v *Values) Len() int { return len(v.counts) }

// More is how many values came beyond those that are kept.
func (v *Values) More() int { return v.more }

// All are the values with their counts, the most frequent first.
func (v *Values) All() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		keys := slices.SortedFunc(maps.Keys(v.counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(v.counts[b], v.counts[a]), cmp.Compare(a, b))
		})
		for _, k := range keys {
			if !yield(k, v.counts[k]) {
				return
			}
		}
	}
}
