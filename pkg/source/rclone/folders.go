package rclone

import (
	"container/list"
	"context"
	"net/http"
	"path"
	"sync"
	"time"
)

const (
	singly     = 3                // files of a folder that are asked for one by one, before it is listed
	fresh      = 10 * time.Minute // how long what a folder holds is believed
	maxNames   = 200_000          // files remembered; a larger folder is not
	maxFolders = 20_000           // folders known, with files or without
)

// folders remembers what folders held, within bounds: a plan asks for one file
// after another, and a request for each would take hours where a listing takes
// minutes.
type folders struct {
	mu    sync.Mutex
	m     map[string]*folder
	order list.List // of *folder, the one listed last at the end
	names int
}

// folder is what is known of one.
type folder struct {
	dir    string
	at     *list.Element
	asked  int               // files asked for singly
	listed time.Time         // zero: not yet
	files  map[string]*entry // by name
	busy   chan struct{}     // closed when the listing under way is over; nil: none
}

// twice stands for a name that several files of a folder have.
var twice = new(entry)

// get is the folder, made if it is new. The caller holds the mutex.
func (f *folders) get(dir string) *folder {
	d := f.m[dir]
	if d == nil {
		if f.m == nil {
			f.m = map[string]*folder{}
		}
		d = &folder{dir: dir}
		d.at = f.order.PushBack(d)
		f.m[dir] = d
		f.shrink(d)
	}
	return d
}

// shrink forgets the folders that were listed longest ago, but not keep.
func (f *folders) shrink(keep *folder) {
	for e := f.order.Front(); e != nil && (f.names > maxNames || len(f.m) > maxFolders); {
		d := e.Value.(*folder)
		e = e.Next()
		if d == keep || d.busy != nil {
			continue
		}
		f.names -= len(d.files)
		f.order.Remove(d.at)
		delete(f.m, d.dir)
	}
}

// remember notes the files of a folder that was just listed.
func (f *folders) remember(dir string, files map[string]*entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.get(dir)
	f.names -= len(d.files)
	d.files, d.listed = files, time.Now()
	f.names += len(files)
	f.order.MoveToBack(d.at)
	f.shrink(d)
}

// remembered is the file at a path, if its folder was listed a moment ago; it
// lists the folder when many of its files are asked for. What is not there is
// asked for again: it may be new.
func (s *Source) remembered(ctx context.Context, p string) (*entry, bool, error) {
	f := &s.folders
	dir, name := path.Split(p)
	dir = path.Clean("/" + dir)[1:]
	for {
		f.mu.Lock()
		d := f.get(dir)
		if d.busy == nil && !d.listed.IsZero() && time.Since(d.listed) < fresh {
			e := d.files[name]
			f.mu.Unlock()
			return e, e != nil, nil
		}
		if d.asked++; d.busy == nil && d.asked <= singly {
			f.mu.Unlock()
			return nil, false, nil
		}
		busy := d.busy
		if busy == nil {
			d.busy, d.asked = make(chan struct{}), 0
		}
		f.mu.Unlock()
		if busy != nil {
			select {
			case <-busy:
				continue
			case <-ctx.Done():
				return nil, false, context.Cause(ctx)
			}
		}
		err := s.folder(ctx, dir, func(entry) {})
		f.mu.Lock()
		close(d.busy)
		d.busy = nil
		if err != nil { // each file tells what is wrong; the folder is tried again later
			d.files, d.listed = nil, time.Now()
		}
		f.mu.Unlock()
		if ctx.Err() != nil {
			return nil, false, context.Cause(ctx)
		}
	}
}

// folder lists the files and folders in one folder, and remembers the files.
func (s *Source) folder(ctx context.Context, dir string, visit func(entry)) error {
	files, err := s.names(ctx, dir, visit)
	if err == nil {
		s.folders.remember(dir, files)
	}
	return err
}

// names lists the files and folders in one folder: their Path is below the
// source. It returns the files by name, nil when they are too many.
func (s *Source) names(ctx context.Context, dir string, visit func(entry)) (map[string]*entry, error) {
	files, empty := map[string]*entry{}, true
	err := s.rc.server.list(ctx, map[string]any{"fs": s.fs, "remote": s.at(dir), "opt": s.options()}, func(e entry) {
		e.Path, empty = path.Join(dir, e.Name), false
		if !e.IsDir && files != nil {
			if files[e.Name] != nil {
				files[e.Name] = twice
			} else {
				files[e.Name] = &e
			}
			if len(files) > maxNames {
				files = nil
			}
		}
		visit(e)
	})
	if err == nil && empty && !s.emptyFolders && (dir != "" || s.below) {
		err = &failure{status: http.StatusNotFound}
	}
	if err != nil {
		return nil, s.failure(ctx, "list", dir, err)
	}
	return files, nil
}

// at is a folder as the remote control has it.
func (s *Source) at(dir string) string {
	if dir == "" && s.prefix != "" {
		return s.prefix[:len(s.prefix)-1]
	}
	return s.prefix + dir
}
