package scan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Report sums up what a place holds.
type Report struct {
	Files    int         `json:"files"` // listed
	Bytes    int64       `json:"bytes"` // of them
	Rows     int         `json:"rows"`  // in the inventory
	RowBytes int64       `json:"rowBytes"`
	Tags     int         `json:"tags"`  // different names of folders
	Types    []TypeCount `json:"types"` // of the rows, the most frequent first
	Findings []Group     `json:"findings"`

	Duplicates Duplicates `json:"duplicates"`
	Unhashed   int        `json:"unhashed"` // rows whose checksum is not known

	types  map[string]*TypeCount
	groups map[string]*Group
}

// TypeCount is the files with one extension.
type TypeCount struct {
	Extension string `json:"extension"` // lower case, with its dot; "" for files without one; "*" for all others
	Type      string `json:"type"`      // that Showpad probably makes of them; "": not known
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
}

// Group is the findings of one kind.
type Group struct {
	Kind    string    `json:"kind"`
	LeftOut bool      `json:"leftOut"` // of the inventory
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
	Samples []Finding `json:"samples"` // the first few
}

// Duplicates are files with the bytes of another one.
type Duplicates struct {
	Groups int   `json:"groups"` // of equal files
	Copies int   `json:"copies"` // beyond the first of each group
	Saved  int64 `json:"saved"`  // bytes of the copies
}

const (
	maxTypes    = 1000 // different extensions that are counted
	someSamples = 3
)

func newReport() Report {
	return Report{types: map[string]*TypeCount{}, groups: map[string]*Group{}}
}

func (r *Report) add(e *entry) {
	for _, n := range e.Notes {
		r.note(Finding{Kind: n.Kind, Path: e.Path, Size: e.Size, Detail: n.Detail})
	}
	if len(e.Notes) > 0 && e.Notes[0].Kind == Unlisted {
		return // a folder
	}
	size := max(e.Size, 0)
	r.Files++
	r.Bytes += size
	if e.Row == 0 {
		return
	}
	r.RowBytes += size
	ext := strings.ToLower(extension(baseName(e.Path)))
	t := r.types[ext]
	if t == nil {
		if len(r.types) >= maxTypes {
			ext = "*"
		}
		if t = r.types[ext]; t == nil {
			t = &TypeCount{Extension: ext, Type: TypeOf(ext)}
			r.types[ext] = t
		}
	}
	t.Files++
	t.Bytes += size
}

func (r *Report) note(f Finding) {
	g := r.groups[f.Kind]
	if g == nil {
		g = &Group{Kind: f.Kind, LeftOut: LeavesOut(f.Kind)}
		r.groups[f.Kind] = g
	}
	g.Files++
	g.Bytes += max(f.Size, 0)
	if len(g.Samples) < someSamples {
		g.Samples = append(g.Samples, f)
	}
}

// finish puts everything into its order.
func (r *Report) finish() {
	r.Types, r.Findings = []TypeCount{}, []Group{}
	for _, ext := range slices.Sorted(maps.Keys(r.types)) {
		r.Types = append(r.Types, *r.types[ext])
	}
	slices.SortStableFunc(r.Types, func(a, b TypeCount) int { return cmp.Compare(b.Files, a.Files) })
	for _, k := range kinds {
		if g := r.groups[k]; g != nil {
			r.Findings = append(r.Findings, *g)
		}
	}
}

// Of is the group of one kind; nil when there are no such findings.
func (r *Report) Of(kind string) *Group {
	i := slices.IndexFunc(r.Findings, func(g Group) bool { return g.Kind == kind })
	if i < 0 {
		return nil
	}
	return &r.Findings[i]
}

// LeftOut is how many files and folders are not in the inventory.
func (r *Report) LeftOut() int {
	n := 0
	for _, g := range r.Findings {
		if g.LeftOut {
			n += g.Files
		}
	}
	return n
}
