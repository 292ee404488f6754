package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// freeReading is how many bytes lint reads to compare them, in all, unless it is
// told to read: a few seconds of work.
const freeReading = 1 << 30

// maxThere is how many assets that items may equal are kept to compare with.
const maxThere = 100_000

// there finds assets of an item's Division that are no item's and equal it: a
// person may have uploaded them, and a run would make them a second time. Bytes
// tell, else names. A file is read if its checksum is not known and such an asset
// has its size: those of this machine, up to freeReading in all, and with
// Options.Hash all but those that are online only. Nothing is decided by it, and
// nothing linked.
//
// Of each item 32 bytes are kept; what may match is confirmed in a second pass.
type there struct {
	g    *gatherer
	seed maphash.Seed

	content   []uint64 // of each item, in order: its Division and its bytes, or their number; 0 for unknown
	contents  []uint64 // the same, sorted
	names     []uint64 // Division and name, sorted
	own       []uint64 // external IDs, and ids that items name, sorted
	divisions map[string]bool

	found  map[uint64][]*thereAsset // by content, and by name
	kept   int                      // assets in found
	more   int                      // beyond maxThere
	listed []uint64                 // external IDs of items that the service has, sorted

	free   int64 // of freeReading, what is left
	unread int   // files that were not read although an asset has their size
}

// thereAsset is an asset that an item may equal.
type thereAsset struct {
	id, externalID, name, division, md5 string
	size                                int64 // negative when it is not known
	told                                bool
}

func newThere(g *gatherer) *there {
	return &there{g: g, seed: maphash.MakeSeed(), divisions: map[string]bool{}, found: map[uint64][]*thereAsset{}, free: freeReading}
}

func (t *there) hash(parts ...string) uint64 {
	return maphash.String(t.seed, strings.Join(parts, "\x00")) | 1 // never 0
}

func (t *there) byName(division, name string) uint64 {
	return t.hash("name", division, likeName(name))
}

func (t *there) byBytes(division, md5 string) uint64 { return t.hash("bytes", division, md5) }

func (t *there) bySize(division string, size int64) uint64 {
	return t.hash("size", division, fmt.Sprint(size))
}

// likeName is what names share that are the same.
func likeName(name string) string { return fold(norm.NFC.String(name)) }

// add notes an item.
func (t *there) add(w *work) {
	division := w.facts.Refs.DivisionID
	f := &w.facts
	content := uint64(0)
	switch {
	case w.item.URL != "" || f.SourceErr != nil:
	case f.MD5 != "":
		content = t.byBytes(division, f.MD5)
	case f.Info.Size >= 0:
		content = t.bySize(division, f.Info.Size)
	}
	if content != 0 {
		t.contents = append(t.contents, content)
	}
	t.content = append(t.content, content)
	t.own = append(t.own, t.hash("external", w.item.ExternalID))
	if w.item.ID != "" {
		t.own = append(t.own, t.hash("id", w.item.ID))
	}
	if division != "" {
		t.divisions[division] = true
		t.names = append(t.names, t.byName(division, manifest.AssetName(w.item)))
	}
}

func has(sorted []uint64, h uint64) bool { _, ok := slices.BinarySearch(sorted, h); return ok }

// find reads the assets and reports those that items equal.
func (t *there) find(ctx context.Context, api API, report func(manifest.Problem)) error {
	if t.g.in.Options.Twins == nil || len(t.divisions) == 0 {
		return nil
	}
	for _, l := range [][]uint64{t.contents, t.names, t.own} {
		slices.Sort(l)
	}
	var ids []string
	for id := range t.divisions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	total := 0
	for batch := range showpad.Batches(ids) {
		n, known, err := api.CountAssets(ctx, showpad.AssetFilter{DivisionIDs: batch})
		if err != nil {
			return fmt.Errorf("counting assets: %w", err)
		}
		if !known {
			total = -1
			break
		}
		total += n
	}
	if total == 0 || !t.g.in.Options.Twins(total) {
		return nil
	}
	for batch := range showpad.Batches(ids) {
		for a, err := range api.Assets(ctx, showpad.AssetFilter{DivisionIDs: batch}) {
			if err != nil {
				return fmt.Errorf("listing assets: %w", err)
			}
			t.asset(&a)
		}
	}
	slices.Sort(t.listed)
	if len(t.found) == 0 {
		return nil
	}
	return t.confirm(ctx, report)
}

// asset notes an asset that items may equal.
func (t *there) asset(a *showpad.Asset) {
	if a.ExternalID != "" {
		if h := t.hash("external", a.ExternalID); has(t.own, h) {
			t.listed = append(t.listed, h)
			return
		}
	}
	if a.IsArchived || has(t.own, t.hash("id", a.ID)) {
		return
	}
	kept := &thereAsset{id: a.ID, externalID: a.ExternalID, name: a.Name, division: a.Division.ID, md5: strings.ToLower(a.Checksum), size: -1}
	if a.Size != nil {
		kept.size = *a.Size
	}
	var keys []uint64
	if name := t.byName(kept.division, kept.name); has(t.names, name) {
		keys = append(keys, name)
	}
	if kept.md5 != "" {
		for _, content := range []uint64{t.byBytes(kept.division, kept.md5), t.bySize(kept.division, kept.size)} {
			if has(t.contents, content) {
				keys = append(keys, content)
			}
		}
	}
	switch {
	case len(keys) == 0:
		return
	case t.kept == maxThere:
		t.more++
		return
	}
	t.kept++
	for _, k := range keys {
		t.found[k] = append(t.found[k], kept)
	}
}

// confirm goes over the items again and reports each that an asset equals. No
// asset is named to two of them.
func (t *there) confirm(ctx context.Context, report func(manifest.Problem)) error {
	i := -1
	for item, err := range t.g.in.Items(ctx) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if i++; i >= len(t.content) {
			break
		}
		if item.ID != "" || has(t.listed, t.hash("external", item.ExternalID)) {
			continue
		}
		division, ok := t.g.dir.division(item.Division)
		if !ok || division == "" {
			continue
		}
		name := manifest.AssetName(item)
		a, bytes := t.sameContent(ctx, &item, division, name, t.content[i])
		if a == nil {
			a = pickThere(t.found[t.byName(division, name)], func(a *thereAsset) bool {
				return a.division == division && likeName(a.name) == likeName(name)
			})
		}
		if a == nil {
			continue
		}
		a.told = true
		like := "has these bytes"
		switch {
		case bytes && likeName(a.name) != likeName(name):
			like += fmt.Sprintf(" (its name is %q)", a.name)
		case !bytes:
			like = "has this name"
			if t.otherSize(ctx, &item, a) {
				like += " (but other bytes)"
			}
		}
		report(a.problem(&item, like))
	}
	if t.unread > 0 {
		files, like, reads := "files have", "assets", "them"
		if t.unread == 1 {
			files, like, reads = "file has", "an asset", "it"
		}
		report(manifest.NewProblem("M131", manifest.Pos{File: t.g.in.Manifest.Path}, fmt.Sprintf("%d %s the size of %s of the Division, and may have the same bytes", t.unread, files, like), "lint with --hash, which reads "+reads))
	}
	if t.more > 0 {
		report(manifest.NewProblem("M131", manifest.Pos{File: t.g.in.Manifest.Path}, fmt.Sprintf("%d more assets may be like items", t.more), "link those above first, and lint again"))
	}
	return nil
}

// sameContent is the asset with the bytes of an item: the one with its name, or
// one whose name no item has.
func (t *there) sameContent(ctx context.Context, item *manifest.Item, division, name string, content uint64) (a *thereAsset, same bool) {
	group := t.found[content]
	if content == 0 || len(group) == 0 {
		return nil, false
	}
	info, ok := t.stat(ctx, item)
	if !ok {
		return nil, false
	}
	md5 := knownMD5(ctx, t.g.in.Hashes, item.Location, info)
	if md5 == "" && !info.Offline && slices.ContainsFunc(group, func(a *thereAsset) bool { return !a.told && a.division == division && a.size == info.Size }) {
		if !t.mayRead(item, info) {
			t.unread++
			return nil, false
		}
		md5 = t.read(ctx, item)
	}
	equal := func(a *thereAsset) bool { return md5 != "" && a.division == division && a.md5 == md5 }
	a = pickThere(group, func(a *thereAsset) bool { return equal(a) && likeName(a.name) == likeName(name) })
	if a == nil {
		a = pickThere(group, func(a *thereAsset) bool { return equal(a) && !has(t.names, t.byName(division, a.name)) })
	}
	return a, a != nil
}

// mayRead reports whether an item's file, which is not online only, may be read to
// be compared.
func (t *there) mayRead(item *manifest.Item, info source.Info) bool {
	switch {
	case t.g.in.Options.Hash:
		return true
	case item.Location.Kind != manifest.RootFolder || info.Size > t.free:
		return false
	}
	t.free -= info.Size
	return true
}

// stat describes an item's file; false when there is none to describe.
func (t *there) stat(ctx context.Context, item *manifest.Item) (source.Info, bool) {
	if item.URL != "" {
		return source.Info{}, false
	}
	src, err := sourceOf(t.g.in.Sources, item.Location)
	if err != nil {
		return source.Info{}, false
	}
	info, err := src.Stat(ctx, item.Location.Path)
	return info, err == nil
}

// read is the checksum of an item's file; "" when it cannot be read.
func (t *there) read(ctx context.Context, item *manifest.Item) string {
	src, err := sourceOf(t.g.in.Sources, item.Location)
	if err != nil {
		return ""
	}
	sum, _, err := t.g.in.hashFile(ctx, src, item.Location, false)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(sum)
}

func (t *there) otherSize(ctx context.Context, item *manifest.Item, a *thereAsset) bool {
	info, ok := t.stat(ctx, item)
	return ok && a.size >= 0 && info.Size >= 0 && info.Size != a.size
}

// pickThere is the first that fits and was told to no item, one without an
// external ID before the others; nil for none.
func pickThere(group []*thereAsset, fits func(*thereAsset) bool) *thereAsset {
	var other *thereAsset
	for _, a := range group {
		switch {
		case a.told || !fits(a):
		case a.externalID == "":
			return a
		case other == nil:
			other = a
		}
	}
	return other
}

func (a *thereAsset) problem(item *manifest.Item, like string) manifest.Problem {
	what := fmt.Sprintf("asset %s of this Division %s and is no item's: a run makes a second one", a.id, like)
	fix := fmt.Sprintf("if it is the same, write id: %s on the item", a.id)
	if a.externalID != "" {
		what = fmt.Sprintf("asset %s of this Division %s and the external ID %q: a run makes a second one", a.id, like, a.externalID)
		fix = fmt.Sprintf("if it is the same, let the item have that external ID, or clear it in Showpad and write id: %s on the item", a.id)
	}
	p := manifest.NewProblem("M131", item.FieldPos("externalId"), what, fix)
	p.ExternalID = item.ExternalID
	return p
}
