package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// store is everything the tenant holds, with its indexes. The Server's lock
// guards it.
type store struct {
	seq    uint64
	assets map[string]*asset
	order  []*asset // by creation; deleted ones stay, for exports

	byExternal map[string]map[string]*asset // external id, then asset id
	byTag      map[string]map[string]*asset
	bySlug     map[string]*asset
	byFile     map[string]*asset

	tags      map[string]*tag
	tagOrder  []*tag
	tagByName map[string][]*tag // by lower-case name

	categories []*category // by creation

	shares []*share // by creation

	personal []*personalFile // by creation; what failed stays
}

func newStore() *store {
	return &store{
		assets:     map[string]*asset{},
		byExternal: map[string]map[string]*asset{},
		byTag:      map[string]map[string]*asset{},
		bySlug:     map[string]*asset{},
		byFile:     map[string]*asset{},
		tags:       map[string]*tag{},
		tagByName:  map[string][]*tag{},
	}
}

// newID is 32 hex digits out of the seed and the order of creation.
func (s *Server) newID(kind string) (string, uint64) {
	s.st.seq++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%d", s.opts.Seed, kind, s.st.seq))
	return hex.EncodeToString(sum[:16]), s.st.seq
}

// uuid is the same 32 digits in the form of a UUIDv4.
func uuid(id string) string {
	return id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-a" + id[17:20] + "-" + id[20:32]
}

func (st *store) index(a *asset) {
	if a.ExternalID != nil {
		put(st.byExternal, *a.ExternalID, a)
	}
	for _, id := range a.Tags {
		put(st.byTag, id, a)
	}
	for _, f := range a.Files {
		st.byFile[f.ID] = a
	}
	st.bySlug[a.Slug] = a
}

func (st *store) unindex(a *asset) {
	if a.ExternalID != nil {
		drop(st.byExternal, *a.ExternalID, a)
	}
	for _, id := range a.Tags {
		drop(st.byTag, id, a)
	}
}

func put(m map[string]map[string]*asset, key string, a *asset) {
	if m[key] == nil {
		m[key] = map[string]*asset{}
	}
	m[key][a.ID] = a
}

func drop(m map[string]map[string]*asset, key string, a *asset) {
	delete(m[key], a.ID)
	if len(m[key]) == 0 {
		delete(m, key)
	}
}

func (st *store) addAsset(a *asset) {
	st.order = append(st.order, a)
	if a.Deleted != nil {
		return
	}
	st.assets[a.ID] = a
	st.index(a)
}

// replaceAsset puts a changed copy in the place of an asset.
func (st *store) replaceAsset(old, changed *asset) {
	st.unindex(old)
	*old = *changed
	st.index(old)
}

func (st *store) removeAsset(a *asset, now time.Time) {
	st.unindex(a)
	delete(st.assets, a.ID)
	delete(st.bySlug, a.Slug)
	for _, f := range a.Files {
		delete(st.byFile, f.ID)
	}
	a.Deleted, a.Files = &now, nil
}

func foldName(name string) string { return strings.ToLower(name) }

func (st *store) addTag(t *tag) {
	st.tags[t.ID] = t
	st.tagOrder = append(st.tagOrder, t)
	st.tagByName[foldName(t.Name)] = append(st.tagByName[foldName(t.Name)], t)
}

func (st *store) unnameTag(t *tag) {
	key := foldName(t.Name)
	st.tagByName[key] = slices.DeleteFunc(st.tagByName[key], func(x *tag) bool { return x == t })
	if len(st.tagByName[key]) == 0 {
		delete(st.tagByName, key)
	}
}

func (st *store) renameTag(t *tag, name string) {
	st.unnameTag(t)
	t.Name = name
	st.tagByName[foldName(name)] = append(st.tagByName[foldName(name)], t)
}

func (st *store) removeTag(t *tag) {
	st.unnameTag(t)
	delete(st.tags, t.ID)
	st.tagOrder = slices.DeleteFunc(st.tagOrder, func(x *tag) bool { return x == t })
}

// findTag is the tag of a Division with a name, by the case rule in force.
func (st *store) findTag(division, name string, fold bool) *tag {
	for _, t := range st.tagByName[foldName(name)] {
		if t.Division == division && (fold || t.Name == name) {
			return t
		}
	}
	return nil
}

// collect is the union of what an index has for some keys, by creation.
func collect(m map[string]map[string]*asset, keys []string) []*asset {
	seen := map[string]*asset{}
	for _, key := range keys {
		maps.Copy(seen, m[key])
	}
	return bySeq(seen)
}

func bySeq(set map[string]*asset) []*asset {
	out := make([]*asset, 0, len(set))
	for _, a := range set {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *asset) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return out
}
