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

// again reports an item of the second pass that is the second or a later use of
// its file.
func (u *uses) again(s *Set, it *manifest.Item, suspects map[uint64][]use, report func(manifest.Problem)) {
	key := s.useKey(it)
	h := maphash.String(u.seed, key)
	group, ok := suspects[h]
	if key == "" || !ok {
		return
	}
	i := slices.IndexFunc(group, func(o use) bool { return o.key == key })
	if i < 0 {
		suspects[h] = append(group, use{key, it.ExternalID, it.FieldPos("file")})
		return
	}
	pr := manifest.NewProblem(manifest.CodeFileTwice, it.FieldPos("file"),
		fmt.Sprintf("file %s of %q is also that of %q", it.Location, it.ExternalID, group[i].id), "remove one of the items, unless both are meant")
	pr.ExternalID, pr.Also = it.ExternalID, &group[i].pos
	report(pr)
}

// twins reports items of one Division that have the same file, or names that
// look alike: what takes a second pass.
func (c *checker) twins(ctx context.Context) error {
	files, names := c.files.suspects(), c.names.suspects()
	if len(files) == 0 && !names {
		return nil
	}
	for p, err := range c.parsed(ctx, nil, true) {
		if err != nil {
			if _, ok := errors.AsType[manifest.Problems](err); ok {
				continue
			}
			return err
		}
		c.files.again(c.Set, &p.Item, files, c.report)
		c.names.again(&p.Item, c.useKey(&p.Item))
	}
	c.names.report(c.report)
	return nil
}
