package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/live"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// watched is what a run is shown with, and a page beside it.
type watched struct {
	show
	page *live.Server
}

func (w watched) Observe(e pipeline.Event) {
	w.show.Observe(e)
	w.page.Observe(e)
}

// serveLive shows the run as a page at address, until the session is closed; "" does
// not.
func (e *execution) serveLive(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	a, s := e.app, e.session
	tenant := s.target.mode
	if s.target.mode == "LIVE" {
		tenant += " " + s.target.name()
	}
	if s.conn.user != "" {
		tenant += " as " + s.conn.user
	}
	page, err := live.Listen(ctx, address, live.Run{
		ID: e.id, Tenant: tenant, Manifest: filepath.Base(s.places.manifest), Start: s.start, Snapshot: e.show.Snapshot, Redact: a.redact.Text,
	})
	if err != nil {
		return listenError("serve", address, err)
	}
	s.closers = append(s.closers, page.Close)
	e.page, e.show = page, watched{e.show, page}
	say(a.err, "live: %s", view.Clean(page.URL()))
	if !page.Private() {
		say(a.err, "warning: whoever has this address can watch the run; it is sent unencrypted (serve on 127.0.0.1 and use a tunnel where that matters)")
	}
	return nil
}

// endLive shows the outcome on the page, if there is one.
func (e *execution) endLive(o *pipeline.Outcome) {
	if e.page != nil {
		e.page.End(fmt.Sprintf("%s.", o.Sentence), o.Code)
	}
}
