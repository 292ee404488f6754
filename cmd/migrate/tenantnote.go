package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/note"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// noteName is the tenant's name as that of a file; "" when it has no note. A server
// on this machine has one of its own, by its address.
func (t target) noteName() (string, error) {
	switch {
	case t.mode != "LIVE":
		return "", nil
	case t.host != "":
		sum := sha256.Sum256([]byte(t.host))
		return "loopback-" + orText(t.subdomain, "local") + "-" + hex.EncodeToString(sum[:4]), nil
	}
	return t.subdomain, showpad.CheckSubdomain(t.subdomain)
}

// tenantNote opens the note of a session's tenant; nil when it has none.
func (s *session) tenantNote() (*note.File, error) {
	name, err := s.target.noteName()
	if name == "" || err != nil {
		return nil, err
	}
	dir, err := s.app.ownFolder(note.Folder)
	if err != nil {
		return nil, err
	}
	return note.Open(dir, name)
}

// noteBegin writes into the tenant note that a run begins on the session's state,
// which knows the given runs. It tells what the note said before that matters, and
// whether the run should doubt that the state is the whole truth; older says that the
// state itself is an older copy, or was begun anew. Noting is a
// convenience: what keeps it from being done is logged. The caller calls ended when
// the run has ended and the state knows it, with whether it sent a create.
func (s *session) noteBegin(ctx context.Context, e note.Entry, runs []state.Run, settle time.Duration) (doubt, older bool, ended func(ctx context.Context, at time.Time, made bool)) {
	ended = func(context.Context, time.Time, bool) {}
	f, err := s.tenantNote()
	if f == nil && err == nil {
		return false, false, ended
	}
	var before []note.Entry
	e.State, e.Host = realPath(s.places.state), hostName()
	h := heeder{self: e, runs: runs, now: time.Now(), settle: settle, tenant: s.target.name(), shown: s.places.state, look: lookAt}
	if err == nil {
		before, err = f.Begin(ctx, e, h.exchanged)
	}
	if err != nil {
		s.app.log.Warn().Err(err).Msg("a state that was exchanged, or another run on this tenant, would go unnoticed")
		if !errors.Is(err, note.ErrDamaged) {
			return false, false, ended
		}
		doubt = true // whatever it said
	}
	for _, o := range before {
		d, line := h.heed(o)
		doubt, older = doubt || d, older || d && h.own(o)
		if line != "" {
			say(s.app.err, "%s", view.Clean(line))
		}
	}
	return doubt, older, func(ctx context.Context, at time.Time, made bool) {
		e.End = at
		if err := f.End(ctx, e, made); err != nil {
			s.app.log.Warn().Err(err).Msg("the tenant note does not say that this run has ended")
		}
	}
}

// olderState reports whether the tenant note tells that the session's state is an
// older copy, or was begun anew. It tells nobody else, and writes nothing.
func (s *session) olderState(ctx context.Context, r state.Reader) (bool, error) {
	f, err := s.tenantNote()
	if f == nil || err != nil {
		return false, nil // a run says why
	}
	entries, err := f.Read()
	if err != nil {
		return false, nil
	}
	runs, err := r.Runs(ctx)
	if err != nil {
		return false, err
	}
	h := heeder{self: note.Entry{State: realPath(s.places.state), Host: hostName()}, runs: runs}
	return slices.ContainsFunc(entries, func(o note.Entry) bool { return h.own(o) && h.exchanged(o) }), nil
}

// doubtExtras notes in the session's state that it may lack what runs of its manifests
// made, if the tenant note tells that it is an older copy, or was begun anew. It comes
// before the run that is about to begin is known to the state or the note: from then
// on nothing tells.
func (s *session) doubtExtras(ctx context.Context, st *state.Store) error {
	older, err := s.olderState(ctx, st)
	if err != nil || !older {
		return err
	}
	return pipeline.DoubtExtras(ctx, st, s.notedManifests()...)
}

// notedManifests are the manifests that had runs on the session's state, by the tenant
// note; the session's own among them.
func (s *session) notedManifests() []string {
	all := []string{s.set.Manifest.ID}
	f, err := s.tenantNote()
	if f == nil || err != nil {
		return all
	}
	entries, err := f.Read()
	if err != nil {
		return all
	}
	h := heeder{self: note.Entry{State: realPath(s.places.state), Host: hostName()}}
	for _, o := range entries {
		if h.own(o) {
			all = append(all, o.All()...)
		}
	}
	return all
}

// heeder decides what entries of a tenant note mean for a run of self.
type heeder struct {
	self   note.Entry
	runs   []state.Run // that the state of self knows
	now    time.Time
	settle time.Duration
	tenant string // its name for people
	shown  string // the path of the state for people
	look   func(path string) sight
}

// sight is what can be seen of a state beside what the note says.
type sight struct {
	holder  *state.Holder // who has it open for writing
	written time.Time     // when it was last written; zero: it is gone
}

func lookAt(path string) sight {
	s := sight{holder: state.HolderOf(path)}
	if info, err := os.Stat(path); err == nil {
		s.written = info.ModTime()
	}
	return s
}

// unsure is how long a run of which nobody knows when it was killed counts as one
// that was just under way.
const unsure = 24 * time.Hour

// own reports whether the entry is of the state itself.
func (h *heeder) own(o note.Entry) bool { return o.State == h.self.State && o.Host == h.self.Host }

// exchanged reports whether the entry of the state itself is of a run that it does
// not know.
func (h *heeder) exchanged(o note.Entry) bool { return o.Run != "" && !h.knows(o) }

// heed says whether o is a reason to doubt that the service's lists show all that was
// done before, and what to tell people.
func (h *heeder) heed(o note.Entry) (doubt bool, line string) {
	known := h.knows(o)
	if h.own(o) {
		switch {
		case h.exchanged(o):
		case !o.Doubted.IsZero() && h.now.Sub(o.Doubted) < h.settle:
			return true, fmt.Sprintf("%s was an older copy, or begun anew, a moment ago: this run waits %s first, in case that the run before did not", h.shown, h.settle)
		default:
			return false, ""
		}
		return true, fmt.Sprintf("warning: %s does not know all of run %s, the last one on it (%s): it is an older copy, or was begun anew. "+
			"This run waits %s first, so that its look-ups find what that one made. To know all of it again, stop this run and put the newer copy back, or move this one away and call migrate state rebuild",
			h.shown, o.Run, o.Start.Local().Format(time.DateTime), h.settle)
	}
	var seen sight
	if o.Host == h.self.Host {
		seen = h.look(o.State)
	}
	if seen.holder != nil && o.End.IsZero() {
		return true, fmt.Sprintf("warning: another run is at work on %s: %v, with %s (manifest %s). Their external IDs must not overlap", h.tenant, *seen.holder, o.State, o.Manifest)
	}
	if known {
		return false, "" // this very state, under another name
	}
	last := o.Made
	switch {
	case !o.End.IsZero(): // what it made before it began for the last time counts, too
	case !seen.written.IsZero(): // killed: it wrote its intents down before they left
		last = later(o.Start, seen.written)
	case h.now.Sub(o.Start) < unsure:
		last = h.now
	default:
		last = o.Start
	}
	if h.now.Sub(last) >= h.settle {
		return false, ""
	}
	return true, fmt.Sprintf("another state worked on %s a moment ago: %s (manifest %s). This run waits %s first, so that its look-ups find what that one made", h.tenant, o.State, o.Manifest, h.settle)
}

// knows reports whether the state of self has the whole of o's run.
func (h *heeder) knows(o note.Entry) bool {
	for _, r := range h.runs {
		if r.ID == o.Run && o.Run != "" {
			return o.End.IsZero() || !r.End.IsZero()
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// realPath names a file by one path, whichever was given.
func realPath(path string) string {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown host"
	}
	return host
}
