package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// keptFolder is a folder with bytes that versions replaced, each file under its
// MD5 in lower-case hex. It is a [source.Source].
type keptFolder string

// has reports whether the folder has the bytes with this MD5, and how many.
func (k keptFolder) has(md5 string) (size int64, ok bool) {
	if b, err := hex.DecodeString(md5); err != nil || len(b) != 16 {
		return 0, false
	}
	info, err := os.Stat(filepath.Join(string(k), md5))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// Stat implements [source.Source].
func (k keptFolder) Stat(ctx context.Context, path string) (source.Info, error) {
	f, info, err := k.Open(ctx, path)
	if err != nil {
		return source.Info{}, err
	}
	return info, f.Close()
}

// Open implements [source.Source].
func (k keptFolder) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	if ctx.Err() != nil {
		return nil, source.Info{}, context.Cause(ctx)
	}
	fail := func(err error) (io.ReadCloser, source.Info, error) {
		if errors.Is(err, fs.ErrNotExist) {
			err = source.ErrNotExist
		}
		return nil, source.Info{}, &source.Error{Op: "open", Path: filepath.Join(string(k), path), Err: err}
	}
	f, err := os.OpenInRoot(string(k), path)
	if err != nil {
		return fail(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = source.ErrNotRegular
	}
	if err != nil {
		_ = f.Close()
		return fail(err)
	}
	return f, source.Info{Path: path, Size: info.Size(), ModTime: info.ModTime()}, nil
}
