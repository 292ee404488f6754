package pipeline

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// How much of identical content is told in detail.
const (
	maxIdentical     = 20 // groups
	maxSamplesOfSame = 3  // external IDs of each
)

// Identical finds rows of one Division whose files have the same bytes, as far
// as their checksums are known. It keeps 16 bytes of each such row: Add all of
// them, Sum once, and then show it all of them again for the samples. The zero
// value is ready.
type Identical struct {
	Groups int         `json:"groups"` // of at least two rows
	Items  int         `json:"items"`  // rows in them
	Bytes  int64       `json:"bytes"`  // of all but one of each group
	Top    []SameBytes `json:"top"`    // the groups with the most bytes

	seed  maphash.Seed
	sums  []contentSum
	index map[uint64]int // of Top, by hash
}

// SameBytes are rows whose files have the same bytes.
type SameBytes struct {
	Size    int64    `json:"size"` // of one of them, in bytes
	Items   int      `json:"items"`
	Samples []string `json:"samples"` // external IDs of the first few
}

type contentSum struct {
	hash uint64 // of Division and checksum
	size int64
}

func (i *Identical) hash(r *Row) uint64 { return maphash.String(i.seed, fold(r.Division)+"\x00"+r.MD5) }

// Add counts a row. Those without a checksum, and empty files, are left out.
func (i *Identical) Add(r Row) {
	if r.MD5 == "" || r.Size == 0 {
		return
	}
	if i.sums == nil {
		i.seed = maphash.MakeSeed()
	}
	i.sums = append(i.sums, contentSum{i.hash(&r), r.Size})
}

// Sum ends the adding.
func (i *Identical) Sum() {
	slices.SortFunc(i.sums, func(a, b contentSum) int { return cmp.Compare(a.hash, b.hash) })
	type group struct {
		contentSum
		items int
	}
	wasted := func(g group) int64 { return int64(g.items-1) * g.size }
	var top []group
	for from := 0; from < len(i.sums); {
		to := from + 1
		for to < len(i.sums) && i.sums[to].hash == i.sums[from].hash {
			to++
		}
		g := group{i.sums[from], to - from}
		from = to
		if g.items == 1 {
			continue
		}
		i.Groups++
		i.Items += g.items
		i.Bytes += wasted(g)
		at, _ := slices.BinarySearchFunc(top, g, func(a, b group) int { return cmp.Compare(wasted(b), wasted(a)) })
		if at < maxIdentical {
			top = slices.Insert(top, at, g)[:min(len(top)+1, maxIdentical)]
		}
	}
	i.sums, i.index = nil, map[uint64]int{}
	for n, g := range top {
		i.Top = append(i.Top, SameBytes{Size: g.size, Items: g.items, Samples: []string{}})
		i.index[g.hash] = n
	}
}

// Sample takes a row for the samples, if it is one of Top.
func (i *Identical) Sample(r Row) {
	if len(i.Top) == 0 || r.MD5 == "" || r.Size == 0 {
		return
	}
	if n, ok := i.index[i.hash(&r)]; ok && len(i.Top[n].Samples) < maxSamplesOfSame {
		i.Top[n].Samples = append(i.Top[n].Samples, r.ExternalID)
	}
}
