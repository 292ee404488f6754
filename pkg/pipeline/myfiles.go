package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// myFiles are the personal files of a manifest: each is sent once into the My Files of
// a user, through v3. Nobody but that user can look there: what became of a request
// whose answer was lost is never known, and the bytes cannot be read back.
type myFiles struct {
	in    *Input
	works []*extraWork
	files map[*extraWork]*myFile
}

// myFile is one of them on its way.
type myFile struct {
	*manifest.MyFile
	info     source.Info
	division string // to send it to; "" before that is known
}

// myFileData is what the record of a personal file keeps besides. Sent are the bytes
// that were sent.
type myFileData struct {
	Name     string    `json:"name,omitempty"` // as people see it; see extraTitle
	Division string    `json:"division,omitempty"`
	Size     int64     `json:"size"`            // bytes
	ModTime  int64     `json:"modTime"`         // stamp of the file; 0 when it tells nothing
	SentAt   time.Time `json:"sentAt,omitzero"` // when the service accepted it
	There    bool      `json:"there,omitempty"` // the service had it already
}

func newMyFiles(in *Input) *myFiles {
	m := &myFiles{in: in, files: map[*extraWork]*myFile{}}
	for i := range in.Manifest.MyFiles {
		f := &in.Manifest.MyFiles[i]
		w := &extraWork{wanted: digestOf([]any{
			fold(f.Owner), f.Location.Key(), f.Folder, f.ShownName(), f.Name, f.Description,
			f.IsShareable, f.IsAnnotatable, f.IsDownloadable, f.IsSensitive, f.IsOnlyEntireDocumentShareable, f.IsProcessedUsed,
		})}
		w.Row.Key, w.Row.Pos, w.Row.Name, w.Row.User, w.Row.Source = f.Key, f.Pos, f.ShownName(), f.Owner, f.Location.String()
		w.Row.Problems = slices.Clone(f.Problems)
		if f.Owner == "" {
			w.Row.User = f.User
		}
		m.works = append(m.works, w)
		m.files[w] = &myFile{MyFile: f}
	}
	return m
}

func (m *myFiles) kind() state.ExtraKind { return state.MyFile }

func (m *myFiles) list() []*extraWork { return m.works }

// data is what the record keeps of a personal file; zero without one.
func (w *extraWork) myFileData() (d myFileData) {
	if w.rec != nil && len(w.rec.Data) > 0 && json.Unmarshal(w.rec.Data, &d) != nil {
		return myFileData{}
	}
	return d
}

// decide decides by records, files and, for what is to be sent, whose it is and how
// much may go there.
func (m *myFiles) decide(ctx context.Context, g *gatherer, works []*extraWork) error {
	var open []*extraWork
	for _, w := range works {
		if w.once(&m.in.Options, func(on string) string {
			return fmt.Sprintf("it was sent on %s, and the manifest wants it otherwise by now; a personal file is sent once: give it another key to send it again", on)
		}) {
			open = append(open, w)
		}
		if w.Row.Action == ActionResume {
			d := w.myFileData()
			w.Row.Size, w.Row.Division = d.Size, d.Division
		}
	}
	if err := m.look(ctx, works, open); err != nil {
		return err
	}
	var sending []*extraWork
	for _, w := range open {
		if w.Row.Action != ActionBlocked {
			w.Row.Writes = 1
			sending = append(sending, w)
		}
	}
	if m.in.API == nil || len(sending) == 0 {
		return nil
	}
	people, err := findOwners(ctx, g, m.ownersOf(sending))
	if err != nil {
		return err
	}
	for _, w := range sending {
		f := m.files[w]
		p := people[fold(f.Owner)]
		if p.reason != "" {
			w.block(p.reason, p.detail)
			continue
		}
		f.division, w.Row.Division = p.division, p.division
	}
	m.quotas(sending, people)
	return nil
}

// ownersOf are whose the files are, each once, in the order of the manifest.
func (m *myFiles) ownersOf(works []*extraWork) []string {
	var owners []string
	seen := map[string]bool{}
	for _, w := range works {
		if owner := m.files[w].Owner; !seen[fold(owner)] {
			seen[fold(owner)] = true
			owners = append(owners, owner)
		}
	}
	return owners
}

// look reads what the files are like: of those to be sent whether they can be, of
// those that were sent whether they are still the same.
func (m *myFiles) look(ctx context.Context, works, open []*extraWork) error {
	sending := make(map[*extraWork]bool, len(open))
	for _, w := range open {
		sending[w] = true
	}
	var eg errgroup.Group
	eg.SetLimit(readers)
	for _, w := range works {
		if w.Row.Action != ActionUnchanged && !sending[w] {
			continue
		}
		eg.Go(func() error {
			if sending[w] {
				m.judge(ctx, w)
			} else {
				m.compare(ctx, w)
			}
			return context.Cause(ctx)
		})
	}
	return eg.Wait()
}

// judge blocks what cannot be sent as it is.
func (m *myFiles) judge(ctx context.Context, w *extraWork) {
	f := m.files[w]
	for _, p := range f.Problems {
		if p.Class == manifest.Block {
			w.block(BlockedManifest, p.What+paren(p.Fix))
			return
		}
	}
	if f.Location == (manifest.Location{}) { // what is wrong with it stops everything
		w.block(BlockedManifest, "it has no file")
		return
	}
	var err error
	f.info, err = m.stat(ctx, f)
	if err == nil && f.Location.Kind == manifest.RootFolder && !f.info.Offline {
		err = m.sniff(ctx, f)
	}
	w.Row.Size = max(f.info.Size, 0)
	if reason, detail := f.wrong(err); reason != "" {
		w.block(reason, detail)
	}
}

// wrong is why a file cannot be sent: a reason code and a sentence.
func (f *myFile) wrong(err error) (reason, detail string) {
	return sourceProblem(&manifest.Item{Location: f.Location, AllowEmpty: f.AllowEmpty}, f.info, err)
}

func (m *myFiles) stat(ctx context.Context, f *myFile) (source.Info, error) {
	src, err := sourceOf(m.in.Sources, f.Location)
	if err != nil {
		return source.Info{}, err
	}
	return src.Stat(ctx, f.Location.Path)
}

func (m *myFiles) sniff(ctx context.Context, f *myFile) error {
	src, err := sourceOf(m.in.Sources, f.Location)
	if err != nil || !content.Promises(f.Location.Base()) {
		return err
	}
	return sniff(ctx, src, f.Location)
}

// compare says of a file that was sent if it has changed since. That is told, and no
// more: there is no way to change what is in somebody's My Files.
func (m *myFiles) compare(ctx context.Context, w *extraWork) {
	f, d := m.files[w], w.myFileData()
	w.Row.Size, w.Row.Division = d.Size, d.Division
	info, err := m.stat(ctx, f)
	if err != nil || w.Row.Reason != ReasonSame || d.There {
		return // what is gone from its place was sent all the same
	}
	if info.Size >= 0 && info.Size != d.Size || d.ModTime != 0 && stamp(info) != d.ModTime {
		w.Row.Reason = ReasonMadeAlready
		w.Row.Detail = fmt.Sprintf("%s changed since it was sent on %s; a personal file is sent once: give it another key to send it again", f.Location, w.rec.Updated.UTC().Format(time.DateOnly))
	}
}

// quotas blocks what the service would refuse: a file over what its owner may have in
// one, and all of an owner's files when they do not fit together.
func (m *myFiles) quotas(works []*extraWork, people map[string]*owner) {
	together := map[string][]*extraWork{} // by user
	var users []string
	for _, w := range works {
		f := m.files[w]
		p := people[fold(f.Owner)]
		if w.Row.Action == ActionBlocked {
			continue
		}
		if limit := p.FileLimit; limit > 0 && f.info.Size > limit {
			w.block(BlockedQuota, fmt.Sprintf("%s has %d bytes, and one personal file of %s may have %d", f.Location, f.info.Size, f.Owner, limit))
			continue
		}
		if together[p.ID] == nil {
			users = append(users, p.ID)
		}
		together[p.ID] = append(together[p.ID], w)
	}
	for _, id := range users {
		works := together[id]
		f := m.files[works[0]]
		p := people[fold(f.Owner)]
		if p.Unlimited || p.TotalLimit <= 0 {
			continue
		}
		var sum int64
		for _, w := range works {
			sum += max(m.files[w].info.Size, 0)
		}
		left := max(p.TotalLimit-max(p.Used, 0), 0)
		if sum <= left {
			continue
		}
		for _, w := range works {
			w.block(BlockedQuota, fmt.Sprintf("the files for %s in this manifest that are to be sent have %d bytes together, and %d of %d are left", f.Owner, sum, left, p.TotalLimit))
		}
	}
}

// lint reports what keeps personal files from being sent, as far as their places and,
// with an API, the service tell.
func (m *myFiles) lint(ctx context.Context, g *gatherer, report func(manifest.Problem)) error {
	works, err := g.decideExtras(ctx, m)
	if err != nil {
		return err
	}
	for _, w := range works {
		r := &w.Row
		if r.Action != ActionBlocked || r.Reason == BlockedManifest || r.Reason == BlockedFailed { // reported with the manifest, and no problem of it
			continue
		}
		field := "file"
		if r.Reason == BlockedOwner || r.Reason == BlockedInactive {
			field = "user"
		}
		p := manifest.NewProblem(blockCodes[r.Reason], m.files[w].FieldPos(field), r.Detail, "")
		p.ExternalID = r.Key
		report(p)
	}
	return nil
}

// run sends what is to be sent, and watches tickets meanwhile and afterwards.
func (m *myFiles) run(ctx context.Context, r *runner, works []*extraWork) error {
	watch := newTicketWatch(r)
	eg, ctx := errgroup.WithContext(ctx)
	eg.Go(func() error { return watch.run(ctx) })
	eg.Go(func() error {
		defer watch.last()
		up, uctx := errgroup.WithContext(ctx)
		up.SetLimit(orInt(r.in.Options.Uploads, 8))
		for _, w := range works {
			if w.Row.Action == ActionResume {
				watch.add(w)
			}
		}
		for _, w := range works {
			if w.Row.Action == ActionResume {
				continue
			}
			if r.stopped() || uctx.Err() != nil {
				break
			}
			up.Go(func() error { return m.send(uctx, r, w, watch) })
		}
		return up.Wait()
	})
	return eg.Wait()
}

// isRefusal reports whether the service said no to a request, for good.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*showpad.Error](err)
	if !ok {
		return false
	}
	v := showpad.Classify(showpad.KindRead, e)
	return v == showpad.StopItem || v == showpad.StopDivision
}
