package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
)

// closing is a source that says when it is closed.
type closing struct {
	source.Lister
	closed func()
}

func (c closing) Close() error { c.closed(); return nil }

func TestLazySourcesPassTheSuite(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source {
		return lazyLister{newLazy(func(context.Context) (source.Source, error) { return sourcetest.NewMemory(files), nil })}
	})
}

// TestPlacesAreOpenedOnce opens two roots and the addresses of one kind, from
// many goroutines, and closes what was used: the sources first, what they share
// last.
func TestPlacesAreOpenedOnce(t *testing.T) {
	var mu sync.Mutex
	var log []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, s)
	}
	place := func(name string) (source.Source, error) {
		note("open " + name)
		return closing{sourcetest.NewMemory(map[string]sourcetest.File{"b/a.pdf": {Data: []byte("x")}}), func() { note("close " + name) }}, nil
	}
	m := &manifest.Manifest{Dir: t.TempDir(), Roots: []manifest.Root{
		{Name: "one", Kind: manifest.RootS3, Location: "s3://one"},
		{Name: "two", Kind: manifest.RootS3, Location: "s3://two"},
		{Name: "bad", Kind: manifest.RootS3}, // refused with the header
		{Name: "site", Kind: manifest.RootWeb, Location: "https://x.example"},
	}}
	s, err := openSources(m, map[manifest.RootKind]opener{manifest.RootS3: {
		root:      func(_ context.Context, r manifest.Root) (source.Source, error) { return place(r.Name) },
		addresses: func(context.Context) (source.Source, error) { return place("addresses") },
		lists:     true,
		close:     func() error { note("close the kind"); return nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s.byName["bad"] != nil || s.byName["site"] != nil || s.byName[""] == nil || s.byName[pipeline.AbsoluteRoot] == nil {
		t.Errorf("%v", s.byName)
	}
	var wg sync.WaitGroup
	for range 16 {
		for _, l := range []manifest.Location{{Root: "one", Kind: manifest.RootS3, Path: "b/a.pdf"}, {Kind: manifest.RootS3, Path: "b/a.pdf"}} {
			wg.Go(func() {
				if _, err := s.byName[pipeline.SourceName(l)].Stat(t.Context(), l.Path); err != nil {
					t.Errorf("%s: %v", l, err)
				}
			})
		}
	}
	wg.Wait()
	if _, ok := s.byName["one"].(source.Lister); !ok {
		t.Error("a root that can be listed is no Lister")
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if len(log) != 5 || log[4] != "close the kind" {
		t.Errorf("%q", log)
	}
	slices.Sort(log)
	if want := []string{"close addresses", "close one", "close the kind", "open addresses", "open one"}; !slices.Equal(log, want) {
		t.Errorf("%q", log)
	}
	if _, err := s.byName["two"].Stat(t.Context(), "b/a.pdf"); !errors.Is(err, errPlaceClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestARootThatCannotBeOpened is a problem at the root's place, and an error
// about each file until then.
func TestARootThatCannotBeOpened(t *testing.T) {
	tried := 0
	m := &manifest.Manifest{Dir: t.TempDir(), Roots: []manifest.Root{{Name: "one", Kind: manifest.RootS3, Location: "s3://one", Pos: manifest.Pos{File: "m.yaml", Line: 3}}}}
	s, err := openSources(m, map[manifest.RootKind]opener{manifest.RootS3: {
		root: func(context.Context, manifest.Root) (source.Source, error) {
			tried++
			return nil, &source.Error{Op: "open", Path: "s3://one", Err: errors.New("no such bucket"), Hint: "make it"}
		},
		addresses: func(context.Context) (source.Source, error) { return nil, io.ErrUnexpectedEOF },
		lists:     true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	_, err = s.byName["one"].Stat(t.Context(), "a.pdf")
	if e, ok := errors.AsType[*source.Error](err); !ok || e.Op != "stat" || e.Path != "a.pdf" || err.Error() != "a.pdf: no such bucket (make it)" {
		t.Errorf("%v", err)
	}
	for _, err := range s.byName["one"].(source.Lister).List(t.Context(), "b") {
		if e, ok := errors.AsType[*source.Error](err); !ok || e.Op != "list" || e.Path != "b" {
			t.Errorf("%v", err)
		}
	}
	if _, _, err := s.byName["s3:"].Open(t.Context(), "x/a.pdf"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	var problems manifest.Problems
	if err := s.openRoots(t.Context(), m); !errors.As(err, &problems) || len(problems) != 1 || problems[0].Pos.Line != 3 ||
		!strings.Contains(problems[0].String(), `root "one" cannot be opened: no such bucket`) || problems[0].Fix != "make it" {
		t.Errorf("%v", err)
	}
	if tried != 1 {
		t.Errorf("tried %d times", tried)
	}
}

// TestAnOpeningThatWasStopped is tried again by the next who needs the place.
func TestAnOpeningThatWasStopped(t *testing.T) {
	stop, why := context.WithCancelCause(t.Context())
	by := errors.New("stopped by hand")
	l := newLazy(func(ctx context.Context) (source.Source, error) {
		why(by)
		if ctx.Err() != nil {
			return nil, &source.Error{Op: "open", Err: ctx.Err()}
		}
		return sourcetest.NewMemory(map[string]sourcetest.File{"a": {}}), nil
	})
	if _, err := l.Stat(stop, "a"); err != by {
		t.Errorf("%v", err)
	}
	if _, err := l.Stat(t.Context(), "a"); err != nil {
		t.Errorf("%v", err)
	}
}

// keeping is a source that keeps bytes, and counts them.
type keeping struct {
	*sourcetest.Memory
	kept atomic.Int64
}

func (k *keeping) Keep(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	k.kept.Add(1)
	return k.Open(ctx, path)
}

func (k *keeping) Release(string) { k.kept.Add(-1) }

func TestLazySourcesKeepWhatTheirsCanKeep(t *testing.T) {
	memory := sourcetest.NewMemory(map[string]sourcetest.File{"a": {Data: []byte("x")}})
	k := &keeping{Memory: memory}
	for _, src := range []source.Source{k, memory} {
		l := newLazy(func(context.Context) (source.Source, error) { return src, nil })
		r, i, err := l.Keep(t.Context(), "a")
		if err != nil || i.Size != 1 || k.kept.Load() != 1 && src == source.Source(k) {
			t.Errorf("%+v, %v, %d kept", i, err, k.kept.Load())
		}
		r.Close()
		l.Release("a")
		if k.kept.Load() != 0 {
			t.Errorf("%d are still kept", k.kept.Load())
		}
	}
}
