package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Kinds of [Difference].
const (
	DiffMissing    = "missing"    // the service has no such asset
	DiffTwin       = "twin"       // several assets have the external ID
	DiffStatus     = "status"     // it is not active
	DiffArchived   = "archived"   // it is in the trash, and the item does not say so
	DiffBytes      = "bytes"      // checksum or size, as the service tells them
	DiffField      = "field"      // a managed field
	DiffDivision   = "division"   // it is elsewhere
	DiffExternalID = "externalId" // the asset no longer has our external ID
	DiffContent    = "content"    // the bytes that the service gives back
	DiffUnread     = "unread"     // its bytes could not be read back
	DiffUnchecked  = "unchecked"  // something kept it from being compared
)

// Difference is one thing in which the service is not as the manifest says, or
// that could not be compared.
type Difference struct {
	ExternalID string          `json:"externalId"`
	Key        string          `json:"key,omitempty"` // of a tag category, which has no external ID
	AssetID    string          `json:"assetId,omitempty"`
	Kind       string          `json:"kind"`
	Field      string          `json:"field,omitempty"`
	Want       json.RawMessage `json:"want,omitempty"`
	Got        json.RawMessage `json:"got,omitempty"`
	Text       string          `json:"text"`
}

// VerifySummary counts items: each is one of OK, Different, Missing, Unfinished
// or Unchecked.
type VerifySummary struct {
	Items      int `json:"items"`
	OK         int `json:"ok"`
	Different  int `json:"different"`
	Missing    int `json:"missing"`
	Unfinished int `json:"unfinished"` // its bytes are sent, and it differs only in what comes after the service has processed them
	Unchecked  int `json:"unchecked"`  // no difference was found, and not all could be compared

	Categories       int `json:"categories,omitempty"` // tag categories; they are not among the items
	CategoriesDiffer int `json:"categoriesDiffer,omitempty"`

	// With Options.Deep: files whose bytes were read back, and how many bytes that was.
	ReadBack int   `json:"readBack"`
	Bytes    int64 `json:"bytes"`
}

// Verify compares every selected item with the service: one asset has its external
// ID, and it is the one that the state knows; its status, its Division, every managed
// field, and its bytes by checksum and size. It yields what differs, in the
// manifest's order. It writes nothing, neither at the service nor into the state, and
// reads the service in batches: one request for up to 100 items, and a second one for
// those whose asset is not found by its external ID. With Options.Deep it also reads the
// bytes of each file back, which takes one request more for each, and hashes them.
func Verify(ctx context.Context, in Input, yield func(Difference) error) (VerifySummary, error) {
	var s VerifySummary
	g, c, err := prepare(ctx, &in, nil)
	if err != nil {
		return s, err
	}
	observe := in.Observe
	if observe == nil {
		observe = func(Event) {}
	}
	v := &verifier{g: g, api: in.API, deep: in.Options.Deep, workers: runtime.GOMAXPROCS(0), observe: observe}
	if v.deep {
		v.workers = orInt(in.Options.Downloads, 4)
	}
	whole := in
	in.API = nil // what the gatherer would ask for is read here, otherwise
	observe(Started{Items: in.Select.count(c.items), At: in.Start})
	tell := func(c *comparison) error {
		s.add(c)
		observe(Compared{ExternalID: c.item.ExternalID, Differs: len(c.found) > 0})
		for _, d := range c.found {
			if err := yield(d); err != nil {
				return err
			}
		}
		return nil
	}
	for chunk, err := range g.chunks(ctx) {
		if err == nil {
			err = v.read(ctx, chunk)
		}
		if err == nil {
			err = v.compareAll(ctx, chunk, tell)
		}
		if err != nil {
			return s, err
		}
	}
	return s, v.verifyCategories(ctx, whole, &s, yield)
}

// add counts an item by what was found of it.
func (s *VerifySummary) add(c *comparison) {
	s.Items++
	if c.readBack >= 0 {
		s.ReadBack++
		s.Bytes += c.readBack
	}
	rec := c.facts.Record
	sent := rec != nil && (rec.Status == state.Sent || rec.Status == state.Processing)
	different := false
	for _, d := range c.found {
		switch d.Kind {
		case DiffMissing:
			s.Missing++
			return
		case DiffUnchecked, DiffUnread:
		case DiffStatus, DiffBytes, DiffContent, DiffField: // time, and a run that goes on, mend these
			different = true
		default:
			different, sent = true, false
		}
	}
	switch {
	case different && sent:
		s.Unfinished++
	case different:
		s.Different++
	case len(c.found) > 0:
		s.Unchecked++
	default:
		s.OK++
	}
}

// verifier compares items with the service.
type verifier struct {
	g       *gatherer // that asks the service nothing but names
	api     API
	deep    bool
	workers int // items compared at once
	observe func(Event)
}

// read asks for the assets of a chunk: by external ID, which finds twins, and by the
// record's asset id where that one is not among them.
func (v *verifier) read(ctx context.Context, chunk []*work) error {
	err := v.batches(ctx, chunk, func(w *work) string { return w.item.ExternalID }, func(ctx context.Context, batch []*work, ids []string) error {
		found, err := byExternalID(ctx, v.api, ids)
		for _, w := range batch {
			w.facts.RemoteRead, w.facts.Remote = true, found[w.item.ExternalID]
		}
		return err
	})
	if err != nil {
		return err
	}
	var lost []*work
	for _, w := range chunk {
		if rec := w.facts.Record; rec != nil && rec.AssetID != "" && !slices.ContainsFunc(w.facts.Remote, isAsset(rec.AssetID)) {
			lost = append(lost, w)
		}
	}
	return v.batches(ctx, lost, func(w *work) string { return w.facts.Record.AssetID }, func(ctx context.Context, batch []*work, ids []string) error {
		found, err := byAssetID(ctx, v.api, ids)
		if err != nil {
			return err
		}
		for i, w := range batch {
			a, ok := found[ids[i]]
			if !ok && v.g.young(w.facts.Record) {
				a, err = v.api.Asset(ctx, ids[i])
				if ok = err == nil; err != nil && !errors.Is(err, showpad.ErrNotFound) {
					return err
				}
			}
			if ok {
				w.facts.Remote = append(w.facts.Remote, a)
			}
		}
		return nil
	})
}

func isAsset(id string) func(showpad.Asset) bool {
	return func(a showpad.Asset) bool { return a.ID == id }
}

// batches calls read for the work in batches that one list request can ask for.
func (v *verifier) batches(ctx context.Context, ws []*work, id func(*work) string, read func(context.Context, []*work, []string) error) error {
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(orInt(v.g.in.Options.Requests, 8))
	for batch := range workBatches(ws, id) {
		eg.Go(func() error {
			ids := make([]string, len(batch))
			for i, w := range batch {
				ids[i] = id(w)
			}
			return read(ctx, batch, ids)
		})
	}
	return eg.Wait()
}

// compareAll compares the items of a chunk, several at once, and tells what differs
// in their order.
func (v *verifier) compareAll(ctx context.Context, chunk []*work, tell func(*comparison) error) error {
	eg, ctx := errgroup.WithContext(ctx)
	todo := make(chan int)
	done := make([]chan *comparison, len(chunk))
	for i := range done {
		done[i] = make(chan *comparison, 1)
	}
	eg.Go(func() error {
		defer close(todo)
		for i := range chunk {
			select {
			case todo <- i:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range v.workers {
		eg.Go(func() error {
			for i := range todo {
				c := &comparison{work: chunk[i], readBack: -1}
				if err := v.compare(ctx, c); err != nil {
					return err
				}
				done[i] <- c
			}
			return nil
		})
	}
	eg.Go(func() error {
		for i := range chunk {
			select {
			case c := <-done[i]:
				if err := tell(c); err != nil {
					return err
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	return eg.Wait()
}

// comparison is one item with its asset and what differs so far.
type comparison struct {
	*work
	asset    *showpad.Asset
	found    []Difference
	readBack int64 // bytes that were read back; -1: none were
}

func (c *comparison) differs(kind, field string, want, got json.RawMessage, format string, args ...any) {
	d := Difference{ExternalID: c.item.ExternalID, Kind: kind, Field: field, Want: want, Got: got, Text: fmt.Sprintf(format, args...)}
	if c.asset != nil {
		d.AssetID = c.asset.ID
	}
	c.found = append(c.found, d)
}

// compare compares one item, whose assets were read.
func (v *verifier) compare(ctx context.Context, c *comparison) error {
	if c.pick(); c.asset == nil {
		return nil
	}
	c.place()
	why := cannotBeWanted(c.work)
	if why != "" {
		c.differs(DiffUnchecked, "", nil, nil, "its fields and bytes were not compared: %s", why)
	} else {
		c.fields(v.g.dir)
	}
	if c.item.URL != "" {
		return nil
	}
	var sum string // of no bytes in particular
	var size int64
	if why == "" && c.facts.Rules.File != "keep" {
		var err error
		if sum, size, err = c.bytes(ctx, v.g); err != nil {
			return err
		}
	}
	if v.deep {
		return v.readBack(ctx, c, sum, size)
	}
	return nil
}

// pick finds the item's asset among those that were read, and its twins.
func (c *comparison) pick() {
	id := c.item.ExternalID
	var others []string
	remote := c.facts.Remote
	rec := c.facts.Record
	for i := range remote {
		switch a := &remote[i]; {
		case rec != nil && rec.AssetID != "" && a.ID == rec.AssetID, (rec == nil || rec.AssetID == "") && len(remote) == 1:
			c.asset = a
		case a.ExternalID == id:
			others = append(others, a.ID)
		}
	}
	slices.Sort(others)
	list := strings.Join(others, ", ")
	switch known := rec != nil && rec.AssetID != ""; {
	case c.asset != nil && len(others) > 0:
		c.differs(DiffTwin, "", nil, nil, "it has a twin: %s with the same external ID", list)
	case c.asset != nil:
	case known && len(others) > 0:
		c.differs(DiffMissing, "", nil, nil, "asset %s is gone, or you may not see it; its external ID is that of %s", rec.AssetID, list)
	case known:
		c.differs(DiffMissing, "", nil, nil, "asset %s is gone, or you may not see it", rec.AssetID)
	case len(others) > 1:
		c.differs(DiffTwin, "", nil, nil, "%d assets have this external ID, and the state knows none: %s", len(others), list)
	default:
		c.differs(DiffMissing, "", nil, nil, "the service has no asset for it")
	}
}

// place compares what no manifest has to be understood for.
func (c *comparison) place() {
	a := c.asset
	if a.Status != showpad.StatusActive {
		c.differs(DiffStatus, "status", canonText(showpad.StatusActive), canonText(string(a.Status)), "it is %s", a.Status)
	}
	if a.IsArchived && !c.item.Fields.IsArchived.Set {
		c.differs(DiffArchived, "", nil, nil, "it is in the trash")
	}
	if a.ExternalID != c.item.ExternalID {
		c.differs(DiffExternalID, "externalId", canonText(c.item.ExternalID), canonText(a.ExternalID), "its external ID is %s", orNothing(canonText(a.ExternalID)))
	}
	if id := c.facts.Refs.DivisionID; id != "" && a.Division.ID != "" && a.Division.ID != id {
		c.differs(DiffDivision, "division", canonText(id), canonText(a.Division.ID), "it is in another Division")
	}
}

// cannotBeWanted is why it is not known what an item's asset should be; "" when it is.
func cannotBeWanted(w *work) string {
	for _, p := range w.item.Problems {
		if p.Class == manifest.Block {
			return p.What
		}
	}
	for _, p := range w.facts.Refs.Problems {
		return p.What
	}
	return ""
}

// fields compares every managed field that the manifest's rules do not leave alone.
func (c *comparison) fields(dir *directory) {
	rules := c.facts.Rules
	if rules.Metadata == "keep" {
		return
	}
	rec := c.facts.Record
	want, relative := wanted(&c.item, &c.facts.Refs, rec, c.facts.Start, c.facts.Timezone)
	seen := shown(c.asset)
	for _, m := range managed {
		v, ok := want[m.name]
		if !ok || m.name == "externalId" { // see place
			continue
		}
		got := seen[m.name]
		same := bytes.Equal(v, got) || m.kind == text && sameForm(v, got)
		if rel := relative[m.name]; rel != "" && (rec == nil || rec.Relative[m.name] != rel) {
			same = same || len(got) > 0 && !bytes.Equal(got, null) // nobody knows when it was counted from
		}
		if rec != nil && !same {
			// The service keeps what we sent in a form of its own.
			b := rec.Fields[m.name]
			same = bytes.Equal(b.Sent, v) && b.Seen != nil && bytes.Equal(b.Seen, got)
		}
		if m.name == "tags" && rules.Tags != "replace" {
			same = rules.Tags == "keep" || string(minus(v, got)) == "[]"
		}
		if same {
			continue
		}
		if m.name == "tags" {
			v, got = dir.nameTags(v), dir.nameTags(got)
		}
		c.differs(DiffField, m.name, v, got, "%s is %s, and should be %s", m.name, orNothing(got), v)
	}
}

// bytes compares checksum and size with what they should be, and returns that; see
// expected.
func (c *comparison) bytes(ctx context.Context, g *gatherer) (sum string, size int64, err error) {
	a := c.asset
	if a.Status != showpad.StatusActive && a.Checksum == "" {
		return "", 0, nil // it has none yet; its status was told
	}
	if sum, size, err = c.expected(ctx, g); err != nil {
		return "", 0, err
	}
	if c.facts.SourceErr != nil && sum == "" {
		c.differs(DiffUnchecked, "", nil, nil, "its bytes were not compared: %v", c.facts.SourceErr)
		return "", 0, nil
	}
	if sum != "" && !strings.EqualFold(a.Checksum, sum) {
		c.differs(DiffBytes, "checksum", canonText(sum), canonText(a.Checksum), "its MD5 is %s, and should be %s", orNothing(canonText(a.Checksum)), sum)
	}
	if a.Size != nil && *a.Size != size {
		c.differs(DiffBytes, "size", canon(size), canon(*a.Size), "it has %d bytes, and should have %d", *a.Size, size)
	}
	return sum, size, nil
}

// expected is the MD5 in hex and the size that the bytes should have: those of the
// file or, when it cannot be read any more, those that were sent. Without a sum only
// the size is known, and differs, or nothing is: see Facts.SourceErr.
func (c *comparison) expected(ctx context.Context, g *gatherer) (sum string, size int64, err error) {
	f, rec := &c.facts, c.facts.Record
	sent := rec != nil && rec.MD5 != ""
	if f.SourceErr == nil && f.MD5 == "" {
		switch {
		case sent && sentSize(f.Info, rec) && rec.ModTime != 0 && rec.ModTime == stamp(f.Info):
			return rec.MD5, rec.Size, nil // untouched since it was sent
		case c.asset.Size != nil && !f.mayHave(*c.asset.Size):
			return "", f.Info.Size, nil
		}
		if err := g.hash(ctx, c.work); err != nil {
			return "", 0, err
		}
	}
	if f.SourceErr != nil {
		if sent {
			return rec.MD5, rec.Size, nil
		}
		return "", 0, nil
	}
	return f.MD5, f.Info.Size, nil
}

func orNothing(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "not shown"
	}
	return string(raw)
}

// Story is all that is known of one item, and what happens next.
type Story struct {
	ExternalID string        `json:"externalId"`
	Record     *state.Record `json:"record,omitempty"` // nil: unknown to this state
	Events     []state.Event `json:"events,omitempty"`
	Next       string        `json:"next"`
	Extras     []ExtraStory  `json:"extras,omitempty"` // with this key
}

// ExtraStory is all that is known of one extra, and what happens next.
type ExtraStory struct {
	Kind   state.ExtraKind `json:"kind"`
	Record state.Extra     `json:"record"` // without its links
	Next   string          `json:"next"`
}

// Why tells the story of one item from the state alone.
func Why(ctx context.Context, st state.Reader, externalID string) (Story, error) {
	story := Story{ExternalID: externalID}
	recs, err := st.Get(ctx, []string{externalID})
	if err != nil {
		return story, err
	}
	if story.Events, err = st.Events(ctx, externalID); err != nil {
		return story, err
	}
	if story.Extras, err = extraStories(ctx, st, externalID); err != nil {
		return story, err
	}
	rec, ok := recs[externalID]
	if !ok && len(story.Extras) > 0 {
		return story, nil
	}
	if !ok {
		story.Next = "This state does not know it. If the manifest lists it, a run looks it up at the service, and creates it if it is not there."
		return story, nil
	}
	story.Record = &rec
	story.Next = nextStep(&rec)
	return story, nil
}

// extraStories are those of the extras with a key, of whatever manifest.
func extraStories(ctx context.Context, st state.Reader, key string) ([]ExtraStory, error) {
	var stories []ExtraStory
	for _, kind := range state.ExtraKinds() {
		all, err := state.AllExtras(ctx, st, kind, "")
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if e.Key == key {
				e.Secret = nil
				stories = append(stories, ExtraStory{kind, e, extraNext(&e)})
			}
		}
	}
	return stories, nil
}

// extraNext says what a run does with the record of an extra.
func extraNext(e *state.Extra) string {
	switch {
	case e.Kind == state.TagCategory && e.Status != state.ExtraFailed:
		return "The next run compares it with the manifest."
	case e.Status == state.ExtraDone:
		return "Nothing: it is made once for each key."
	case e.Status == state.ExtraTicket:
		return "The next run asks how far the service is."
	case e.Status == state.ExtraFailed:
		return "Nothing, unless its entry changes, or a run is told --retry-failed."
	case e.Status == state.ExtraSending, e.Status == state.ExtraUnknown:
		return fmt.Sprintf("Nothing: it may have been made. Look in Showpad; a run with --recreate %s makes it again.", e.Key)
	}
	return "The next run begins with it."
}

// nextStep says what a run does with a record, as the table of statuses has it.
func nextStep(rec *state.Record) string {
	switch rec.Status {
	case state.Pending:
		if rec.Unconfirmed && rec.AssetID != "" {
			return fmt.Sprintf("The next run of a manifest that lists it compares asset %s before it believes this record.", rec.AssetID)
		}
	case state.Registering:
		return "The next run looks it up at the service before anything is sent again."
	case state.Registered:
		return fmt.Sprintf("Asset %s exists without its bytes: the next run asks for an upload URL and sends them.", rec.AssetID)
	case state.Sending:
		if rec.Op == state.Create || rec.Op == state.Version {
			return fmt.Sprintf("The next run reads asset %s: if the bytes arrived it waits for them to be processed, else it sends them again.", rec.AssetID)
		}
		if rec.Op == state.Archive || rec.Op == state.Delete {
			return fmt.Sprintf("A rollback, or the pruning of a run, was cut off: run that again to go on with asset %s, or list the item and run its manifest to keep it.", rec.AssetID)
		}
		return fmt.Sprintf("The next run sends the %s of asset %s again; its values are absolute.", rec.Op, rec.AssetID)
	case state.Sent, state.Processing:
		return fmt.Sprintf("The bytes of asset %s are with the service: the next run sees whether they are processed.", rec.AssetID)
	case state.Done:
		switch rec.Op {
		case state.Archive:
			return "It is in the trash. A run of a manifest that lists it brings it back."
		case state.Delete:
			return "It is gone for good. A run of a manifest that lists it makes it anew."
		}
		return "Nothing, unless its item or its file changes."
	case state.Failed:
		return "Nothing, unless its item or its file changes, or a run is told --retry-failed."
	}
	return "The next run begins with it."
}
