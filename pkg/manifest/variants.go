package manifest

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
)

// MaxVariants is how many language variants a primary can have. Source: v4
// updateAsset.
const MaxVariants = 50

// Variants finds primaries that are variants themselves, and primaries with too
// many variants, in flat memory: eight bytes for each variant and each primary
// in a first pass; the few suspects are compared letter by letter in a second one.
// The zero value is ready. It is not for concurrent use.
type Variants struct {
	seed      maphash.Seed
	seeded    bool
	variants  []uint64 // external IDs of items that have a primary
	primaries []uint64 // external IDs that are named as one, once for each time
}

func (s *Variants) hash(id string) uint64 {
	if !s.seeded {
		s.seed, s.seeded = maphash.MakeSeed(), true
	}
	return maphash.String(s.seed, id)
}

// Add remembers an item of the first pass.
func (s *Variants) Add(it *Item) {
	p := it.Fields.Localization.Value
	if p == (Primary{}) {
		return
	}
	s.variants = append(s.variants, s.hash(it.ExternalID))
	if p.ExternalID != "" {
		s.primaries = append(s.primaries, s.hash(p.ExternalID))
	}
}

// suspect is a primary that may be wrong.
type suspect struct {
	of    map[string]Primary // of variants: external ID to its primary
	named map[string]int     // how often each external ID was named as a primary
	by    []*Item            // which of the items name it, for chains
}

// Confirm goes over the same items again and reports the places of what is wrong.
// The stream is not read when there are no suspects. Afterwards s is empty.
func (s *Variants) Confirm(ctx context.Context, stream iter.Seq2[*Item, error], report func(Problem)) error {
	suspects := s.suspects()
	if len(suspects) == 0 {
		return nil
	}
	for it, err := range stream {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p := it.Fields.Localization.Value
		if p == (Primary{}) {
			continue
		}
		if g := suspects[s.hash(it.ExternalID)]; g != nil {
			g.of[it.ExternalID] = p
		}
		if g := suspects[s.hash(p.ExternalID)]; g != nil && p.ExternalID != "" {
			if g.named[p.ExternalID]++; g.named[p.ExternalID] == MaxVariants+1 {
				pr := NewProblem(CodeVariants, it.FieldPos("localization"), fmt.Sprintf("more than %d items name %q as their primary", MaxVariants, p.ExternalID), "take items out, or name another primary on some")
				pr.ExternalID = it.ExternalID
				report(pr)
			}
			if len(g.by) <= MaxVariants && p.ExternalID != it.ExternalID { // that is told of the item
				g.by = append(g.by, &Item{ExternalID: it.ExternalID, Pos: it.FieldPos("localization"), Fields: Fields{Localization: it.Fields.Localization}})
			}
		}
	}
	var found []Problem
	for _, g := range suspects {
		for _, it := range g.by {
			primary := it.Fields.Localization.Value.ExternalID
			over, is := g.of[primary]
			if !is {
				continue
			}
			other := fmt.Sprintf("%q", over.ExternalID)
			if over.ID != "" {
				other = "asset " + over.ID
			}
			pr := NewProblem(CodeVariantChain, it.Pos, fmt.Sprintf("its primary %q is itself a variant of %s", primary, other), "name the same primary on both")
			pr.ExternalID = it.ExternalID
			found = append(found, pr)
		}
	}
	SortProblems(found)
	for _, pr := range found {
		report(pr)
	}
	return nil
}

// suspects are the primaries, by their hashes, that are variants too or that are
// named too often.
func (s *Variants) suspects() map[uint64]*suspect {
	slices.Sort(s.primaries)
	slices.Sort(s.variants)
	found := map[uint64]*suspect{}
	for i, h := range s.primaries {
		_, chain := slices.BinarySearch(s.variants, h)
		if many := i >= MaxVariants && s.primaries[i-MaxVariants] == h; (chain || many) && found[h] == nil && len(found) < maxSuspects {
			found[h] = &suspect{of: map[string]Primary{}, named: map[string]int{}}
		}
	}
	s.primaries, s.variants = nil, nil
	return found
}
