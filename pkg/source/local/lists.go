package local

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"
)

const (
	maxNames = 200_000 // names kept in all folders together; a larger folder is read at each look-up
	maxDirs  = 1_000   // folders kept
	settled  = 2 * time.Second
)

// lists keeps the names in folders by their folded form, within bounds. It is
// asked only about names that are not there as they are written.
type lists struct {
	mu    sync.Mutex
	dirs  map[listKey]*list
	names int // in dirs
	clock int // of uses
}

type listKey struct {
	tree tree
	dir  string
}

type list struct {
	mod    time.Time // of the folder when it was read
	byFold map[string][]string
	names  int
	used   int
}

// fold is what the forms and the capitals of a name have in common.
func fold(name string) string { return strings.ToLower(norm.NFC.String(name)) }

// lookup returns the names in dir that fold to what name folds to.
func (l *lists) lookup(ctx context.Context, t tree, dir, name string) ([]string, error) {
	st, err := t.Stat(dir)
	if err != nil {
		return nil, err
	}
	key, want := listKey{t, dir}, fold(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	if e := l.dirs[key]; e != nil && e.mod.Equal(st.ModTime()) {
		e.used = l.clock
		return e.byFold[want], nil
	}
	l.drop(key)
	begun := time.Now()
	e := &list{mod: st.ModTime(), byFold: map[string][]string{}, used: l.clock}
	var matches []string
	err = each(ctx, t, dir, func(n string) {
		f := fold(n)
		if f == want {
			matches = append(matches, n)
		}
		if e.names++; e.names > maxNames {
			e.byFold = nil
			return
		}
		e.byFold[f] = append(e.byFold[f], n)
	})
	if err != nil {
		return nil, err
	}
	if e.byFold != nil && begun.Sub(e.mod) > settled { // else a later change may leave its time as it is
		l.keep(key, e)
	}
	return matches, nil
}

func (l *lists) keep(key listKey, e *list) {
	for len(l.dirs) > 0 && (len(l.dirs) >= maxDirs || l.names+e.names > maxNames) {
		var oldest listKey
		first := true
		for k, c := range l.dirs {
			if first || c.used < l.dirs[oldest].used {
				oldest, first = k, false
			}
		}
		l.drop(oldest)
	}
	if l.dirs == nil {
		l.dirs = map[listKey]*list{}
	}
	l.dirs[key] = e
	l.names += e.names
}

func (l *lists) drop(key listKey) {
	if e := l.dirs[key]; e != nil {
		l.names -= e.names
		delete(l.dirs, key)
	}
}

// each calls visit with every name in dir, in pieces.
func each(ctx context.Context, t tree, dir string, visit func(string)) error {
	f, err := t.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		names, err := f.Readdirnames(1000)
		for _, n := range names {
			visit(n)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
