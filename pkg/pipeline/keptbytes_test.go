package pipeline_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// dear is a source whose bytes are fetched at a price, and can be kept in a
// spool. With exports, nobody knows the size of a file before it is fetched,
// and its bytes are others each time.
type dear struct {
	*memory
	spool   *spool.Spool
	exports bool

	mu      sync.Mutex
	kept    map[string]*dearFile
	fetched map[string]int
	heads   int // beginnings that were read alone
}

type dearFile struct {
	*spool.File
	info  source.Info
	users int
}

var (
	_ source.Keeper     = (*dear)(nil)
	_ source.HeadReader = (*dear)(nil)
)

func (d *dear) ReadHead(_ context.Context, path string, buf []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heads++
	return copy(buf, d.get(path).data), nil
}

func (d *dear) Stat(ctx context.Context, path string) (source.Info, error) {
	i, err := d.memory.Stat(ctx, path)
	if d.exports {
		i.Size = source.UnknownSize
	}
	return i, err
}

// fetch is the file as the place has it now.
func (d *dear) fetch(ctx context.Context, path string) (string, source.Info, error) {
	i, err := d.memory.Stat(ctx, path)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fetched[path]++
	text := string(d.get(path).data)
	if d.exports {
		text += fmt.Sprintf(", export %d", d.fetched[path])
		i.Size = int64(len(text))
	}
	return text, i, err
}

func (d *dear) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	d.mu.Lock()
	k := d.kept[path]
	d.mu.Unlock()
	if k != nil {
		return k.File.Open(), k.info, nil
	}
	text, i, err := d.fetch(ctx, path)
	return io.NopCloser(strings.NewReader(text)), i, err
}

func (d *dear) Keep(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	text, i, err := d.fetch(ctx, path)
	if err != nil {
		return nil, i, err
	}
	f, err := d.spool.Put(ctx, path, strings.NewReader(text), i.Size)
	if err != nil {
		return nil, i, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept[path] = &dearFile{File: f, info: i, users: 1}
	return f.Open(), i, nil
}

func (d *dear) Release(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept[path].Release()
	delete(d.kept, path)
}

// dearWorld is a world whose files are dear; the spool has room for two.
func dearWorld(t *testing.T, o emulator.Options, n int) (*world, *dear) {
	w := newWorld(t, o)
	w.many(n)
	sp, err := spool.Open(t.TempDir(), 50)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sp.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &dear{memory: w.files, spool: sp, kept: map[string]*dearFile{}, fetched: map[string]int{}}
	w.places = map[string]source.Source{"": d}
	return w, d
}

func (d *dear) check(t *testing.T, fetched int) {
	t.Helper()
	d.empty(t)
	for path, n := range d.fetched {
		if n != fetched {
			t.Errorf("%s was fetched %d times, want %d", path, n, fetched)
		}
	}
}

// However an item ends, its bytes are fetched once, and their room is free for
// the next; with room for two, nobody waits for ever.
func TestDearBytesAreFetchedOnce(t *testing.T) {
	for name, faults := range map[string][]emulator.Fault{
		"nothing":                 nil,
		"lost answers to creates": {{Op: "postAssets", Kind: emulator.KindLost, Nth: 2, Count: 5}},
		"storage that breaks off": {{Op: emulator.OpPut, Kind: emulator.KindResetMid, Count: 10}},
		"no URLs":                 {{Op: "postAssetFiles", Kind: emulator.KindStatus, Status: 503, Count: 7}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, d := dearWorld(t, emulator.Options{Processing: time.Second}, 40)
				w.options.SettleTime = 5 * time.Second
				w.tenant.Fail(faults...)
				w.mustRun(0)
				w.check()
				d.check(t, 1)
				w.mustRun(0)
				d.check(t, 1)
			})
		})
	}
}

func TestDearBytesOfItemsThatFailAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := dearWorld(t, emulator.Options{}, 20)
		w.options.Retries = 1
		w.tenant.Fail(
			emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus, Status: 400, Nth: 3, Count: 5},
			emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindStatus, Status: 403, Code: "AccessDenied", Count: -1},
		)
		w.mustRun(3)
		d.check(t, 1)
	})
}

func TestDearBytesAreLetGoAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := dearWorld(t, emulator.Options{}, 40)
		stop := make(chan struct{})
		sent := 0
		w.observe = func(e pipeline.Event) {
			if s, ok := e.(pipeline.Stage); ok && s.Stage == "settle" {
				if sent++; sent == 5 {
					close(stop)
				}
			}
		}
		if out, err := w.run(t.Context(), stop); err != nil || out.Code != 130 {
			t.Errorf("code %d, %v", out.Code, err)
		}
		d.check(t, 1)
	})
}

// What is made when it is read is told by its time: a rerun fetches nothing.
func TestFilesThatAreMadeWhenTheyAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := dearWorld(t, emulator.Options{}, 5)
		d.exports = true
		if s, rows := w.plan(); s.Bytes != 0 || rows[0].Size != 0 || rows[0].Action != pipeline.ActionCreate || len(d.fetched) > 0 {
			t.Errorf("%+v, %+v", s, rows[0])
		}
		w.mustRun(0)
		d.check(t, 1)
		sizes := map[string]int64{}
		for _, a := range w.tenant.Assets() {
			sizes[a.ExternalID] = a.Size
			if a.Status != "active" || a.Size == 0 {
				t.Errorf("%s: %s with %d bytes", a.ExternalID, a.Status, a.Size)
			}
		}
		if out := w.mustRun(0); out.Plan.Actions[pipeline.ActionUnchanged] != 5 {
			t.Errorf("%v", out.Plan.Actions)
		}
		d.check(t, 1)

		w.files.put("A00.txt", "other content")
		if a := w.action("A00"); a.Action != pipeline.ActionCheck {
			t.Errorf("%+v", a)
		}
		if out := w.mustRun(0); out.Status["done"] != 1 {
			t.Errorf("%v", out.Status)
		}
		for _, a := range w.tenant.Assets() {
			if (a.Size != sizes[a.ExternalID]) != (a.ExternalID == "A00") {
				t.Errorf("%s: %d bytes, before %d", a.ExternalID, a.Size, sizes[a.ExternalID])
			}
		}
		if out := w.mustRun(0); out.Plan.Actions[pipeline.ActionUnchanged] != 5 {
			t.Errorf("%v", out.Plan.Actions)
		}
		d.empty(t)
	})
}

func (d *dear) empty(t *testing.T) {
	t.Helper()
	if len(d.kept) > 0 || d.spool.Held() > 0 {
		t.Errorf("%d files and %d bytes stay in the spool", len(d.kept), d.spool.Held())
	}
}

// TestDearBytesOfAKnownMD5 are fetched to be sent, and for nothing else: the look
// for a web page in their place takes their beginning alone.
func TestDearBytesOfAKnownMD5(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := dearWorld(t, emulator.Options{}, 0)
		const text = "%PDF-1.7, all of it"
		w.add("A", text, func(i *manifest.Item) { i.File, i.Location = "A.pdf", manifest.Location{Path: "A.pdf"} })
		sum := md5.Sum([]byte(text))
		f := d.get("A.txt")
		f.md5 = sum[:]
		d.m["A.pdf"] = f
		w.mustRun(0)
		if d.fetched["A.pdf"] != 1 || d.heads != 1 {
			t.Errorf("fetched %d times, and %d beginnings", d.fetched["A.pdf"], d.heads)
		}
	})
}
