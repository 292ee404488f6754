package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

func TestMemory(t *testing.T) {
	Run(t, func(t *testing.T, files map[string]File) source.Source { return NewMemory(files) })
}

func TestMemoryThatChanges(t *testing.T) {
	RunChanging(t, func(t *testing.T, files map[string]File) Place {
		m := NewMemory(files)
		return Place{Source: m, Set: m.Set, Remove: m.Remove}
	})
}

func TestWrappersThatDoNothingAreTransparent(t *testing.T) {
	Run(t, func(t *testing.T, files map[string]File) source.Source {
		var s source.Source = NewMemory(files)
		s = &Failing{Source: s, Fail: func(string, string, int) error { return nil }}
		s = &Slow{Source: s}
		s = &Truncating{Source: s, Keep: func(string) int64 { return -1 }}
		return &Changing{Source: s}
	})
}

func read(ctx context.Context, s source.Source, path string) ([]byte, error) {
	r, _, err := s.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

var one = map[string]File{"a": {Data: []byte("abcdef")}, "b": {Data: []byte("x")}}

func TestFailing(t *testing.T) {
	boom := errors.New("boom")
	s := &Failing{Source: NewMemory(one), Fail: func(op, path string, n int) error {
		if path == "a" && (op == "stat" && n == 1 || op == "open" && n == 2 || op == "read" && n == 2) {
			return boom
		}
		return nil
	}}
	_, err := s.Stat(t.Context(), "a")
	if e, ok := errors.AsType[*source.Error](err); !ok || e.Op != "stat" || e.Path != "a" || !errors.Is(err, boom) {
		t.Errorf("stat: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a"); err != nil {
		t.Errorf("second stat: %v", err)
	}
	if b, err := read(t.Context(), s, "a"); string(b) != "abcdef" || !errors.Is(err, boom) {
		t.Errorf("read: %q, %v", b, err)
	}
	if _, err := read(t.Context(), s, "a"); !errors.Is(err, boom) {
		t.Errorf("second open: %v", err)
	}
	if b, err := read(t.Context(), s, "b"); string(b) != "x" || err != nil {
		t.Errorf("b: %q, %v", b, err)
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Slow{Source: NewMemory(one), Wait: time.Minute}
		start := time.Now()
		if _, err := read(t.Context(), s, "a"); err != nil || time.Since(start) < time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := read(ctx, s, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestTruncating(t *testing.T) {
	s := &Truncating{Source: NewMemory(one), Keep: func(p string) int64 {
		if p == "a" {
			return 2
		}
		return -1
	}}
	if b, err := read(t.Context(), s, "a"); string(b) != "ab" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := read(t.Context(), s, "b"); string(b) != "x" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestChanging(t *testing.T) {
	m := NewMemory(one)
	s := &Changing{Source: m, Path: "a", Times: 2, Change: func(p string, n int) {
		m.Set(p, File{Data: bytes.Repeat([]byte{'0' + byte(n)}, 3)})
	}}
	for i, want := range []string{"abcdef", "111", "222", "222"} {
		b, err := read(t.Context(), s, "a")
		if string(b) != want || errors.Is(err, source.ErrChanged) != (i < 2) {
			t.Errorf("reading %d: %q, %v", i+1, b, err)
		}
	}
	if _, err := read(t.Context(), s, "b"); err != nil {
		t.Errorf("b: %v", err)
	}
}
