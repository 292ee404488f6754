// Package source is where bytes come from. A Source is a place that holds
// files; its packages (local, and later web, s3, rclone) are one for each kind,
// and all pass the suite in sourcetest.
package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Errors that callers decide on; match with errors.Is.
var (
	ErrNotExist   = errors.New("no such file")
	ErrUnreadable = errors.New("file cannot be read")
	ErrOutside    = errors.New("path leaves its root")
	ErrNotRegular = errors.New("not a regular file")
	ErrAmbiguous  = errors.New("several files have this name in different Unicode forms")
	ErrChanged    = errors.New("file changed while it was read")
	ErrSize       = errors.New("its size is not the one that its place lists")
	ErrWebPage    = errors.New("a web page came in place of the file")
)

// Error is a failure of a source: which path, what was attempted, why. It wraps
// one of the errors above where one fits.
type Error struct {
	Op   string // "stat", "open", "read", "list"
	Path string // as in Location.String
	Hint string // how to fix it; may be empty
	Err  error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.Path, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Info describes a file at one moment.
type Info struct {
	Path    string    // the path that was asked for
	Size    int64     // bytes; UnknownSize from Stat and List when only reading tells
	Listed  int64     // bytes that the place lists and Stat tells, where the opened file has others; else 0
	ModTime time.Time // zero when the source has none
	MD5     []byte    // 16 bytes when the source knows it without reading; else nil
	// Offline says that the bytes are not on this machine though the file
	// seems to be: reading it downloads them.
	Offline bool
	// Version is the place's own mark of this version of the bytes, such as an
	// ETag; "" where it has none. It means something for this one path only.
	Version string
	// Inexact says that the place may deliver another number of bytes than Size.
	Inexact bool
}

// UnknownSize is the size of a file that is made when it is read, such as a
// document that is exported.
const UnknownSize = -1

// Same reports whether a and b, of one path, can be the same bytes as far as
// size, MD5 and version tell, or time where one of them has no version. An
// unknown size tells nothing, and one that is listed only counts against what the
// other lists.
func (a Info) Same(b Info) bool {
	if !a.sameSize(b) || a.MD5 != nil && b.MD5 != nil && !bytes.Equal(a.MD5, b.MD5) {
		return false
	}
	if a.Version != "" && b.Version != "" {
		return a.Version == b.Version
	}
	return a.ModTime.Equal(b.ModTime)
}

func (a Info) sameSize(b Info) bool {
	switch {
	case a.Size == UnknownSize, b.Size == UnknownSize:
		return true
	case a.Listed != 0 && b.Listed == 0:
		return a.Listed == b.Size
	case b.Listed != 0 && a.Listed == 0:
		return b.Listed == a.Size
	}
	return a.Size == b.Size && a.Listed == b.Listed
}

// Source holds files. Its methods may be called concurrently. Every error
// about one path is an *Error; context errors are returned as they are.
type Source interface {
	// Stat describes the file at path without reading it.
	Stat(ctx context.Context, path string) (Info, error)
	// Open opens the file for reading from its start; Info is that of the
	// opened file. The caller closes.
	Open(ctx context.Context, path string) (io.ReadCloser, Info, error)
}

// Keeper is a Source that can keep a file's bytes on this machine between two
// readings, because reading it again is dear.
type Keeper interface {
	Source
	// Keep is Open, and keeps the bytes: until Release, Open reads the kept ones.
	// It waits for room that others who keep files give back, and they must not
	// wait for the caller.
	Keep(ctx context.Context, path string) (io.ReadCloser, Info, error)
	// Release ends one successful Keep of path. Readers that are open may read on.
	Release(path string)
}

// HeadReader is a Source that reads the beginning of a file at less cost than
// by Open.
type HeadReader interface {
	Source
	// ReadHead fills buf from the start of the file at path, and says how many
	// bytes there are: fewer than len(buf) when the file has no more.
	ReadHead(ctx context.Context, path string, buf []byte) (int, error)
}

// ReadHead is [HeadReader.ReadHead] for any source.
func ReadHead(ctx context.Context, s Source, path string, buf []byte) (n int, err error) {
	if h, ok := s.(HeadReader); ok {
		return h.ReadHead(ctx, path, buf)
	}
	f, _, err := s.Open(ctx, path)
	if err != nil {
		return 0, err
	}
	n, err = io.ReadFull(f, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, errors.Join(err, f.Close())
}

// Lister is a Source that can say which files it holds.
type Lister interface {
	Source
	// List yields the files in the folder at prefix ("" is all that the source
	// holds) and below it, ordered by path, byte by byte. Paths are whole, so
	// that Stat and Open take them. Folders are not reported, and a prefix is a
	// whole folder: "dee" does not list "deep/a". MD5 may be nil where Stat
	// knows it.
	//
	// What cannot be listed is an *Error about its path, and the rest follows:
	// Op "list" for a folder whose files are missing from the listing, "stat"
	// for a single file. A folder that is not there is ErrNotExist; sources that
	// have no folders know one by its files. The context's error ends the
	// listing. Nothing is read, so that files that are Offline stay so.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}
