// Package note keeps, for each tenant, a small file that says which states of this
// user worked on it and when, in the way of package ownfile. It lets a run see that
// its state was exchanged for an older copy, or that another state is at work. It is
// a hint and holds no secrets: nothing is lost with it but those warnings.
package note

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/ownfile"
)

// Folder of tenant notes, below the program's own in the user's configuration folder.
const Folder = "tenants"

// ErrDamaged is a note that could not be read. Begin has replaced it.
var ErrDamaged = errors.New("the tenant note was damaged")

// Entry is the last run of one state, or its rebuild.
type Entry struct {
	State    string `json:"state"` // absolute path of its file, on Host
	Host     string `json:"host"`
	Manifest string `json:"manifest"` // id
	// Others are the ids of further manifests that had runs on this state, in order, as
	// far as this note knows.
	Others []string  `json:"others,omitempty"`
	Run    string    `json:"run,omitempty"` // id; "" of a rebuild, which begins a new history
	Start  time.Time `json:"start"`
	End    time.Time `json:"end,omitzero"` // zero: under way, or killed
	// Made is when a run of this state last ended that had sent a create; zero is
	// never, as far as this note knows.
	Made time.Time `json:"made,omitzero"`
	// Doubted is when a run of this state last began that had reason to take the
	// state for an older copy; zero is never. A run that begins soon after it has the
	// same reason: the one before may not have lived to wait.
	Doubted time.Time `json:"doubted,omitzero"`
}

// of reports whether e and o are of the same state.
func (e Entry) of(o Entry) bool { return e.State == o.State && e.Host == o.Host }

// All are the ids of the manifests that had runs on the state of e, that of e among them.
func (e Entry) All() []string {
	all := append(slices.Clone(e.Others), e.Manifest)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id string) bool { return id == "" })
}

// File is the note of one tenant. It may be used by many goroutines and processes.
type File struct{ file *ownfile.File }

// Open names the note below dir and makes dir (0700) if need be. tenant is a name
// that can be one of a file.
func Open(dir, tenant string) (*File, error) {
	f, err := ownfile.Open(dir, tenant+".json")
	if err != nil {
		return nil, fmt.Errorf("tenant note: %w", err)
	}
	return &File{f}, nil
}

// Path is where the note is, for messages.
func (f *File) Path() string { return f.file.Path() }

// Begin notes that a run begins and returns what the note said before, with the
// entry of the same state, if there was one, first. Both happen under one lock, so
// that of two runs that begin at the same moment one sees the other. doubts says
// whether the entry of the same state is a reason to doubt the state; a damaged
// note is one, too.
func (f *File) Begin(ctx context.Context, e Entry, doubts func(o Entry) bool) (before []Entry, err error) {
	damaged := false
	err = f.update(ctx, func(kept []Entry, wasDamaged bool) []Entry {
		damaged = wasDamaged
		before = kept
		if wasDamaged {
			e.Doubted = e.Start
		}
		for _, o := range kept {
			if !o.of(e) {
				continue
			}
			e.Others = slices.DeleteFunc(o.All(), func(id string) bool { return id == e.Manifest })
			if e.Made, e.Doubted = o.Made, o.Doubted; doubts(o) {
				e.Doubted = e.Start
			}
		}
		return append(slices.DeleteFunc(slices.Clone(kept), func(o Entry) bool { return o.of(e) || forgotten(o, e) }), e)
	})
	if err == nil && damaged {
		err = fmt.Errorf("%s: %w", f.Path(), ErrDamaged)
	}
	slices.SortStableFunc(before, func(a, b Entry) int { return cmp.Compare(other(a, e), other(b, e)) })
	return before, err
}

func other(o, e Entry) int {
	if o.of(e) {
		return 0
	}
	return 1
}

// Read returns all entries, without waiting for a lock; none when there is no note.
func (f *File) Read() ([]Entry, error) {
	b, err := f.file.Read()
	if b == nil || err != nil {
		return nil, err
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil || d.Version < 1 {
		return nil, fmt.Errorf("%s: %w", f.Path(), ErrDamaged)
	}
	return d.States, nil
}

// End notes that the run of e, as it was begun, ended at e.End, and whether it sent a
// create. A later run of the same state is left alone.
func (f *File) End(ctx context.Context, e Entry, made bool) error {
	return f.update(ctx, func(kept []Entry, _ bool) []Entry {
		for i, o := range kept {
			if o.of(e) && o.Run == e.Run && o.Start.Equal(e.Start) {
				kept[i].End = e.End.UTC()
				if made {
					kept[i].Made = kept[i].End
				}
			}
		}
		return kept
	})
}

// keepGone is how long the entry of a state is kept whose file is gone: it may come back.
const keepGone = 90 * 24 * time.Hour

// forgotten reports whether o need not be kept when e is noted.
func forgotten(o, e Entry) bool {
	if o.Host != e.Host || e.Start.Sub(o.Start) < keepGone {
		return false
	}
	_, err := os.Stat(o.State)
	return errors.Is(err, fs.ErrNotExist)
}

// version of the file's form.
const version = 1

type document struct {
	Version int     `json:"version"`
	States  []Entry `json:"states"`
}

func (f *File) update(ctx context.Context, change func(kept []Entry, damaged bool) []Entry) error {
	err := f.file.Update(ctx, func(b []byte) ([]byte, error) {
		var d document
		damaged := false
		if b != nil {
			err := json.Unmarshal(b, &d)
			if err == nil && d.Version > version {
				return b, fmt.Errorf("%s was written by a newer version of migrate", f.Path())
			}
			if damaged = err != nil || d.Version < 1; damaged {
				d = document{}
			}
		}
		out, err := json.MarshalIndent(document{Version: version, States: change(d.States, damaged)}, "", "  ")
		return append(out, '\n'), err
	})
	if err != nil {
		return fmt.Errorf("tenant note: %w", err)
	}
	return nil
}
