package export

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// exporter is one export.
type exporter struct {
	api API
	o   Options
	sum Summary

	at        *folder // nil: nothing is written
	divisions *divisions
	tagIDs    []string // that are asked for
	seen      map[uint64]struct{}
	seed      maphash.Seed
	tags      map[string]showpad.Tag // that assets carry, by id; without an id: not known
	primaries map[string]string      // external IDs of assets that have language variants, by id; "": not in the export
	here      map[string]bool        // external IDs of those that came
	people    map[string]string      // e-mail addresses of authors, by id; "": not known
	ids       *externalIDs
	files     *places
	sorted    *sorter // of entries
	check     *checker

	categories []*category // at the top of their trees

	rows  *rowFile
	fates []bool  // of the rows, by number: whether they come
	left  *sorter // of what does not come along
	part  map[string]*DivisionSummary
	room  int64 // bytes that are not there

	plain, exact, noted int // rows that come, by what they need
}

// Run exports what o says. The summary is good as far as it goes when there is an
// error; what was fetched by then is not fetched again by the next export into the
// same folder.
func Run(ctx context.Context, api API, o Options) (sum Summary, err error) {
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Downloads <= 0 {
		o.Downloads = 4
	}
	switch {
	case o.Retries == 0:
		o.Retries = 5
	case o.Retries < 0:
		o.Retries = 0
	}
	start := time.Now()
	x := &exporter{
		api: api, o: o, tags: map[string]showpad.Tag{}, people: map[string]string{}, primaries: map[string]string{}, here: map[string]bool{}, ids: newExternalIDs(), files: newPlaces(),
		sorted: newSorter("what is listed", o.chunk), left: newSorter("what is left out", o.chunk), part: map[string]*DivisionSummary{},
	}
	x.sum.DryRun, x.sum.Left, x.sum.Parts = o.DryRun, map[string]int{}, map[string]int{}
	defer func() {
		err = errors.Join(err, x.close())
		x.sum.Seconds = time.Since(start).Seconds()
		sum = x.sum
	}()
	return x.sum, x.run(ctx)
}

func (x *exporter) run(ctx context.Context) error {
	if !x.o.DryRun {
		if err := claimable(x.o.Dir); err != nil {
			return err
		}
	}
	if err := x.readDivisions(ctx); err != nil {
		return err
	}
	if err := x.findTags(ctx); err != nil {
		return err
	}
	if !x.o.DryRun { // the selection is a sound one
		var err error
		if x.at, err = openFolder(x.o.Dir, x.o.Tenant, x.selection()); err != nil {
			return err
		}
	}
	if err := x.list(ctx); err != nil {
		return err
	}
	if err := x.resolve(ctx); err != nil {
		return err
	}
	if err := x.readCategories(ctx); err != nil {
		return err
	}
	if err := x.arrange(ctx); err != nil || x.o.DryRun {
		return err
	}
	if err := x.fetch(ctx); err != nil {
		return err
	}
	return x.write(ctx)
}

func (x *exporter) close() error {
	errs := []error{x.sorted.close(), x.left.close()}
	if x.rows != nil {
		errs = append(errs, x.rows.file.Close())
	}
	if x.at != nil {
		errs = append(errs, x.at.close())
	}
	return errors.Join(errs...)
}

// arrange gives the assets, in their order, their places in the manifest.
func (x *exporter) arrange(ctx context.Context) (err error) {
	if x.check, err = newChecker(x.header(true, true, true, true)); err != nil {
		return err
	}
	if x.rows, err = newRowFile(); err != nil {
		return err
	}
	if len(x.primaries) > 0 { // variants may come before them
		if err := x.each(ctx, x.namePrimary); err != nil {
			return err
		}
		x.ids.again()
	}
	if err := x.each(ctx, x.place); err != nil {
		return err
	}
	for _, d := range x.divisions.asked {
		if s := x.part[d.id]; s != nil {
			x.sum.Divisions = append(x.sum.Divisions, *s)
		}
	}
	return x.rows.end()
}

// each goes over the assets in their order.
func (x *exporter) each(ctx context.Context, do func(*entry) error) error {
	for b, err := range x.sorted.all() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var e entry
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("the temporary file for what is listed: %w", err)
		}
		if err := do(&e); err != nil {
			return err
		}
	}
	return nil
}

// namePrimary learns the external ID of an asset that has language variants.
func (x *exporter) namePrimary(e *entry) error {
	if reason, _ := e.stays(); reason != "" {
		return nil
	}
	id, _, _ := x.ids.give(e)
	if _, wanted := x.primaries[e.ID]; wanted {
		x.primaries[e.ID] = id
	}
	return nil
}

// link names the asset that this one is a language variant of.
func (x *exporter) link(e *entry, r *row) {
	id := x.primaries[e.Primary]
	switch {
	case e.Primary == "":
	case !slices.Contains(columns, primaryColumn):
		r.Left = append(r.Left, Left{Part: "localization", Reason: ReasonCannot, Detail: "it is a language variant of asset " + e.Primary})
	case id == "":
		r.Left = append(r.Left, Left{Part: "localization", Reason: ReasonUnknown, Detail: "it is a language variant of asset " + e.Primary + ", which is not in this export"})
	default:
		r.Values[primaryColumn] = value{Text: id}
	}
}

// place makes a row of one asset, or says why there is none.
func (x *exporter) place(e *entry) error {
	d := x.divisions.byID[e.Division]
	r := &row{Values: e.Values, Left: e.Left, AssetVersion: e.Version, Place: d.id}
	r.Item = Item{AssetID: e.ID, ExternalID: e.ExternalID, Division: d.label, Name: e.Name, Type: e.Type, Size: e.Size, MD5: e.MD5, Slug: e.Slug}
	if reason, detail := e.stays(); reason != "" {
		return x.leaveAsset(r, reason, detail)
	}
	id, reason, detail := x.ids.give(e)
	r.Item.ExternalID, r.Item.Note = id, noteOf(id)
	if reason != "" {
		r.Left = append(r.Left, Left{Part: "externalId", Reason: reason, Detail: detail})
	}
	name := assetName(e.Name, e.isURL())
	if e.isURL() && !strings.HasSuffix(strings.ToLower(name), ".url") {
		name += ".url"
	}
	if name != e.Name {
		r.Left = append(r.Left, Left{Part: "name", Reason: ReasonAdjusted, Detail: "its name " + quote(e.Name) + " became " + quote(name)})
		r.Item.Name = name
	}
	text := func(column, s string) { r.Values[column] = value{Text: s} }
	text("externalId", id)
	text("name", name)
	text("division", d.label)
	if e.isURL() {
		text("url", e.URL)
	} else {
		r.Item.File = x.files.take(d.folder, name, id)
		text("file", filesFolder+":"+strings.TrimPrefix(r.Item.File, filesFolder+"/"))
		if e.MD5 == "" && e.Size != 0 {
			r.Left = append(r.Left, Left{Part: "file", Reason: ReasonUnproven, Detail: "the service shows no checksum of it: it was compared with what else the service tells"})
		}
	}
	x.nameTags(e, r)
	x.nameAuthors(e, r)
	x.link(e, r)
	if why := x.check.settle(r); why != "" {
		return x.leaveAsset(r, ReasonRefused, why)
	}
	if reason == ReasonMade {
		x.sum.ByOwn++
	}
	s := x.part[d.id]
	if s == nil {
		s = &DivisionSummary{Name: d.name, ID: d.id}
		x.part[d.id] = s
	}
	s.Items++
	if r.Item.File != "" {
		s.Files++
		s.Bytes += max(r.Item.Size, 0)
	}
	for _, l := range r.Left {
		if err := x.leave(r, l); err != nil {
			return err
		}
	}
	r.Left = nil
	if x.o.List != nil {
		if err := x.o.List(r.Item); err != nil {
			return err
		}
	}
	x.fates = append(x.fates, false)
	if err := x.rows.add(r); err != nil || x.at == nil || x.o.NoFiles || r.Item.File == "" {
		return err
	}
	x.o.Progress.Files.Add(1)
	x.o.Progress.Bytes.Add(max(r.Item.Size, 0))
	if !x.at.has(r) {
		x.room += max(r.Item.Size, 0)
	}
	return nil
}

// nameTags names the tags. Those of one name are one tag in the manifest.
func (x *exporter) nameTags(e *entry, r *row) {
	if r.Values["tags"].Is == isOpen {
		return
	}
	var names []string
	by := map[string]showpad.Tag{}
	for _, id := range e.Tags {
		t := x.tags[id]
		name := strings.TrimSpace(t.Name)
		if name == "" {
			names = append(names, tagID+id)
			r.Left = append(r.Left, Left{Part: "tags", Reason: ReasonUnknown, Detail: "the name of the tag " + id + " is not visible: it is named by its id, which another tenant does not have"})
			continue
		}
		if first, twice := by[foldName(name)]; twice {
			r.Left = append(r.Left, Left{Part: "tags", Reason: ReasonTwin, Detail: fmt.Sprintf("it has the tags %q (%s) and %q (%s): a manifest takes them for one", first.Name, first.ID, name, t.ID)})
			continue
		}
		by[foldName(name)] = t
		if t.Division.ID != "" && t.Division.ID != e.Division {
			of := t.Division.ID
			if d := x.divisions.byID[of]; d != nil {
				of = d.name
			}
			r.Left = append(r.Left, Left{Part: "tags", Reason: ReasonShared, Detail: fmt.Sprintf("its tag %q belongs to the Division %s: where it goes to it will be one of its own Division", name, of)})
		}
		names = append(names, name)
	}
	slices.Sort(names)
	r.Values["tags"] = value{Is: isList, List: names}
}

// nameAuthors names the authors by their addresses.
func (x *exporter) nameAuthors(e *entry, r *row) {
	if r.Values["authors"].Is == isOpen {
		delete(r.Values, "authors") // no default to keep away
		return
	}
	var mails []string
	for _, id := range e.Authors {
		mail := strings.TrimSpace(x.people[id])
		if mail == "" {
			r.Left = append(r.Left, Left{Part: "authors", Reason: ReasonUnknown, Detail: "the user " + id + " is not visible"})
			continue
		}
		mails = append(mails, mail)
	}
	if slices.Sort(mails); len(mails) > 0 {
		r.Values["authors"] = value{Is: isList, List: slices.Compact(mails)}
	}
}

// leaveAsset says that an asset does not come along.
func (x *exporter) leaveAsset(r *row, reason, detail string) error {
	x.sum.Left[reason]++
	return x.note(r, Left{Part: "asset", Reason: reason, Detail: detail})
}

// leave says that a part of an asset does not.
func (x *exporter) leave(r *row, l Left) error {
	x.sum.Parts[l.Reason]++
	return x.note(r, l)
}

func (x *exporter) note(r *row, l Left) error {
	l.AssetID, l.ExternalID, l.Name, l.Division = r.Item.AssetID, r.Item.ExternalID, r.Item.Name, r.Item.Division
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return x.left.add(strings.Join([]string{l.Division, l.Name, l.ExternalID, l.AssetID, l.Part}, "\x00"), b)
}

// come says that a row comes.
func (x *exporter) come(n int, r *row) {
	x.fates[n] = true
	x.sum.Exported++
	if _, primary := x.primaries[r.Item.AssetID]; primary {
		x.here[r.Item.ExternalID] = true
	}
	if x.isExact(r) {
		x.exact++
	} else {
		x.plain++
	}
	if r.Item.Note != "" {
		x.noted++
	}
	if r.Item.File != "" {
		x.sum.Files++
		x.sum.Size += max(r.Item.Size, 0)
	}
}

// fetch brings the files, after a look at the room for them.
func (x *exporter) fetch(ctx context.Context) error {
	if free, known := spool.FreeSpace(x.o.Dir); known && x.room > free {
		return &FolderError{fmt.Sprintf("%s has room for %d bytes, and the files take %d: make room, or export a part (--division, --tag)", x.o.Dir, free, x.room)}
	}
	f := &fetcher{
		api: x.api, at: x.at, retries: x.o.Retries, limit: x.o.Downloads, now: x.o.Progress,
		left: func(r *row, l Left) error { return x.leaveAsset(r, l.Reason, l.Detail) },
		come: x.come,
	}
	err := f.all(ctx, func(bring func(n int, r *row) error) error {
		n := -1
		for r, err := range x.rows.all() {
			n++
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case x.o.NoFiles, r.Item.File == "":
				f.arrived(n, &r)
			default:
				if err := bring(n, &r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	x.sum.Fetched, x.sum.Received = f.fetched, f.received
	if err != nil || len(x.here) == len(x.primaries) {
		return err
	}
	for r, err := range x.rows.all() { // variants of what could not be fetched
		if err != nil {
			return err
		}
		if id := r.Values[primaryColumn].Text; id != "" && !x.here[id] {
			l := Left{Part: "localization", Reason: ReasonUnknown, Detail: "it is a language variant of " + quote(id) + ", which did not come"}
			if err := x.leave(&r, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowFile keeps rows in a temporary file. They are written first, and read afterwards.
type rowFile struct {
	file *tempfile.File
	buf  *bufio.Writer
}

func newRowFile() (*rowFile, error) {
	f, err := tempfile.New("what is exported")
	if err != nil {
		return nil, err
	}
	return &rowFile{f, bufio.NewWriterSize(f, 1<<16)}, nil
}

func (f *rowFile) add(r *row) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f.buf.Write(b)
	return f.failed(f.buf.WriteByte('\n')) // a bufio.Writer keeps its first error
}

func (f *rowFile) end() error { return f.failed(f.buf.Flush()) }

// all are the rows in the order written. An error ends them.
func (f *rowFile) all() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		st, err := f.file.Stat()
		if err != nil {
			yield(row{}, f.failed(err))
			return
		}
		dec := json.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(f.file, 0, st.Size()), 1<<16))
		for {
			var r row
			err := dec.Decode(&r)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(r, f.failed(err)) || err != nil {
				return
			}
		}
	}
}

func (f *rowFile) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the temporary file for what is exported: %w", err)
}

// has reports whether a row's file is there, as far as that can be told without reading
// it.
func (f *folder) has(r *row) bool {
	st, err := f.root.Lstat(filepath.FromSlash(r.Item.File))
	if err != nil {
		return false // missing; anything else is told when it is fetched
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, proven := f.proven[hashOf(logLine(r.Item.File, r.content(), st))]
	return proven && st.Mode().IsRegular()
}

func decimal(n int64) string {
	if n < 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
