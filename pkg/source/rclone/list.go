package rclone

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// ahead is how many folders are listed at a time.
const ahead = 8

// list asks for what is in one folder, and calls visit for each as it comes.
func (s *server) list(ctx context.Context, in any, visit func(entry)) error {
	p, err := s.running(ctx)
	if err != nil {
		return err
	}
	body, err := s.post(ctx, p, "operations/list", in)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.broken(ctx, p, err)
		}
		if t != json.Delim('[') {
			continue // {"list": [
		}
		for d.More() {
			var e entry
			if err := d.Decode(&e); err != nil {
				return s.broken(ctx, p, err)
			}
			visit(e)
		}
	}
}

// List implements source.Lister. Folders are listed one by one, some ahead of
// the one whose files are told: what is held are the names of these.
func (s *Source) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		if ctx.Err() != nil {
			yield(source.Info{}, context.Cause(ctx))
			return
		}
		dir, err := place("list", prefix)
		if err != nil {
			yield(source.Info{}, err)
			return
		}
		inner, cancel := context.WithCancel(ctx)
		l := &listing{ctx: ctx, inner: inner, s: s, yield: yield, slots: make(chan struct{}, ahead)}
		defer l.listers.Wait()
		defer cancel()
		top := &sub{dir: dir}
		l.begin(top)
		l.folder(top, prefix)
	}
}

type listing struct {
	ctx     context.Context // of List: the listing is part of what was asked for
	inner   context.Context // ends when the caller has enough
	s       *Source
	yield   func(source.Info, error) bool
	slots   chan struct{}
	listers sync.WaitGroup
}

// sub is a folder that is listed or will be.
type sub struct {
	dir     string
	ready   chan struct{} // nil: nobody began
	entries []entry
	err     error
}

// begin starts listing a folder; somebody waits for a slot meanwhile.
func (l *listing) begin(d *sub) {
	if d.ready != nil {
		return
	}
	d.ready = make(chan struct{})
	l.slots <- struct{}{}
	l.listers.Go(func() {
		defer func() { <-l.slots }()
		defer close(d.ready)
		d.err = l.s.folder(l.inner, d.dir, func(e entry) { d.entries = append(d.entries, e) })
	})
}

// key puts a folder where its files belong.
func (e *entry) key() string {
	if e.IsDir {
		return e.Name + "/"
	}
	return e.Name
}

// folder tells the files of one folder, and of those in it. It reports whether
// to go on.
func (l *listing) folder(d *sub, asked string) bool {
	<-d.ready // which ends with the context
	if l.ctx.Err() != nil {
		l.yield(source.Info{}, context.Cause(l.ctx))
		return false
	}
	if d.err != nil {
		if e, ok := errors.AsType[*source.Error](d.err); ok {
			e.Path = asked
		}
		if !l.yield(source.Info{}, d.err) {
			return false
		}
	}
	slices.SortFunc(d.entries, func(a, b entry) int { return cmp.Compare(a.key(), b.key()) })
	entries := d.entries
	d.entries = nil
	var subs []*sub
	for i := range entries {
		if entries[i].IsDir && (i == 0 || entries[i-1].key() != entries[i].key()) { // folders of one name are one to us
			subs = append(subs, &sub{dir: entries[i].Path})
		}
	}
	for i := 0; i < len(entries); i++ {
		if l.ctx.Err() != nil {
			l.yield(source.Info{}, context.Cause(l.ctx))
			return false
		}
		l.lookAhead(subs)
		switch e := &entries[i]; {
		case e.IsDir:
			if len(subs) == 0 || subs[0].dir != e.Path {
				continue // told already
			}
			next := subs[0]
			subs = subs[1:]
			l.begin(next)
			if !l.folder(next, next.dir) {
				return false
			}
		case i+1 < len(entries) && entries[i+1].key() == e.key():
			for i+1 < len(entries) && entries[i+1].key() == e.key() {
				i++
			}
			if !l.yield(source.Info{}, ambiguous("stat", e.Path)) {
				return false
			}
		case !l.yield(l.s.info(e, e.Path), nil):
			return false
		}
	}
	return true
}

// lookAhead begins with the next folders as far as there are slots.
func (l *listing) lookAhead(subs []*sub) {
	for _, d := range subs[:min(len(subs), ahead)] {
		if d.ready != nil {
			continue
		}
		if len(l.slots) == cap(l.slots) {
			return
		}
		l.begin(d)
	}
}
