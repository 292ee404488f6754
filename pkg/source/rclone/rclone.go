// Package rclone is the source of files at the remotes of the user's rclone:
// SharePoint, OneDrive, Google Drive, Dropbox, Box, SFTP, WebDAV and the others
// that it reads. rclone itself runs as a child process, with the user's own
// configuration, and serves its remote control on a loopback address with a
// random password, for this process alone; it is asked to list, to describe and
// to read, and for nothing that writes.
//
// What becomes of the odd cases:
//
//   - missing: ErrNotExist; a folder is missing as a file, too
//   - a connection that breaks while a file is read: reading goes on at the same byte
//   - the file changed between its opening and its end: ErrChanged. Bytes whose MD5 the
//     remote tells are compared with it, others by size and time before and after
//   - a size that nobody knows before it is read (documents of Google): Stat says -1, and
//     opening reads the file to the disk first
//   - a listed size that is not that of the bytes (SharePoint, OneDrive): the reading that
//     meets it ends with ErrChanged; the next one has the bytes from the command cat, and
//     says both sizes
//   - two files of one name in one folder (Google Drive has them): ErrAmbiguous
//
// Only an MD5 that costs nothing is asked for: for a remote where it is worked
// out by reading the file (SFTP, a disk), the file's bytes are read anyway.
package rclone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// Oldest is the oldest version of rclone that is used: the oldest that was tried.
const Oldest = "v1.60"

var oldest = []int{1, 60}

// Options say how rclone is run.
type Options struct {
	Path  string       // of the program; "" is rclone, wherever the system finds it
	Env   []string     // of the program, as os.Environ has it; settings of its remote control are left out
	Spool *spool.Spool // for files of unknown size, and those that are kept; it stays the caller's
	Log   zerolog.Logger
}

// Rclone is the program, which is started at its first use. Its methods may be
// called concurrently.
type Rclone struct {
	server *server
	spool  *spool.Spool
	cat    func(ctx context.Context, address string) (io.ReadCloser, error) // see server.cat
	pause  time.Duration                                                    // before the second attempt to read; each later one is four times as long
	again  time.Duration                                                    // before a remote that could not be opened is tried again
}

// New prepares rclone; it does not run yet. The caller closes, after the sources.
func New(o Options) *Rclone {
	s := newServer(o)
	return &Rclone{server: s, spool: o.Spool, cat: s.cat, pause: 100 * time.Millisecond, again: time.Minute}
}

// Close ends the program.
func (r *Rclone) Close() error { return r.server.close() }

// Root is the source of the files below a place: remote: or remote:path. The
// place is looked at. Errors are *source.Error about the place, or the context's.
func (r *Rclone) Root(ctx context.Context, place string) (*Source, error) {
	s, err := r.open(ctx, place)
	if err != nil {
		return nil, err
	}
	// Where files may be read and folders not be listed, the files tell.
	_, err = s.names(ctx, "", func(entry) {})
	if errors.Is(err, source.ErrNotExist) {
		return nil, &source.Error{Op: "open", Path: place, Err: errors.New("there is no such folder"), Hint: "see what there is with: rclone lsf " + remoteOf(place)}
	}
	return s, ctxError(ctx)
}

func ctxError(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// remoteOf is the name of a place's remote, with its colon.
func remoteOf(place string) string {
	name, _, _ := strings.Cut(place, ":")
	return name + ":"
}

// open asks what a place can do.
func (r *Rclone) open(ctx context.Context, place string) (*Source, error) {
	s := newSource(r, place)
	var info struct {
		Hashes   []string
		Features struct{ SlowHash, CanHaveEmptyDirectories bool }
	}
	err := r.server.call(ctx, "operations/fsinfo", map[string]any{"fs": s.fs}, &info)
	if err != nil {
		return nil, r.openError(ctx, place, err)
	}
	s.emptyFolders = info.Features.CanHaveEmptyDirectories
	s.md5 = slices.Contains(info.Hashes, "md5") && !info.Features.SlowHash
	s.inexact = slices.Contains(info.Hashes, "quickxor") && !s.md5 && !info.Features.SlowHash
	return s, nil
}

// openError is err about a place that cannot be opened.
func (r *Rclone) openError(ctx context.Context, place string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*source.Error](err); ok { // of the program
		return &source.Error{Op: "open", Path: place, Err: e.Err, Hint: e.Hint}
	}
	e := &source.Error{Op: "open", Path: place, Err: err, Hint: "see whether this works: rclone lsf " + place}
	var known struct{ Remotes []string }
	if r.server.call(ctx, "config/listremotes", struct{}{}, &known) != nil {
		return e
	}
	if name := strings.TrimSuffix(remoteOf(place), ":"); !slices.Contains(known.Remotes, name) {
		has := "it has none"
		if len(known.Remotes) > 0 {
			slices.Sort(known.Remotes)
			has = "it has " + strings.Join(known.Remotes[:min(10, len(known.Remotes))], ", ")
		}
		e.Err = fmt.Errorf("rclone's configuration has no remote %q; %s", name, has)
		e.Hint = "make it with: rclone config; another configuration is named by RCLONE_CONFIG"
	}
	return e
}
