package pipeline_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/test/spec"
)

// world is a tenant, a library and a state, with everything between them in
// memory but the state's file.
type world struct {
	t         testing.TB
	tenant    *emulator.Server
	man       *manifest.Manifest
	items     []manifest.Item
	files     *memory
	places    map[string]source.Source // nil: files
	cache     cache
	path      string // of the state
	options   pipeline.Options
	nosync    bool
	skew      atomic.Int64      // of the wall clock, in nanoseconds
	fail      func(n int) error // of the state's commits
	sel       pipeline.Selection
	runs      int
	manifests map[string]string           // each run's
	before    func(context.Context) error // what a run does before its manifest is read
	late      bool                        // nothing is resumed before the manifest is read
	edits     int                         // items that were added by edit
	leaves    bool                        // edit takes items out of the manifest, and brings some back
	left      []manifest.Item             // those that are out
	configure func(*showpad.Config)       // the client; nil: the tenant's personal token
	calls     pipeline.Calls
	changeAPI func(*showpad.Client) pipeline.API

	latest sync.Mutex
	gate   func() showpad.PaceNow // of the latest client
	cancel context.CancelFunc     // ends the latest run

	mu      sync.Mutex
	results []pipeline.Result // of the last run
	rows    []pipeline.Row
	events  []pipeline.Event
	observe func(pipeline.Event)
}

func newWorld(t testing.TB, o emulator.Options) *world {
	t.Helper()
	s, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{
		t: t, tenant: s, files: &memory{m: map[string]memFile{}}, path: filepath.Join(fastDir(t), "test.state.db"),
		man: &manifest.Manifest{
			Path: "test.yaml", ID: "test", Division: "Marketing", CreateTags: manifest.CreateAllTags,
			Update: manifest.Update{Tags: "add", Metadata: "manifest", File: "changed", Conflicts: "skip"},
		},
		options: pipeline.Options{SettleTime: 2 * time.Second},
		nosync:  true,
	}
	w.files.clock = w.clock
	return w
}

// add makes an item with a file of its own.
func (w *world) add(id, content string, change ...func(*manifest.Item)) *manifest.Item {
	path := id + ".txt"
	w.files.put(path, content)
	item := manifest.Item{
		ExternalID: id, File: path, Location: manifest.Location{Path: path}, Division: "Marketing",
		Pos: manifest.Pos{File: "test.yaml", Line: len(w.items) + 3, Column: 5},
	}
	for _, c := range change {
		c(&item)
	}
	w.items = append(w.items, item)
	return &w.items[len(w.items)-1]
}

func tags(names ...string) func(*manifest.Item) {
	return func(i *manifest.Item) {
		l := []manifest.Tag{}
		for _, n := range names {
			l = append(l, manifest.Tag{Name: n})
		}
		i.Fields.Tags = manifest.Some(l)
	}
}

func (w *world) client() *showpad.Client { return w.clientWith(w.configure) }

// patient is the client of a person, who comes again until a limit of requests
// lets them in.
func (w *world) patient() *showpad.Client {
	return w.clientWith(func(c *showpad.Config) {
		if w.configure != nil {
			w.configure(c)
		}
		c.Retries, c.Gate = 10_000, showpad.NewGate(w.options.Requests) // with a budget of their own
	})
}

func (w *world) clientWith(configure func(*showpad.Config)) *showpad.Client {
	v4, v3 := w.tenant.URLs()
	cfg := showpad.Config{
		APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken),
		Base: spec.Transport(w.t, w.tenant), Storage: w.tenant, Gate: showpad.NewGate(w.options.Requests),
	}
	if configure != nil {
		configure(&cfg)
	}
	w.latest.Lock()
	w.gate = cfg.Gate.Pace
	cancel := w.cancel
	w.latest.Unlock()
	observe := cfg.Observe
	var calls atomic.Int64
	cfg.Observe = func(c showpad.Call) {
		if calls.Add(1) == tooMany {
			w.t.Errorf("the run does not end: %d requests", tooMany)
			if cancel != nil {
				cancel()
			}
		}
		if !c.Storage && c.Err == nil {
			w.calls.Took(c.Elapsed)
		}
		if observe != nil {
			observe(c)
		}
	}
	c, err := showpad.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// tooMany is more requests than any run of a test makes. On the clock of a test, one
// that asks again at once would do so for ever.
const tooMany = 500_000

var _ http.RoundTripper = (*emulator.Server)(nil)

func (w *world) input(st state.Reader) pipeline.Input {
	var api pipeline.API = w.client()
	if w.changeAPI != nil {
		api = w.changeAPI(w.client())
	}
	w.latest.Lock()
	gate := w.gate
	w.latest.Unlock()
	return pipeline.Input{
		Manifest: w.man,
		Items: func(context.Context) iter.Seq2[manifest.Item, error] {
			return func(yield func(manifest.Item, error) bool) {
				for _, i := range w.items {
					if !yield(i, nil) {
						return
					}
				}
			}
		},
		Sources: w.sources(), Hashes: &w.cache,
		API: api, Calls: &w.calls, Gate: gate, State: st, Select: w.sel, Start: w.clock(), Clock: w.clock, Log: zerolog.Nop(), Options: w.options,
		Observe: func(e pipeline.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch e := e.(type) {
			case pipeline.Finished:
				w.results = append(w.results, e.Result)
			case pipeline.Decided:
				w.rows = append(w.rows, e.Row)
			}
			w.events = append(w.events, e)
			if w.observe != nil {
				w.observe(e)
			}
		},
	}
}

func (w *world) sources() map[string]source.Source {
	if w.places != nil {
		return w.places
	}
	return map[string]source.Source{"": w.files}
}

// clock is the wall clock of the machine that migrates, which may jump.
func (w *world) clock() time.Time { return time.Now().Round(0).Add(time.Duration(w.skew.Load())) }

// jump moves the wall clock.
func (w *world) jump(d time.Duration) { w.skew.Add(int64(d)) }

func (w *world) open() *state.Store {
	st, err := state.Open(w.t.Context(), w.path, state.Options{Tenant: "acme", NoSync: w.nosync, FailWrite: w.fail, Clock: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

// run runs once, on a client and a state opened anew.
func (w *world) run(ctx context.Context, stop <-chan struct{}) (pipeline.Outcome, error) {
	w.runs++
	w.results, w.rows, w.events = nil, nil, nil
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.latest.Lock()
	w.cancel = cancel
	w.latest.Unlock()
	st := w.open()
	in := pipeline.RunInput{Input: w.input(st), Store: st, ID: fmt.Sprintf("run-%d", w.runs), Stop: stop}
	if w.manifests == nil {
		w.manifests = map[string]string{}
	}
	now := w.fingerprint()
	w.manifests[in.ID] = now
	in.Before = w.before
	if !w.late {
		in.Resume = func(run string) bool { return w.manifests[run] == now }
	}
	out, err := pipeline.Run(ctx, in)
	if cerr := st.Close(); cerr != nil && w.fail == nil {
		w.t.Errorf("closing the state: %v", cerr)
	}
	return out, err
}

// fingerprint stands for the bytes of the manifest's files.
func (w *world) fingerprint() string { return fmt.Sprintf("%v\n%v", *w.man, w.items) }

// mustRun runs and demands an exit code.
func (w *world) mustRun(code int) pipeline.Outcome {
	w.t.Helper()
	out, err := w.run(w.t.Context(), nil)
	if err != nil {
		w.t.Fatalf("run: %v", err)
	}
	if out.Code != code {
		w.t.Errorf("exit code %d, want %d: %s, %v", out.Code, code, out.Sentence, out.Err)
		for _, r := range w.results {
			if !r.OK() {
				w.t.Logf("%s: %s %s %+v", r.ExternalID, r.Action, r.Status, r.Error)
			}
		}
	}
	return out
}

func (w *world) plan() (pipeline.Summary, []pipeline.Row) {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	var rows []pipeline.Row
	s, err := pipeline.Plan(w.t.Context(), w.input(st), func(r pipeline.Row) error { rows = append(rows, r); return nil })
	if err != nil {
		w.t.Fatalf("plan: %v", err)
	}
	return s, rows
}

// action is the plan's row for one item.
func (w *world) action(id string) pipeline.Row {
	w.t.Helper()
	_, rows := w.plan()
	for _, r := range rows {
		if r.ExternalID == id {
			return r
		}
	}
	w.t.Fatalf("no row for %s", id)
	return pipeline.Row{}
}

// assets are the tenant's assets by external ID.
func (w *world) assets() map[string][]emulator.Asset {
	m := map[string][]emulator.Asset{}
	for _, a := range w.tenant.Assets() {
		m[a.ExternalID] = append(m[a.ExternalID], a)
	}
	return m
}

// check is the oracle: exactly one asset for each item, active, with its bytes
// and its tags, and nothing else.
func (w *world) check() {
	w.t.Helper()
	w.checkBut(func(string, string) bool { return false })
}

// checkBut is check with excuses for missing tags; of an item that is in
// conflict nothing is demanded but that it is one.
func (w *world) checkBut(excused func(id, tag string) bool) {
	w.t.Helper()
	all := w.assets()
	for _, item := range w.items {
		as := all[item.ExternalID]
		if len(as) != 1 {
			w.t.Errorf("%s: %d assets, want 1", item.ExternalID, len(as))
			continue
		}
		if w.conflicted(item.ExternalID) {
			continue
		}
		a := as[0]
		f := w.files.get(item.Location.Path)
		sum := md5.Sum(f.data)
		if a.Status != "active" || (item.URL == "" && (a.MD5 != hex.EncodeToString(sum[:]) || a.Size != int64(len(f.data)))) {
			w.t.Errorf("%s: %s with MD5 %s and %d bytes, want active with %x and %d", item.ExternalID, a.Status, a.MD5, a.Size, sum, len(f.data))
		}
		if a.Name != manifest.AssetName(item) {
			w.t.Errorf("%s: its name is %q, want %q", item.ExternalID, a.Name, manifest.AssetName(item))
		}
		for _, t := range item.Fields.Tags.Value {
			if t.Name != "" && !slices.Contains(a.Tags, t.Name) && !excused(item.ExternalID, t.Name) {
				w.t.Errorf("%s: tag %q is missing from %q", item.ExternalID, t.Name, a.Tags)
			}
		}
	}
	n := len(w.tenant.Assets())
	for _, item := range w.left {
		n -= len(all[item.ExternalID])
	}
	if n != len(w.items) {
		w.t.Errorf("%d assets for %d items", n, len(w.items))
	}
	b := w.tenant.Books()
	if b.TokensAtStorage > 0 || b.Unknown > 0 || len(b.Renames) > 0 {
		w.t.Errorf("tokens at storage %d, renames %v, unknown requests %d %q", b.TokensAtStorage, b.Renames, b.Unknown, b.UnknownNotes)
	}
}

// memory is a source of files in memory.
type memory struct {
	mu    sync.Mutex
	m     map[string]memFile
	puts  time.Duration
	clock func() time.Time // nil: time.Now
	// trouble, when set, is asked at each opening: an error, or a pause before each
	// few bytes. It may change the file, which is opened already.
	trouble func(path string) (pause time.Duration, err error)
}

type memFile struct {
	data    []byte
	mod     time.Time
	offline bool
	md5     []byte // as the place tells it
	version string
}

func (f memFile) info(path string) source.Info {
	return source.Info{Path: path, Size: int64(len(f.data)), ModTime: f.mod, Offline: f.offline, MD5: f.md5, Version: f.version}
}

// put writes a file that is older than any clock's grain. No two have the same
// time.
func (m *memory) put(path, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	now := time.Now
	if m.clock != nil {
		now = m.clock
	}
	m.m[path] = memFile{data: []byte(content), mod: now().Add(m.puts - time.Minute)}
}

func (m *memory) get(path string) memFile { m.mu.Lock(); defer m.mu.Unlock(); return m.m[path] }

func (m *memory) Stat(_ context.Context, path string) (source.Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.m[path]
	if !ok {
		return source.Info{}, &source.Error{Op: "stat", Path: path, Err: source.ErrNotExist}
	}
	return f.info(path), nil
}

func (m *memory) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	info, err := m.Stat(ctx, path)
	if err != nil {
		return nil, info, err
	}
	m.mu.Lock()
	f, trouble := m.m[path], m.trouble
	m.mu.Unlock()
	info = f.info(path)
	r := &memReader{ctx: ctx, r: bytes.NewReader(f.data)}
	if trouble != nil {
		if r.pause, err = trouble(path); err != nil {
			return nil, info, &source.Error{Op: "open", Path: path, Err: err}
		}
	}
	return r, info, nil
}

// memReader reads a file, slowly if need be.
type memReader struct {
	ctx   context.Context
	r     *bytes.Reader
	pause time.Duration
}

func (r *memReader) Read(p []byte) (int, error) {
	if r.pause > 0 && r.r.Len() > 0 {
		select {
		case <-time.After(r.pause):
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		}
		p = p[:min(len(p), 8)]
	}
	return r.r.Read(p)
}

func (r *memReader) Close() error { return nil }

// cache remembers checksums, as the file beside a state does.
type cache struct {
	mu sync.Mutex
	m  map[string]string
}

func cacheKey(loc string, size int64, mtime time.Time) string {
	return fmt.Sprintf("%s %d %d", loc, size, mtime.UnixNano())
}

func (c *cache) Lookup(_ context.Context, loc string, size int64, mtime time.Time) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	md5, ok := c.m[cacheKey(loc, size, mtime)]
	return md5, ok
}

func (c *cache) Store(_ context.Context, loc string, size int64, mtime, hashed time.Time, md5 string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]string{}
	}
	if state.Trusted(mtime, hashed) {
		c.m[cacheKey(loc, size, mtime)] = md5
	}
	return nil
}
