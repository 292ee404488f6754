package manifest

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// IDs finds external IDs that are used twice, or that differ only in case or
// Unicode form, and assets that are linked twice, in flat memory: eight bytes for each ID in a first pass; the
// few suspects are compared letter by letter in a second one. The zero value
// is ready. It is not for concurrent use.
type IDs struct {
	// Links says that these are ids of assets that items link: they are the same
	// only letter by letter.
	Links  bool
	seed   maphash.Seed
	seeded bool
	hashes []uint64
	fold   cases.Caser
}

// IDPlace is an external ID and where it stands.
type IDPlace struct {
	ExternalID string
	Link       string // of IDs with Links: the id of the asset, which stands at Pos; else ""
	Pos        Pos
}

// id is what is compared.
func (s *IDs) id(p IDPlace) string {
	if s.Links {
		return p.Link
	}
	return p.ExternalID
}

const (
	maxSuspects = 10_000 // groups that a second pass compares
	maxForms    = 16     // different spellings remembered of one group
)

func (s *IDs) hash(id string) uint64 {
	if !s.seeded {
		s.seed, s.seeded = maphash.MakeSeed(), true
		s.fold = cases.Fold()
	}
	return maphash.String(s.seed, s.folded(id))
}

// folded is what two IDs share that people and systems take for the same.
func (s *IDs) folded(id string) string {
	if s.Links {
		return id
	}
	ascii, lower := true, true
	for i := range len(id) {
		ascii = ascii && id[i] < 0x80
		lower = lower && (id[i] < 'A' || id[i] > 'Z')
	}
	if ascii && lower {
		return id
	}
	return norm.NFC.String(s.fold.String(norm.NFC.String(id)))
}

// Add remembers an external ID, or the id of an asset, of the first pass.
func (s *IDs) Add(id string) { s.hashes = append(s.hashes, s.hash(id)) }

// Confirm goes over the same IDs again and reports each place of a second use,
// with the first one in Also. The stream is not read when there are no
// suspects. Afterwards s is empty.
func (s *IDs) Confirm(ctx context.Context, stream iter.Seq2[IDPlace, error], report func(Problem)) error {
	suspects, more := s.suspects()
	if len(suspects) == 0 {
		return nil
	}
	var last Pos
	for p, err := range stream {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		last = p.Pos
		h := s.hash(s.id(p))
		group, ok := suspects[h]
		if !ok {
			continue
		}
		if pr, ok := s.compare(group, p); ok {
			report(pr)
		}
		if len(group) < maxForms && !slices.ContainsFunc(group, func(o IDPlace) bool { return s.id(o) == s.id(p) }) {
			suspects[h] = append(group, p)
		}
	}
	if more > 0 {
		code, what := CodeDuplicateID, "external IDs are used"
		if s.Links {
			code, what = CodeLinkTwice, "assets are linked"
		}
		report(NewProblem(code, Pos{File: last.File}, fmt.Sprintf("%d more %s more than once", more, what), "correct the ones above first"))
	}
	return nil
}

// compare reports p against the IDs of its group that came before.
func (s *IDs) compare(group []IDPlace, p IDPlace) (Problem, bool) {
	for _, o := range group {
		if s.Links && o.Link == p.Link {
			pr := NewProblem(CodeLinkTwice, p.Pos, fmt.Sprintf("asset %q is linked twice", p.Link), "take id: out of one of the items")
			pr.ExternalID, pr.Also = p.ExternalID, &o.Pos
			return pr, true
		}
		if !s.Links && o.ExternalID == p.ExternalID {
			pr := NewProblem(CodeDuplicateID, p.Pos, fmt.Sprintf("external ID %q is used twice", p.ExternalID), "give one of the items another ID, or remove it")
			pr.ExternalID, pr.Also = p.ExternalID, &o.Pos
			return pr, true
		}
	}
	for _, o := range group {
		if !s.Links && s.folded(o.ExternalID) == s.folded(p.ExternalID) { // else the hashes collided
			how := "only in upper and lower case"
			if norm.NFC.String(o.ExternalID) == norm.NFC.String(p.ExternalID) {
				how = "only in how accented letters are stored"
			}
			pr := NewProblem(CodeLookalikeID, p.Pos, fmt.Sprintf("external ID %q differs from %q %s", p.ExternalID, o.ExternalID, how), "rename one of them, or remove it")
			pr.ExternalID, pr.Also = p.ExternalID, &o.Pos
			return pr, true
		}
	}
	return Problem{}, false
}

// suspects are the hashes that came more than once, and how many are left out.
func (s *IDs) suspects() (map[uint64][]IDPlace, int) {
	slices.Sort(s.hashes)
	found := map[uint64][]IDPlace{}
	more := 0
	for i := 1; i < len(s.hashes); i++ {
		if s.hashes[i] != s.hashes[i-1] || i > 1 && s.hashes[i] == s.hashes[i-2] {
			continue
		}
		if len(found) == maxSuspects {
			more++
			continue
		}
		found[s.hashes[i]] = nil
	}
	s.hashes = nil
	return found, more
}
