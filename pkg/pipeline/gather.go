package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// chunkSize is how many items are gathered together: as many as one short read
// of the state takes.
const chunkSize = 1000

// readers is how many parts of a chunk are looked at in the sources at once.
const readers = 8

// work is one item on its way, with all that is known of it.
type work struct {
	item  manifest.Item
	facts Facts
	Decision

	finding content.Finding // of Lint alone
	primary primary
	linking bool // in the second pass
	lane    lane // on its way through the stages
	coming  bool // it is small, and counted as on its way to be sent

	saved   *SavedRow  // of the saved plan, until it is compared
	planned *FileBasis // of the saved plan; nil when there is none, or no file matters

	look  *lookup // the look-up that found it absent; nil when it was not looked up
	start time.Time

	// What a run learns on the way.
	rec      *state.Record // as last written
	name     string        // the asset's name in the latest answer of this run; "" when none was seen
	slug     string
	md5      []byte     // of the bytes to send
	madeAnew bool       // its bytes are others each time they are read
	kept     *keptBytes // from the hashing to the sending; nil when nothing is kept
	mtime    int64      // trusted time of the file, see Record.ModTime
	creates  int        // creates sent in this run; likewise uploads and updates
	uploads  int
	updates  int
	resent   int       // because the service never heard of them
	hashed   bool      // in this run
	since    time.Time // when its create was sent without an answer
	made     time.Time // when its create was answered in this run
	sentAt   time.Time // when its bytes went in this run
	outlived bool      // an update of an earlier run, see outlive
	warnings []string
	change   *state.Change // what this run did to the asset so far, but for a create
	form     bool          // the service shows some of it in another form than sent
	touched  bool          // somebody changed the asset since it was last verified
	back     *backFacts    // of a rollback; nil otherwise
	ahead    bool          // its bytes are sent before its item is decided, see resumption
	aside    bool          // its item waited for that

	purse   *purse // that promised it due requests; nil: none did
	due     int
	counted bool // among the open items of the purse

	inTurn  bool          // see curfew.turn
	queued  time.Duration // that its upload will take, while it is in turn
	tooLong bool          // it was told that no run has the time for its bytes
}

// assetID is the asset that w is about, by its record or as the item names it; ""
// when it has to be looked up.
func (w *work) assetID() string {
	if rec := w.facts.Record; rec != nil && rec.AssetID != "" {
		return rec.AssetID
	}
	return linkOf(&w.item, w.facts.Record)
}

// lookup is one batch of external IDs that was asked for, and when.
type lookup struct {
	turn  turn // a holder may wait for the service
	ids   []string
	at    time.Time
	found map[string][]showpad.Asset
}

func newLookup(at time.Time, ids ...string) *lookup {
	return &lookup{turn: make(turn, 1), ids: ids, at: at}
}

// turn is a lock whose wait ends with a context: for what is held during
// requests.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }

// fresh returns what the service has under id, from an answer not older than
// maxAge and notBefore: an older one is asked for again, for the whole batch.
func (l *lookup) fresh(ctx context.Context, api API, id string, maxAge time.Duration, notBefore time.Time) ([]showpad.Asset, error) {
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	if time.Since(l.at) > maxAge || l.at.Before(notBefore) {
		at := time.Now()
		found, err := byExternalID(ctx, api, l.ids)
		if err != nil {
			return nil, err
		}
		l.at, l.found = at, found
	}
	return l.found[id], nil
}

// assetLister is the part of [API] that looks up assets.
type assetLister interface {
	Assets(ctx context.Context, f showpad.AssetFilter) iter.Seq2[showpad.Asset, error]
}

// byExternalID asks for at most a batch of external IDs. All pages are read,
// and only exact matches count: nobody documents how the filter compares.
func byExternalID(ctx context.Context, api assetLister, ids []string) (map[string][]showpad.Asset, error) {
	want := make(map[string]bool, len(ids))
	for _, id := range ids {
		want[id] = true
	}
	found := map[string][]showpad.Asset{}
	for a, err := range api.Assets(ctx, showpad.AssetFilter{ExternalIDs: ids}) {
		if err != nil {
			return nil, fmt.Errorf("looking up external IDs: %w", err)
		}
		if want[a.ExternalID] {
			found[a.ExternalID] = append(found[a.ExternalID], a)
		}
	}
	return found, nil
}

// byAssetID reads a batch of assets.
func byAssetID(ctx context.Context, api assetLister, ids []string) (map[string]showpad.Asset, error) {
	found := make(map[string]showpad.Asset, len(ids))
	for a, err := range api.Assets(ctx, showpad.AssetFilter{IDs: ids}) {
		if err != nil {
			return nil, fmt.Errorf("reading assets: %w", err)
		}
		found[a.ID] = a
	}
	return found, nil
}

// gatherer turns the stream of items into chunks of decided work.
type gatherer struct {
	in     *Input
	dir    *directory // nil: offline
	start  time.Time  // relative dates count from it
	twins  []manifest.Problem
	api    assetLister // that finds primaries; nil: offline
	owners owners
	extras []extras // of the manifest that this command is about; none for a selection
	listed *listing // what the manifest lists
	purse  *purse   // of a run, which reads no further ahead than it can pay for; nil: none
	early  *early   // what a run knows of its first chunk before it comes; nil: nothing
	items  int      // how many are selected
	reads  int      // API reads made

	inventory *inventory // nil: all is looked up
	exported  *ByExport  // nil: no export was asked for

	resume *resumption
	mu     sync.Mutex
}

// has reports whether an item is selected, but for the limit.
func (s *Selection) has(item *manifest.Item) bool {
	if s.Only != nil && !s.Only(item.ExternalID) {
		return false
	}
	return s.Division == "" || fold(s.Division) == fold(item.Division)
}

// count is how many of n items that has selects are left by the limit.
func (s *Selection) count(n int) int {
	if s.Limit > 0 {
		return min(n, s.Limit)
	}
	return n
}

// decide decides w by its facts. What people see of tags are their names.
func (g *gatherer) decide(w *work) {
	w.Decision = Decide(&w.item, &w.facts)
	if g.dir == nil {
		return
	}
	if a := w.Row.Audience; a != nil {
		if name := g.dir.names[w.facts.Refs.DivisionID]; name != w.item.Division {
			a.Division = name
		}
	}
	for i := range w.Row.Diff {
		if d := &w.Row.Diff[i]; d.Field == linkField {
			d.Wanted = namePrimary(&w.item, d.Wanted)
		} else if d.Field == "tags" {
			d.Remote, d.Wanted, d.Last = g.dir.nameTags(d.Remote), g.dir.nameTags(d.Wanted), g.dir.nameTags(d.Last)
		}
	}
}

// selected is the stream of the items that the command is about.
func selected(ctx context.Context, in *Input) iter.Seq2[manifest.Item, error] {
	return func(yield func(manifest.Item, error) bool) {
		n := 0
		for item, err := range in.Items(ctx) {
			if err == nil {
				if !in.Select.has(&item) {
					continue
				}
				if in.Select.Limit > 0 && n >= in.Select.Limit {
					return
				}
				n++
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// chunks yields the selected items, decided as far as reading can decide them.
func (g *gatherer) chunks(ctx context.Context) iter.Seq2[[]*work, error] {
	return func(yield func([]*work, error) bool) {
		size := orInt(g.in.Options.limits.chunk, chunkSize)
		chunk := make([]*work, 0, size)
		flush := func() bool {
			chunk = append(chunk, g.resume.ready()...)
			if len(chunk) == 0 {
				return true
			}
			for part, err := range g.gathered(ctx, chunk) {
				if !yield(part, err) || err != nil {
					return false
				}
			}
			g.early = nil // it was of the first
			chunk = make([]*work, 0, size)
			return !g.purse.closed()
		}
		for item, err := range selected(ctx, g.in) {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if g.resume.sets(&item) {
				continue
			}
			chunk = append(chunk, &work{item: item})
			if len(chunk) == size && !flush() {
				return
			}
		}
		for more := true; more && flush(); {
			var err error
			if more, err = g.resume.next(ctx); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// gathered yields a chunk with its facts, decided: as a whole, or, where requests are
// limited, in parts that a request or two tell of, as far as the limit allows.
func (g *gatherer) gathered(ctx context.Context, chunk []*work) iter.Seq2[[]*work, error] {
	return func(yield func([]*work, error) bool) {
		if err := g.gather(ctx, chunk); err != nil || g.in.API == nil {
			yield(chunk, err)
			return
		}
		if !g.purse.limited() {
			yield(chunk, g.readRemote(ctx, chunk))
			return
		}
		for len(chunk) > 0 {
			n, asks := 0, 0
			for ; n < len(chunk) && asks < lookupBatch; n++ {
				if chunk[n].Need == NeedRemote {
					asks++
				}
			}
			part := chunk[:n:n]
			if chunk = chunk[n:]; asks > 0 && !g.purse.reads(1) {
				return
			}
			if err := g.readRemote(ctx, part); !yield(part, err) || err != nil {
				return
			}
		}
	}
}

// lookupBatch is how many assets one look-up asks for.
const lookupBatch = 100

// gather fills in the facts of a chunk that are there without the service, and
// decides it as far as they go: records, files, names.
func (g *gatherer) gather(ctx context.Context, chunk []*work) error {
	recs, err := g.in.State.Get(ctx, idsOf(chunk))
	if err != nil {
		return err
	}
	if err := g.owners.find(ctx, g.in.State, chunk, recs); err != nil {
		return err
	}
	if err := g.findPrimaries(ctx, chunk, recs); err != nil {
		return err
	}
	return g.prepareAll(ctx, chunk, recs)
}

// prepareAll prepares a chunk, parts of it side by side.
func (g *gatherer) prepareAll(ctx context.Context, chunk []*work, recs map[string]state.Record) error {
	stats := errgroup.Group{}
	stats.SetLimit(readers)
	for part := range batchesOf(chunk, max(1, cap(chunk)/readers)) {
		stats.Go(func() error {
			for _, w := range part {
				if err := g.prepare(ctx, w, recs); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return stats.Wait()
}

func batchesOf[T any](l []T, n int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for len(l) > 0 {
			k := min(n, len(l))
			if !yield(l[:k:k]) {
				return
			}
			l = l[k:]
		}
	}
}

// prepare fills in what is known without the service, and decides a first time.
func (g *gatherer) prepare(ctx context.Context, w *work, recs map[string]state.Record) error {
	in := g.in
	f := &w.facts
	f.Start, f.Timezone, f.Owner, f.Rules = g.start, in.Manifest.Timezone, in.Manifest.ID, in.Manifest.Update
	f.Origin = in.Manifest.Target.Ownership
	f.KeepReplaced = in.Options.KeepReplaced != ""
	f.RetryFailed = in.Options.RetryFailed
	f.Recreate = in.Options.Recreate != nil && in.Options.Recreate(w.item.ExternalID)
	f.FullCheck = in.Options.FullCheck || f.Recreate // whether it is gone is seen by reading it alone
	if rec, ok := recs[w.item.ExternalID]; ok {
		f.Record = &rec
		w.rec = &rec
	}
	if w.item.URL == "" && !blockedByManifest(&w.item) {
		var err error
		if seen, ok := g.early.file(w.item.ExternalID); ok {
			f.Info, err = seen.info, seen.err
		} else if src, serr := sourceOf(in.Sources, w.item.Location); serr != nil {
			err = serr
		} else {
			f.Info, err = src.Stat(ctx, w.item.Location.Path)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f.SourceErr = err
		if err == nil {
			f.MD5 = knownMD5(ctx, in.Hashes, w.item.Location, f.Info)
		}
	}
	if g.dir != nil {
		f.Refs = g.resolve(w)
	}
	if f.FullCheck && !f.Recreate && g.inventory.spares(w) {
		f.FullCheck = false
	}
	g.decide(w)
	return nil
}

func blockedByManifest(item *manifest.Item) bool {
	for _, p := range item.Problems {
		if p.Class == manifest.Block {
			return true
		}
	}
	return false
}

func sourceOf(sources map[string]source.Source, l manifest.Location) (source.Source, error) {
	if s, ok := sources[SourceName(l)]; ok {
		return s, nil
	}
	return nil, &source.Error{Op: "open", Path: l.String(), Hint: "name its folder under roots:", Err: source.ErrNotExist}
}

// knownMD5 is the file's MD5 in hex when nobody has to read it for that. What
// was found by reading this very version counts more than what its place says.
func knownMD5(ctx context.Context, h Hashes, l manifest.Location, info source.Info) string {
	told := len(info.MD5) == 16
	if at := stamp(info); h != nil && at != 0 && (!told || info.Version != "") {
		if md5, ok := h.Lookup(ctx, hashName(l, info), info.Size, time.Unix(0, at)); ok {
			return md5
		}
	}
	if !told {
		return ""
	}
	return fmt.Sprintf("%x", info.MD5)
}

// hashName is the file's name in [Hashes]: with its version, where it has one.
func hashName(l manifest.Location, info source.Info) string {
	if info.Version == "" {
		return l.Key()
	}
	return l.Key() + "\x00" + info.Version
}

// readRemote asks the service for what decisions need: assets by id where a
// record has one or the item names one, else by external ID, in batches; then who has the external IDs
// that assets are to get.
func (g *gatherer) readRemote(ctx context.Context, chunk []*work) error {
	if err := g.readAssets(ctx, chunk); err != nil {
		return err
	}
	var heirs []*work
	for _, w := range chunk {
		if w.Need == NeedHolders {
			heirs = append(heirs, w)
		}
	}
	for batch := range workBatches(heirs, func(w *work) string { return w.item.ExternalID }) {
		found, err := byExternalID(ctx, g.in.API, idsOf(batch))
		if err != nil {
			return err
		}
		g.count(1)
		for _, w := range batch {
			w.facts.HoldersRead, w.facts.Holders = true, found[w.item.ExternalID]
			g.decide(w)
		}
	}
	return nil
}

func idsOf(ws []*work) []string {
	ids := make([]string, len(ws))
	for i, w := range ws {
		ids[i] = w.item.ExternalID
	}
	return ids
}

func (g *gatherer) readAssets(ctx context.Context, chunk []*work) error {
	var byID, byExt []*work
	for _, w := range chunk {
		switch {
		case w.Need != NeedRemote:
		case w.assetID() != "":
			byID = append(byID, w)
		case g.inventory.lacks(w):
			w.facts.RemoteRead, w.facts.Exported = true, true
			g.decide(w)
		default:
			byExt = append(byExt, w)
		}
	}
	if len(byID) == 0 && len(byExt) == 0 {
		return nil
	}
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(orInt(g.in.Options.Requests, 8)) // with the client's gate as the limit of all
	for batch := range workBatches(byExt, func(w *work) string { return w.item.ExternalID }) {
		eg.Go(func() error { return g.lookUp(ctx, batch) })
	}
	for batch := range workBatches(byID, (*work).assetID) {
		eg.Go(func() error { return g.readBatch(ctx, batch, (*work).assetID, g.decide) })
	}
	return eg.Wait()
}

// readBatch reads a batch of assets by id, singly those that the list may only
// not show yet, and decides each.
func (g *gatherer) readBatch(ctx context.Context, batch []*work, id func(*work) string, decide func(*work)) error {
	ids := make([]string, len(batch))
	for i, w := range batch {
		ids[i] = id(w)
	}
	found, err := byAssetID(ctx, g.in.API, ids)
	if err != nil {
		return err
	}
	g.count(1)
	gone := 0
	for i, w := range batch {
		a, ok := found[ids[i]]
		// A list may not show it yet, or leave the trash out.
		if rec := w.facts.Record; !ok && (gone < doubted || rec != nil && (g.young(rec) || rec.Op == state.Archive)) {
			if a, ok, err = g.readOne(ctx, ids[i]); err != nil {
				return err
			}
			if !ok {
				gone++
			}
		}
		w.facts.RemoteRead, w.facts.Remote = true, nil
		if ok {
			w.facts.Remote = []showpad.Asset{a}
		}
		decide(w)
	}
	return nil
}

// doubted is how many assets of a batch that the list does not show are asked for
// singly although their records seem old enough: the clock that says so may have
// been put forward since.
const doubted = 10

// young reports whether the service's list may not show a record's asset yet:
// what it does not list is asked for singly then.
func (g *gatherer) young(rec *state.Record) bool {
	settle := g.in.Options.SettleTime
	if settle == 0 {
		settle = settleTime
	}
	return g.in.now().Sub(rec.Updated) < settle
}

// readOne reads one asset; false when the service has none.
func (g *gatherer) readOne(ctx context.Context, id string) (showpad.Asset, bool, error) {
	g.count(1)
	a, err := g.in.API.Asset(ctx, id)
	if errors.Is(err, showpad.ErrNotFound) {
		return a, false, nil
	}
	return a, err == nil, err
}

// made is how many requests gathering took so far.
func (g *gatherer) made() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reads
}

func (g *gatherer) count(n int) {
	g.mu.Lock()
	g.reads += n
	g.mu.Unlock()
}

// stillThere are the assets that are there when they are asked for singly.
func (g *gatherer) stillThere(ctx context.Context, listed []showpad.Asset) (there []showpad.Asset, err error) {
	for i := range listed {
		a, ok, err := g.readOne(ctx, listed[i].ID)
		if err != nil {
			return nil, err
		}
		if ok {
			there = append(there, a)
		}
	}
	return there, nil
}

func (g *gatherer) lookUp(ctx context.Context, batch []*work) error {
	ids := idsOf(batch)
	l := g.early.look(ids)
	if l == nil {
		l = newLookup(time.Now(), ids...)
		var err error
		if l.found, err = byExternalID(ctx, g.in.API, ids); err != nil {
			return err
		}
	}
	found := l.found
	var err error
	g.count(1)
	for _, w := range batch {
		w.look = l
		if rec := w.facts.Record; rec != nil && rec.Op == state.Delete { // we deleted it: a list may be behind with that
			if found[w.item.ExternalID], err = g.stillThere(ctx, found[w.item.ExternalID]); err != nil {
				return err
			}
		}
		w.facts.RemoteRead, w.facts.Remote = true, found[w.item.ExternalID]
		g.decide(w)
	}
	return nil
}

// workBatches cuts work into batches that one list request can ask for.
func workBatches(ws []*work, id func(*work) string) iter.Seq[[]*work] {
	return func(yield func([]*work) bool) {
		ids := make([]string, len(ws))
		for i, w := range ws {
			ids[i] = id(w)
		}
		i := 0
		for batch := range showpad.Batches(ids) {
			if !yield(ws[i : i+len(batch)]) {
				return
			}
			i += len(batch)
		}
	}
}
