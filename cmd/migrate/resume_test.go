package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// begun is a manifest whose run was killed while it sent its first files, in the
// current folder: rows in all, and as many records.
type begun struct {
	tenant *emulator.Server
	web    *httptest.Server
	vars   map[string]string

	mu  sync.Mutex
	api func(r *http.Request) // what requests to the API meet; nil: nothing
	put chan struct{}         // gets one for each PUT that comes, if there is room
	let chan struct{}         // closed: bytes arrive; those that came before do not
}

const begunItems = 3

func newBegun(t testing.TB, rows int) *begun {
	t.Helper()
	tenant, vars := serve(t, emulator.Options{})
	b := &begun{tenant: tenant, vars: vars, put: make(chan struct{}, 1), let: make(chan struct{})}
	b.web = httptest.NewServer(b)
	t.Cleanup(b.web.Close)
	vars["SHOWPAD_API_URL"], vars["SHOWPAD_V3_URL"] = b.web.URL+"/v4", b.web.URL+"/api/v3"
	files := map[string]string{"m.yaml": "version: 1\ndivision: Marketing\ninclude:\n  - table: t.csv\n"}
	var table strings.Builder
	table.WriteString("externalId,file\n")
	for i := range rows {
		name := fmt.Sprintf("f%d.txt", i%begunItems)
		files[name] = "content of " + name
		fmt.Fprintf(&table, "ID-%07d,%s\n", i, name)
	}
	files["t.csv"] = table.String()
	write(t, files)
	old := time.Now().Add(-time.Hour)
	for i := range begunItems {
		if err := os.Chtimes(fmt.Sprintf("f%d.txt", i), old, old); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(b.arrive)
	if code := b.runUntilSent(t, "run", "m.yaml", "--limit", fmt.Sprint(begunItems), "--uploads", fmt.Sprint(begunItems)); code != exitInterrupted {
		t.Fatalf("the first run ended with %d", code)
	}
	return b
}

// arrive lets bytes arrive from now on.
func (b *begun) arrive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.let:
	default:
		close(b.let)
	}
}

func (b *begun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut && !strings.HasPrefix(r.URL.Path, "/v4/") {
		select {
		case b.put <- struct{}{}:
		default:
		}
		select {
		case <-b.let:
		default:
			<-b.let
			panic(http.ErrAbortHandler)
		}
	}
	b.mu.Lock()
	api := b.api
	b.mu.Unlock()
	if api != nil {
		api(r)
	}
	b.tenant.ServeHTTP(w, r)
}

// runUntilSent calls the program, and tells it to leave at once when the first bytes
// are on their way.
func (b *begun) runUntilSent(t testing.TB, args ...string) int {
	t.Helper()
	p := newProcess(b.vars)
	code := make(chan int, 1)
	go func() { code <- run(context.Background(), args, p.env); p.err.end() }()
	select {
	case <-b.put:
	case c := <-code:
		t.Fatalf("the run ended with %d before it sent anything:\n%s%s", c, p.out, p.err)
	}
	p.signals <- os.Interrupt
	if _, ok := p.err.await("stopping: "); ok {
		p.signals <- os.Interrupt
	}
	return <-code
}

func TestARunSendsWhatWasBegunBeforeItReadsTheManifest(t *testing.T) {
	b := newBegun(t, 5)
	b.arrive()
	var held sync.Once
	sent := false
	b.mu.Lock()
	b.api = func(r *http.Request) { // the names that items use are asked for once all items were read
		if strings.HasSuffix(r.URL.Path, "/divisions") {
			held.Do(func() {
				select {
				case <-b.put:
					sent = true
				case <-time.After(20 * time.Second):
				}
			})
		}
	}
	b.mu.Unlock()
	p := expect(t, b.vars, exitOK, "run", "m.yaml", "--json", "--settle-time", "100ms")
	if !sent {
		t.Errorf("nothing was sent while the manifest was read:\n%s", p.out)
	}
	if first, _, _ := strings.Cut(p.out.String(), "\n"); !strings.Contains(first, `"type":"started"`) {
		t.Errorf("the first event is %s", first)
	}
	books := b.tenant.Books()
	if books.Assets != 5 || len(books.Duplicates) > 0 || books.RepeatedPuts > 0 {
		t.Errorf("%d assets, duplicates %v, %d repeated uploads", books.Assets, books.Duplicates, books.RepeatedPuts)
	}
}

// tamper changes what the state keeps of the last checks, so that it shows who
// believes it.
func tamper(t *testing.T, change func(*passedNote)) {
	t.Helper()
	st, err := state.Open(t.Context(), "m.state.db", state.Options{Tenant: "loopback:" + emulator.DefaultSubdomain})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	note, err := passedOf(t.Context(), st)
	if err != nil || note.Digest == "" || note.Since == "" {
		t.Fatalf("%+v, %v", note, err)
	}
	change(&note)
	text, err := json.Marshal(note)
	if err == nil {
		err = st.SetMeta(t.Context(), state.MetaChecked, string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestChecksThatPassedAreNotRepeated(t *testing.T) {
	const told = "77 warnings"
	start := func(t *testing.T) map[string]string {
		_, vars := serve(t, emulator.Options{})
		write(t, twoItems())
		expect(t, vars, exitOK, "run", "m.yaml")
		tamper(t, func(n *passedNote) { n.Warn = 77 })
		return vars
	}
	t.Run("the same manifest", func(t *testing.T) {
		vars := start(t)
		if p := expect(t, vars, exitOK, "run", "m.yaml"); !strings.Contains(p.err.String(), told) {
			t.Errorf("it was checked again:\n%s", p.err)
		}
	})
	for name, change := range map[string]func(t *testing.T) []string{
		"strict": func(*testing.T) []string { return []string{"--strict"} },
		"another manifest": func(t *testing.T) []string {
			f, err := os.OpenFile("m.yaml", os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("# a comment\n")
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			return nil
		},
		"another program": func(t *testing.T) []string {
			tamper(t, func(n *passedNote) { n.Program = "migrate 0.0.1" })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			vars := start(t)
			if p := expect(t, vars, exitOK, append([]string{"run", "m.yaml"}, change(t)...)...); strings.Contains(p.err.String(), told) {
				t.Errorf("it was not checked again:\n%s", p.err)
			}
		})
	}
	t.Run("a manifest that is wrong now", func(t *testing.T) {
		tenant, vars := serve(t, emulator.Options{})
		write(t, twoItems())
		expect(t, vars, exitOK, "run", "m.yaml")
		if err := os.WriteFile("m.yaml", []byte("version: 1\ndivision: Marketing\nassets:\n  - {externalId: A, file: a.txt}\n  - {externalId: A, file: b.txt}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		tenant.ResetBooks()
		expect(t, vars, exitUsage, "run", "m.yaml")
		if n := tenant.Books().API; n > 0 {
			t.Errorf("%d requests were sent for it", n)
		}
	})
}
