package scan

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/source"
)

const md5Size = md5.Size

// unlisted notes what the listing could not tell.
func (e *entry) unlisted(err *source.Error) {
	kind := Unreadable
	if err.Op != "stat" {
		kind = Unlisted
	}
	e.Path, e.Size = err.Path, 0
	e.add(kind, reason(err))
}

// reason is an error of a source without the path.
func reason(err error) string {
	e, ok := errors.AsType[*source.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Hint != "":
		return fmt.Sprintf("%v (%s)", e.Err, e.Hint)
	}
	return e.Err.Error()
}

// judge notes what name and size tell.
func (s *scanner) judge(e *entry) {
	if len(e.Notes) > 0 {
		return
	}
	nfc := norm.NFC.String(e.Path)
	switch left := expand.LeftOut(nfc); {
	case left != "":
		e.add(left, "")
	case !s.expressible(e.Path):
		e.add(OddName, "a table cannot write this path: rename the file (no backslashes, line breaks or other control characters, and not blank)")
	case e.Size == 0:
		e.add(Empty, "")
	case e.Size > maxFile:
		e.add(TooBig, "more than the 5 GB that storage takes at once: split or compress it")
	case e.Size > bigFile:
		e.add(Big, "")
	}
	if e.leftOut() {
		return
	}
	name := baseName(e.Path)
	if assetName(e.Path) != name {
		e.add(LongName, fmt.Sprintf("shortened to %d characters in the inventory", maxName))
	}
	switch ext := strings.ToLower(extension(name)); {
	case shortcuts[ext] != "":
		e.add(Shortcut, shortcuts[ext])
	case TypeOf(ext) == "":
		e.add(UnknownType, "")
	}
	if e.info.Offline {
		e.add(Online, "")
	}
}

// expressible reports whether the inventory can name the file.
func (s *scanner) expressible(p string) bool {
	at, problem := manifest.ParseLocation(s.Root.Name+":"+p, []manifest.Root{s.Root}, manifest.Pos{})
	return problem == nil && at.Path == p && at.Root == s.Root.Name && strings.TrimSpace(baseName(p)) != ""
}

// look reads a file as far as it is wanted. The error is the context's.
func (s *scanner) look(ctx context.Context, e *entry) error {
	if s.Ask && len(e.info.MD5) != md5Size {
		info, err := s.src.Stat(ctx, e.Path)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			e.add(Unreadable, reason(err))
			return nil
		}
		e.info.MD5 = info.MD5
	}
	at := manifest.Location{Root: s.Root.Name, Path: e.Path, Kind: s.Root.Kind}.String()
	hash := s.Hash && len(e.info.MD5) != md5Size
	if hash && s.Hashes != nil {
		if known, ok := s.Hashes.Lookup(ctx, at, e.info.Size, e.info.ModTime); ok {
			if sum, err := hex.DecodeString(known); err == nil && len(sum) == md5Size {
				e.MD5, hash = sum, false
			}
		}
	}
	if !hash && (!s.Inspect || !content.Promises(e.Path)) {
		return nil
	}
	err := s.read(ctx, e, at, hash)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		e.MD5 = nil
		e.add(Unreadable, reason(err))
	}
	return nil
}

func (s *scanner) read(ctx context.Context, e *entry, at string, hash bool) (err error) {
	begun := time.Now()
	r, info, err := s.src.Open(ctx, e.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if s.Inspect && content.Promises(e.Path) {
		found, err := inspect(&r, info.Size, e.Path)
		if err != nil {
			return err
		}
		switch {
		case found.WebPage:
			e.add(WebPage, "a web page came in place of the file: download it again")
			return nil
		case found.Protected:
			e.add(Protected, "Showpad cannot show what opens with a password only")
		}
	}
	if !hash {
		return nil
	}
	sum := md5.New()
	if _, err := io.Copy(io.MultiWriter(sum, s.Progress), r); err != nil {
		return err
	}
	e.MD5 = sum.Sum(nil)
	if s.Hashes != nil && info.Same(e.info) {
		_ = s.Hashes.Store(ctx, at, info.Size, info.ModTime, begun, hex.EncodeToString(e.MD5)) // a convenience
	}
	return nil
}

// inspect looks into an open file without moving it on; of one that can be read
// from its start only, the first bytes tell what they can.
func inspect(r *io.ReadCloser, size int64, name string) (content.Finding, error) {
	if at, ok := (*r).(io.ReaderAt); ok {
		return content.Inspect(at, size, name)
	}
	head := make([]byte, min(size, content.HeadSize))
	n, err := io.ReadFull(*r, head)
	if err != nil {
		return content.Finding{}, err
	}
	*r = again{io.MultiReader(strings.NewReader(string(head[:n])), *r), *r}
	return content.Sniff(head, name), nil
}

// again is a file whose beginning was read.
type again struct {
	io.Reader
	io.Closer
}
