package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
	"github.com/showpad-migrate/migrate/pkg/source/web"
)

// webHeadersName is the variable that holds headers for web servers: secrets
// are no flags and stand in no file.
const webHeadersName = "MIGRATE_WEB_HEADERS"

// webHeaders are the headers that the environment has for web servers.
func (a *app) webHeaders() (web.Headers, error) {
	headers, err := web.ParseHeaders(a.getenv(webHeadersName))
	if err != nil {
		return nil, usagef("%s, %v", webHeadersName, err)
	}
	var secrets []config.Secret
	for _, s := range headers.Secrets() {
		secrets = append(secrets, config.NewSecret(s))
	}
	a.redact.Add(secrets...)
	return headers, nil
}

// webOpener opens places at https://. All of them share their connections.
func webOpener(set sourceSettings) opener {
	var opened interface{ CloseIdleConnections() }
	transport := sync.OnceValues(func() (http.RoundTripper, error) {
		base, err := showpad.NewTransport(showpad.TransportConfig{CAFile: set.caFile})
		if err != nil {
			return nil, err
		}
		t := web.NewTransport(base, set.allowPrivate)
		opened = t
		return t, nil
	})
	open := func(prefix string) (source.Source, error) {
		t, err := transport()
		if err != nil {
			return nil, err
		}
		sp, err := set.spool()
		if err != nil {
			return nil, err
		}
		return web.New(web.Config{
			Base: prefix, Transport: t, Headers: set.webHeaders, HeadersFrom: webHeadersName, MaxSize: int64(set.webMax),
			Spool: sp, UserAgent: "migrate/" + version(),
		})
	}
	return opener{
		root:      func(_ context.Context, r manifest.Root) (source.Source, error) { return open(r.Location) },
		addresses: func(context.Context) (source.Source, error) { return open("") },
		close: func() error {
			if opened != nil {
				opened.CloseIdleConnections()
			}
			return nil
		},
	}
}

// sharedSpool is the one spool of a session, made when a source first asks for
// it.
type sharedSpool struct {
	flags sourceFlags
	once  sync.Once
	spool *spool.Spool
	err   error
}

func (s *sharedSpool) get() (*spool.Spool, error) {
	s.once.Do(func() {
		dir := s.flags.spoolDir
		if dir == "" {
			dir = filepath.Join(os.TempDir(), fmt.Sprintf("migrate-spool-%d", os.Getuid()))
		}
		s.spool, s.err = spool.Open(dir, int64(s.flags.spoolSize))
	})
	return s.spool, s.err
}

func (s *sharedSpool) close() error {
	s.once.Do(func() { s.err = errPlaceClosed })
	if s.spool == nil {
		return nil
	}
	return s.spool.Close()
}
