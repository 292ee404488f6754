package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func newStateBind(a *app) *cobra.Command {
	var svc serviceFlags
	var st stateFlag
	var settle time.Duration
	cmd := &cobra.Command{
		Use:   "bind EXTERNAL-ID ASSET-ID [MANIFEST]",
		Short: "Say which asset is an item's",
		Long: `Bind says by hand which asset belongs to an external ID: the one of several to go on
with (twin), the one that stands in for a lost one (remote-missing), or that of an
item that another manifest had (other-manifest): it is this manifest's from now on.
The next run compares the asset with the manifest as one that it finds for the
first time, and gives it the external ID if it has none. Without MANIFEST it takes
the one of the only state in this folder.

It reads the asset, and writes the state alone. It is refused while a run has the
state (exit code 7).`,
		Example:           "  migrate state bind SAMPLE-001 d40a34c408cfef993fa1cdf018065d73 manifest.yaml --sandbox",
		Args:              argsOf(cobra.RangeArgs(2, 3)),
		ValidArgsFunction: completeManifestThird,
	}
	svc.add(cmd.Flags())
	st.add(cmd.Flags())
	addSettleTime(cmd.Flags(), &settle)
	cmd.RunE = a.action(manifestThird, func(ctx context.Context, args []string) (int, error) {
		if err := checkNumbers(append(svc.numbers(), number{"settle-time", int64(settle), 0})...); err != nil {
			return 0, err
		}
		if what := manifest.ExternalIDWrong(args[0]); what != "" {
			return 0, usagef("the external ID %s: no manifest could name it", what)
		}
		path, err := manifestFor(args[2:], svc.sandbox, st.path)
		if err != nil {
			return 0, err
		}
		return exitOK, a.bind(ctx, args[0], args[1], path, svc, st, settle)
	})
	return cmd
}

func (a *app) bind(ctx context.Context, externalID, assetID, path string, svc serviceFlags, st stateFlag, settle time.Duration) (err error) {
	s, err := a.read(path, svc, sourceFlags{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.aim(svc, st.path); err != nil {
		return err
	}
	if err := mustExist(s.places.state); err != nil {
		return err
	}
	store, err := state.Open(ctx, s.places.state, state.Options{Tenant: s.target.tenant, Program: "migrate " + version(), Log: a.log})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, store.Close)
	told := &tellings{Progress: view.NewProgress(a.err, false, false), warnings: []warning{}}
	told.end = sync.OnceFunc(told.Close)
	defer told.end()
	if err := s.connect(ctx, svc, told.Observe); err != nil {
		return err
	}
	recs, err := store.Get(ctx, []string{externalID})
	if err != nil {
		return err
	}
	before := recs[externalID]
	err = pipeline.Bind(ctx, pipeline.BindInput{
		API: s.conn.client, Store: store, Owner: s.set.Manifest.ID, ExternalID: externalID, AssetID: assetID,
		SettleTime: orTiny(settle), Observe: told.Observe,
	})
	switch {
	case errors.Is(err, pipeline.ErrNotBound):
		return usagef("%v", err)
	case err != nil:
		return err
	}
	told.end()
	next := a.planCommand(path, svc, st) + " shows what a run makes of it"
	if a.json {
		return view.WriteJSON(a.out, struct {
			Version    int       `json:"version"`
			Type       string    `json:"type"`
			State      string    `json:"state"`
			ExternalID string    `json:"externalId"`
			AssetID    string    `json:"assetId"`
			Before     string    `json:"before,omitempty"` // the asset that it had
			Owner      string    `json:"owner"`
			Warnings   []warning `json:"warnings"`
			Next       string    `json:"next"`
		}{1, "state-bind", s.places.state, externalID, assetID, before.AssetID, s.set.Manifest.ID, told.warnings, next})
	}
	text := externalID + " is asset " + assetID
	if before.AssetID != "" && before.AssetID != assetID {
		text += ", and no longer " + before.AssetID
	}
	say(a.out, "%s: %s", view.Clean(s.places.state), view.Clean(text))
	say(a.out, "next: %s", next)
	return nil
}

// planCommand is a plan of the same manifest, tenant and state.
func (a *app) planCommand(path string, svc serviceFlags, st stateFlag) string {
	words := []string{"migrate", "plan", path}
	if svc.sandbox {
		words = append(words, "--sandbox")
	}
	if a.origins["subdomain"] == "flag" {
		words = append(words, "--subdomain", svc.subdomain)
	}
	if a.origins["state"] == "flag" {
		words = append(words, "--state", st.path)
	}
	return strings.Join(again(words), " ")
}

// tellings shows what a command tells and keeps its warnings.
type tellings struct {
	*view.Progress
	end      func() // Close, once
	mu       sync.Mutex
	warnings []warning
}

type warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Observe takes an event.
func (t *tellings) Observe(e pipeline.Event) {
	if w, ok := e.(pipeline.Warned); ok {
		t.mu.Lock()
		t.warnings = append(t.warnings, warning{w.Code, w.Text})
		t.mu.Unlock()
	}
	t.Progress.Observe(e)
}

// manifestFor is the manifest that a command is about: the one in args, or that of
// the state that is named, or of the only one in this folder.
func manifestFor(args []string, sandbox bool, named string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	path, err := statePath(nil, sandbox, named)
	if err != nil {
		return "", err
	}
	stem, ok := strings.CutSuffix(path, ".state.db")
	if sandbox {
		stem, ok = strings.CutSuffix(filepath.Dir(path), ".sandbox")
	}
	candidates := []string{stem + ".yaml", stem + ".yml", stem}
	if i := slices.IndexFunc(candidates, isFile); ok && i >= 0 {
		return candidates[i], nil
	}
	return "", usagef("%s: its manifest is not beside it: name the manifest", path)
}
