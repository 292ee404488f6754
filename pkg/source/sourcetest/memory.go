package sourcetest

import (
	"context"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Memory is a source in memory. Its methods may be called concurrently.
type Memory struct {
	mu    sync.Mutex
	files map[string]File
}

var _ source.Lister = (*Memory)(nil)

// NewMemory holds files by slash-separated path.
func NewMemory(files map[string]File) *Memory {
	m := &Memory{files: map[string]File{}}
	maps.Copy(m.files, files)
	return m
}

// Set adds a file or replaces it; readers that are open go on with the old one.
func (m *Memory) Set(path string, f File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[path] = f
}

// Remove takes a file away.
func (m *Memory) Remove(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, path)
}

// Stat implements source.Source.
func (m *Memory) Stat(ctx context.Context, path string) (source.Info, error) {
	_, i, err := m.find(ctx, "stat", path)
	return i, err
}

// Open implements source.Source.
func (m *Memory) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	f, i, err := m.find(ctx, "open", path)
	if err != nil {
		return nil, source.Info{}, err
	}
	return io.NopCloser(f.Reader()), i, nil
}

func (m *Memory) find(ctx context.Context, op, name string) (File, source.Info, error) {
	if ctx.Err() != nil {
		return File{}, source.Info{}, context.Cause(ctx)
	}
	if c := path.Clean(name); c == ".." || strings.HasPrefix(c, "../") || path.IsAbs(c) {
		return File{}, source.Info{}, &source.Error{Op: op, Path: name, Err: source.ErrOutside}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.files[name]
	if !ok {
		return File{}, source.Info{}, missing(op, name)
	}
	return f, source.Info{Path: name, Size: f.Len(), ModTime: f.ModTime, Offline: f.Offline}, nil
}

// List implements source.Lister.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		below := strings.TrimSuffix(prefix, "/") + "/"
		if ctx.Err() != nil {
			yield(source.Info{}, context.Cause(ctx))
			return
		}
		if c := path.Clean(prefix); c == ".." || strings.HasPrefix(c, "../") || path.IsAbs(c) {
			yield(source.Info{}, &source.Error{Op: "list", Path: prefix, Err: source.ErrOutside})
			return
		}
		m.mu.Lock()
		var names []string
		for name := range m.files {
			if prefix == "" || strings.HasPrefix(name, below) {
				names = append(names, name)
			}
		}
		m.mu.Unlock()
		if len(names) == 0 && prefix != "" {
			yield(source.Info{}, missing("list", prefix))
			return
		}
		slices.Sort(names)
		for _, name := range names {
			_, i, err := m.find(ctx, "stat", name)
			if !yield(i, err) || ctx.Err() != nil {
				return
			}
		}
	}
}
