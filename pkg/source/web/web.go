// Package web is the source of files at https:// addresses: those below a URL
// prefix, by their path, or any, by their whole address.
//
// What becomes of the odd cases:
//
//   - 404 and 410: ErrNotExist; everything else that is no file: ErrUnreadable
//   - a connection that breaks while a file is read is taken up where it broke,
//     if the server says by a validator (ETag, Last-Modified) that the file is
//     still the same; if it is another one: ErrChanged
//   - HTML in place of a file, such as the page that asks to sign in: ErrWebPage;
//     in place of a folder: ErrNotRegular
//   - HEAD refused, or of no use: the first bytes are asked for instead
//   - no length: the file is read into a spool before its first byte is passed on
//   - sent compressed although that was not asked for: ErrUnreadable
//   - an address of this machine or a private network, by whatever name or
//     redirect: ErrUnreadable, unless the transport allows it (see [NewTransport])
//
// Query strings may hold signatures: no error repeats one.
package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// DefaultMaxSize is the most that is read of a file that does not tell its
// length, in bytes. Source: the most that S3 takes in one PUT.
const DefaultMaxSize = 5 << 30

// Config is what a source needs; zero values mean the default.
type Config struct {
	// Base is the address that all paths are below, https://host/prefix without
	// a query. "" is a source whose paths are whole addresses.
	Base string
	// Transport is made by NewTransport. Required. It stays the caller's.
	Transport http.RoundTripper
	// Headers go to the servers that they are for, and are never shown.
	Headers Headers
	// HeadersFrom is where people set Headers, for errors: the name of an
	// environment variable.
	HeadersFrom string
	// MaxSize is the largest file that is taken, in bytes; 0 leaves that to others.
	MaxSize int64
	// Spool keeps files whose length the server does not tell. Nil: they are
	// refused. It stays the caller's.
	Spool *spool.Spool
	// UserAgent says who asks.
	UserAgent string

	Attempts int           // of a request in all; 0 is 5
	Pause    time.Duration // before the second attempt, doubled before each further one; 0 is half a second
	Idle     time.Duration // how long a server may say nothing; 0 is a minute
}

// Source reads over HTTP. Its methods may be called concurrently. It is no
// source.Lister: nobody can list a web server.
type Source struct {
	cfg    Config
	client *http.Client
	hosts  hosts
	kept   keptFiles
}

var (
	_ source.Keeper     = (*Source)(nil)
	_ source.HeadReader = (*Source)(nil)
)

// New makes a source. It fails when Base is no address, and asks nobody.
func New(cfg Config) (*Source, error) {
	if cfg.Attempts == 0 {
		cfg.Attempts = 5
	}
	if cfg.Pause == 0 {
		cfg.Pause = 500 * time.Millisecond
	}
	if cfg.Idle == 0 {
		cfg.Idle = time.Minute
	}
	s := &Source{cfg: cfg}
	if cfg.Base != "" {
		if _, err := parse(cfg.Base); err != nil {
			e := &source.Error{Op: "open", Path: shown(cfg.Base), Err: err}
			if h, ok := errors.AsType[*hint](err); ok {
				e.Err, e.Hint = h.error, h.text
			}
			return nil, e
		}
	}
	s.client = &http.Client{Transport: &withHeaders{cfg.Transport, cfg.Headers}, CheckRedirect: redirect}
	return s, nil
}

// address is the URL of the file at name.
func (s *Source) address(name string) (*url.URL, error) {
	if s.cfg.Base == "" {
		return parse(name)
	}
	clean := path.Clean(name)
	switch {
	case name == "" || clean == ".":
		return nil, hinted(source.ErrNotExist, "the path is empty")
	case clean == ".." || strings.HasPrefix(clean, "../") || path.IsAbs(clean):
		return nil, hinted(source.ErrOutside, "name the place that it is in under roots:")
	}
	parts := strings.Split(clean, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return parse(strings.TrimRight(s.cfg.Base, "/") + "/" + strings.Join(parts, "/"))
}

// Stat implements source.Source. The size is source.UnknownSize when the server
// tells no length.
func (s *Source) Stat(ctx context.Context, name string) (source.Info, error) {
	f, err := s.file(ctx, "stat", name)
	if err != nil {
		return source.Info{}, err
	}
	i, err := f.stat(ctx)
	if err != nil {
		return source.Info{}, f.failure(ctx, err)
	}
	return i, nil
}

// Open implements source.Source. Reading ends with ctx.
func (s *Source) Open(ctx context.Context, name string) (io.ReadCloser, source.Info, error) {
	f, err := s.file(ctx, "open", name)
	if err != nil {
		return nil, source.Info{}, err
	}
	r, i, err := f.open(ctx)
	if err != nil {
		return nil, source.Info{}, f.failure(ctx, err)
	}
	return r, i, nil
}

// file is one file for the time of one call.
type file struct {
	*Source
	op   string
	name string
	url  *url.URL
}

func (s *Source) file(ctx context.Context, op, name string) (*file, error) {
	f := &file{Source: s, op: op, name: name}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var err error
	if f.url, err = s.address(name); err != nil {
		return nil, f.failure(ctx, err)
	}
	return f, nil
}
