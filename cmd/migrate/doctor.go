package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/ledger"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/login"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// doctorFlags say what is examined.
type doctorFlags struct {
	service    serviceFlags
	files      sourceFlags
	state      stateFlag
	probe      bool
	division   string
	readOnly   bool
	yes        bool
	settleTime time.Duration
	wait       time.Duration
}

func newDoctor(a *app) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [MANIFEST]",
		Short: "Look at credentials, rights, budget, clock, storage and assumptions",
		Long: `Doctor looks at all that a run needs, one line each: ok, warning or failed, and the
way on. It reads only, about ten requests. With MANIFEST it looks at that too: its
Division, its roots, the folder of its state.

--probe also makes one small asset, a link and two tags in one Division, uploads,
reads back, changes and deletes them, to see what nobody documents: each assumption of
docs/assumptions.md that can be seen from outside is confirmed, refuted, with what to
do about it, or not tested. It takes about 32 requests more and two uploads, and a
few more while it has to wait. It leaves nothing behind, also when it is interrupted,
and deletes what a killed one left.

Exit code: 0 without failures, 3 with some, 4 when nobody is signed in.`,
		Example:           "  migrate doctor\n  migrate doctor --probe --division Marketing --yes",
		Args:              argsOf(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeManifest,
	}
	fs := cmd.Flags()
	f.service.addLive(fs)
	f.files.add(fs)
	f.state.add(fs)
	fs.BoolVar(&f.probe, "probe", false, "write, too: make, change and delete one small asset, a link and two tags")
	fs.StringVar(&f.division, "division", "", "Division to probe, by name or id (default: the manifest's, or the first one by name)")
	fs.BoolVar(&f.readOnly, "read-only", false, "refuse every write")
	fs.BoolVar(&f.yes, "yes", false, "do not ask before a probe")
	addSettleTime(fs, &f.settleTime)
	fs.DurationVar(&f.wait, "wait", 5*time.Minute, "how long a probe waits for processing")
	cmd.RunE = a.action(manifestFirst, func(ctx context.Context, args []string) (int, error) {
		err := checkNumbers(number{"retries", int64(f.service.retries), 0}, number{"settle-time", int64(f.settleTime), 0}, number{"wait", int64(f.wait), 0})
		switch {
		case err != nil:
			return 0, err
		case f.probe && f.readOnly:
			return 0, a.refusedWrite()
		case f.yes && !f.probe:
			return 0, usagef("--yes goes with --probe")
		}
		return a.doctor(ctx, args, f)
	})
	return cmd
}

// examination is a doctor at work on this machine and at the service.
type examination struct {
	*app
	opt      doctorFlags
	out      *view.Doctor
	manifest *manifest.Manifest // an empty one when none was named
	place    string             // path of the state, or of one in this folder
	target   target
	calls    pipeline.Calls
}

func (a *app) doctor(ctx context.Context, args []string, f doctorFlags) (code int, err error) {
	e := &examination{app: a, opt: f, out: view.NewDoctor(a.out, a.json), manifest: new(manifest.Manifest), place: "migrate.state.db"}
	told := func() {}
	if len(args) > 0 {
		if told, err = e.lookAtManifest(ctx, args[0]); err != nil {
			return 0, err
		}
	}
	if e.manifest.Target.Subdomain == "" {
		e.target, err = a.liveTarget(f.service)
	} else {
		e.target, err = a.findTarget(f.service, e.manifest)
	}
	if err != nil {
		return 0, err
	}
	e.out.Tenant = e.target.name()
	// Signing in comes first: its line is the first of every command. What is found out
	// about this machine is told whatever became of it.
	spent, err := e.ledger(ctx, e.target, e.opt.service, "")
	if err != nil {
		return 0, err
	}
	if spent != nil {
		defer func() { err = errors.Join(err, spent.Close()) }()
	}
	e.opt.service.counters = counters(spent)
	conn, cerr := e.connect(ctx, e.target, e.opt.service, showpad.NewPacedGate(e.opt.service.gateConfig(spent)), func(c showpad.Call) {
		if !c.Storage && c.Op != "token" && c.Status != 0 {
			e.calls.Add(c.Op)
		}
	}, nil)
	if conn != nil {
		defer func() { err = errors.Join(err, conn.close()) }()
	}
	told()
	e.lookAtNetwork()
	e.lookAtFolders()
	e.lookAtLedger(spent)
	if cerr != nil {
		code, err = e.refused(ctx, cerr)
	} else {
		code, err = e.lookAtService(ctx, conn)
	}
	if err != nil {
		return 0, err
	}
	if e.out.Failed() {
		code = worst(code, exitSome)
	}
	return code, e.out.End(code, e.requests())
}

func (e *examination) requests() (n int) {
	for _, k := range e.calls.Snapshot() {
		n += k
	}
	return n
}

func (e *examination) tell(check string, level pipeline.Level, remedy, format string, args ...any) {
	e.out.Tell(pipeline.Finding{Check: check, Level: level, Remedy: remedy, Text: e.redact.Text(fmt.Sprintf(format, args...))})
}

// lookAtManifest reads it and opens its places. What it finds is told by the function
// that it returns; only what makes it no manifest is an error.
func (e *examination) lookAtManifest(ctx context.Context, path string) (told func(), err error) {
	var problems manifest.Problems
	s, err := e.read(path, e.opt.service, e.opt.files)
	if err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	if s != nil {
		defer func() { err = errors.Join(err, s.close()) }()
		e.manifest = s.set.Manifest
		if e.opt.division == "" {
			e.opt.division = e.manifest.Division
		}
		if err := s.check(ctx, false); err != nil && !errors.As(err, &problems) {
			return nil, err
		}
	}
	e.place = placesOf(path, false, e.opt.state.path).state
	if len(problems) > 0 {
		return func() {
			e.tell("manifest", pipeline.LevelFailed, "migrate lint "+path+" shows them", "%s: %s", path, view.Plural(len(problems), "problem stops everything", "problems stop everything"))
		}, nil
	}
	items := s.checked.Items
	roots := s.reachRoots(ctx)
	if roots != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return func() {
		e.tell("manifest", pipeline.LevelOK, "", "%s: %s", path, view.Plural(items, "item", "items"))
		if roots != nil {
			e.tell("roots", pipeline.LevelFailed, "see docs/sources.md", "%v", roots)
		} else {
			e.tell("roots", pipeline.LevelOK, "", "the places of its files can be reached")
		}
	}, nil
}

// lookAtNetwork tells the way that requests take.
func (e *examination) lookAtNetwork() {
	way := "no proxy"
	if req, err := http.NewRequest(http.MethodGet, e.target.apiURL, nil); err == nil {
		if proxy, err := http.ProxyFromEnvironment(req); err != nil {
			e.tell("network", pipeline.LevelFailed, "correct HTTPS_PROXY: such as http://proxy.example.com:3128", "the proxy cannot be read")
			return
		} else if proxy != nil {
			way = "by the proxy " + proxy.Scheme + "://" + proxy.Host
		}
	}
	trust := "certificates of the system"
	if e.opt.service.caFile != "" {
		trust += " and of " + e.opt.service.caFile
	}
	if strings.HasPrefix(e.target.apiURL, "http:") {
		trust = "plain HTTP on this machine"
	}
	e.tell("network", pipeline.LevelOK, "", "%s and %s; %s, %s", e.target.apiURL, e.target.v3URL, way, trust)
}

// lowDisk is how little room is worth a word, in bytes.
const lowDisk = 1 << 30

// lookAtFolders tells whether there is room for what is kept.
func (e *examination) lookAtFolders() {
	dir := filepath.Dir(e.place)
	e.lookAtFolder("state-folder", dir, "name another state with --state")
	if name := state.SyncFolder(e.place); name != "" {
		e.tell("state-folder", pipeline.LevelWarning, "name a local one with --state", "%s lies in a folder of %s, which may damage a state or bring an old copy back", dir, name)
	}
	own, err := e.ownFolder(login.Folder)
	if err != nil {
		e.tell("own-folder", pipeline.LevelFailed, "", "%v", err)
	} else {
		e.lookAtFolder("own-folder", filepath.Dir(own), "tokens and notes are kept there: set XDG_CONFIG_HOME")
	}
	temp := e.opt.files.spoolDir
	if temp == "" {
		temp = os.TempDir()
	}
	e.lookAtFolder("temporary-folder", temp, "name another one with --spool-dir")
}

// lookAtFolder writes a file into a folder, or where that would be made, and takes it
// away.
func (e *examination) lookAtFolder(check, dir, remedy string) {
	there := dir
	for {
		if _, err := os.Stat(there); err == nil || filepath.Dir(there) == there {
			break
		}
		there = filepath.Dir(there)
	}
	f, err := os.CreateTemp(there, ".migrate-doctor-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	free, known := spool.FreeSpace(there)
	switch {
	case err != nil:
		e.tell(check, pipeline.LevelFailed, remedy, "%s cannot be written to: %v", dir, err)
	case known && free < lowDisk:
		e.tell(check, pipeline.LevelWarning, remedy, "%s: only %s are free", dir, view.Bytes(free))
	case known:
		e.tell(check, pipeline.LevelOK, "", "%s: %s are free", dir, view.Bytes(free))
	default:
		e.tell(check, pipeline.LevelOK, "", "%s can be written to", dir)
	}
}

// lookAtLedger tells how many requests were spent; nil: nobody counts them.
func (e *examination) lookAtLedger(l *ledger.Ledger) {
	if l == nil {
		e.tell("requests", pipeline.LevelSkipped, "", "requests are not counted (--log-level info says why)")
		return
	}
	s := l.Standing()
	text := fmt.Sprintf("%s in the last %s by this credential on this machine", view.Plural(s.Spent, "request", "requests"), ledger.Span(s.Window))
	level, remedy := pipeline.LevelOK, ""
	if line := budgetLine(s); line != "" {
		text += "; " + line
		if s.Left == 0 {
			level, remedy = pipeline.LevelWarning, "wait; a run would begin nothing now"
		}
	}
	e.tell("requests", level, remedy, "%s", text)
}

// lookAtService examines the tenant.
func (e *examination) lookAtService(ctx context.Context, conn *connection) (int, error) {
	credential := e.credential()
	e.out.User = conn.user
	d := &pipeline.Doctor{API: conn.client, Calls: &e.calls, Division: e.opt.division, SettleTime: orTiny(e.opt.settleTime), Wait: orTiny(e.opt.wait), Observe: func(f pipeline.Finding) {
		f.Text = e.redact.Text(f.Text)
		e.out.Tell(f)
	}}
	if err := e.lookAtCredential(credential, d); err != nil {
		return 0, err
	}
	err := d.Diagnose(ctx)
	if err == nil && e.opt.probe {
		err = e.probing(ctx, d)
	}
	if err != nil {
		return e.refused(ctx, err)
	}
	return exitOK, nil
}

// refused makes a finding of an error that ends the examination of the service, unless
// somebody wanted it to end, or used it wrongly.
func (e *examination) refused(ctx context.Context, err error) (int, error) {
	var wrong *usageError
	if ctx.Err() != nil || errors.Is(err, errInterrupted) || errors.Is(err, errDeclined) || errors.As(err, &wrong) {
		return 0, err
	}
	e.tell("credential", pipeline.LevelFailed, "", "%v", err)
	if codeOf(err) == exitNotSignedIn {
		return exitNotSignedIn, nil
	}
	return exitSome, nil
}

// lookAtCredential tells what is signed in with, and the doctor what is known of it.
func (e *examination) lookAtCredential(credential showpad.Credential, d *pipeline.Doctor) error {
	if credential == showpad.CredentialToken {
		e.tell("credential", pipeline.LevelOK, "", "%s; its end is not told: the Admin App shows it", credential)
		return nil
	}
	_, file, err := e.oauth(e.target, http.DefaultTransport)
	if err != nil {
		return err
	}
	saved, err := file.Load()
	if err != nil {
		return err
	}
	e.tell("credential", pipeline.LevelOK, "", "%s, kept in %s; the access token ends at %s", credential, file.Path(), saved.Expiry.Local().Format(time.DateTime))
	d.Scopes = strings.Fields(saved.Scope)
	if len(d.Scopes) == 0 {
		d.Scopes = nil
	}
	d.Renewal = func() pipeline.Renewal {
		saved, err := file.Load()
		if err != nil {
			return pipeline.Renewal{}
		}
		replaced, known := saved.Rotation()
		return pipeline.Renewal{Has: saved.Refresh != "", Replaced: replaced, Known: known}
	}
	return nil
}

// probing asks, and then probes until it is done or a signal comes: then what was made
// is deleted first.
func (e *examination) probing(ctx context.Context, d *pipeline.Doctor) error {
	where := d.Target().Name
	if where == "" {
		where = "no Division"
	}
	what := fmt.Sprintf("The probe makes and deletes one small asset, a link and two tags in %s of %s: about %d requests and 2 uploads.",
		view.Clean(where), view.Clean(e.target.name()), pipeline.ProbeRequests)
	if e.ask && !e.opt.yes {
		if err := e.askYes(ctx, what); err != nil {
			return err
		}
	} else {
		say(e.err, "%s", what)
	}
	pctx, cancel := context.WithCancelCause(ctx)
	note := func(string) { say(e.err, "interrupted: what was made is deleted first; again to leave at once") }
	e.signals.note.Store(&note)
	e.signals.drains.Store(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-e.signals.stop:
			cancel(errInterrupted)
		case <-pctx.Done():
		}
	}()
	err := d.Probe(pctx)
	cancel(nil)
	<-ended
	e.signals.drains.Store(false)
	e.signals.note.Store(nil)
	return err
}
