package expand

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// uses finds files that two items of one Division have, in flat memory: eight
// bytes an item in a first pass, and a second pass over the suspects.
type uses struct {
	seed   maphash.Seed
	hashes []uint64
}

func newUses() *uses { return &uses{seed: maphash.MakeSeed()} }

const maxUses = 10_000 // suspects that a second pass compares

// key is what two uses of a file share; "" for items without one.
func (s *Set) useKey(it *manifest.Item) string {
	if it.Location == (manifest.Location{}) {
		return ""
	}
	return it.Division + "\x00" + s.address(it.Location)
}

func (u *uses) add(key string) {
	if key != "" {
		u.hashes = append(u.hashes, maphash.String(u.seed, key))
	}
}

// suspects are the hashes that came more than once.
func (u *uses) suspects() map[uint64][]use {
	slices.Sort(u.hashes)
	found := map[uint64][]use{}
	for i := 1; i < len(u.hashes) && len(found) < maxUses; i++ {
		if u.hashes[i] == u.hashes[i-1] {
			found[u.hashes[i]] = nil
		}
	}
	u.hashes = nil
	return found
}

// use is the first item with a file.
type use struct {
	key string
	id  string
	pos manifest.Pos
}

// confirm reports the second and later uses of a file.
func (u *uses) confirm(ctx context.Context, s *Set, report func(manifest.Problem)) error {
	suspects := u.suspects()
	if len(suspects) == 0 {
		return nil
	}
	for p, err := range s.parsed(ctx, nil, true) {
		if err != nil {
			if _, ok := errors.AsType[manifest.Problems](err); ok {
				continue
			}
			return err
		}
		key := s.useKey(&p.Item)
		h := maphash.String(u.seed, key)
		group, ok := suspects[h]
		if key == "" || !ok {
			continue
		}
		i := slices.IndexFunc(group, func(o use) bool { return o.key == key })
		if i < 0 {
			suspects[h] = append(group, use{key, p.Item.ExternalID, p.Item.FieldPos("file")})
			continue
		}
		pr := manifest.NewProblem(manifest.CodeFileTwice, p.Item.FieldPos("file"),
			fmt.Sprintf("file %s of %q is also that of %q", p.Item.Location, p.Item.ExternalID, group[i].id), "remove one of the items, unless both are meant")
		pr.ExternalID, pr.Also = p.Item.ExternalID, &group[i].pos
		report(pr)
	}
	return nil
}
