//go:build integration && unix

// Package integration_test drives the real binary against `migrate sandbox`, as
// processes of their own that talk over loopback and are killed for real.
package integration_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "migrate-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "migrate")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/showpad-migrate/migrate/cmd/migrate")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// tenant is a `migrate sandbox` that runs.
type tenant struct {
	env    []string // what a client needs, as its output says
	token  string
	origin string // http://127.0.0.1:port
}

var export = regexp.MustCompile(`\b(SHOWPAD_[A-Z0-9_]+)=['"]?([^'"\s]+)`)

// newTenant starts a sandbox and reads from its output how to reach it.
func newTenant(t *testing.T, flags ...string) *tenant {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"sandbox", "--addr", "127.0.0.1:0", "--dir", t.TempDir()}, flags...)...)
	cmd.Env = environment(t, nil)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("stop the sandbox: %v", err)
		}
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("the sandbox ended with %v\n%s", err, &stderr)
		}
	})
	tn := &tenant{}
	values := map[string]string{}
	for in := bufio.NewScanner(out); len(values) < 4 && in.Scan(); {
		for _, m := range export.FindAllStringSubmatch(in.Text(), -1) {
			values[m[1]] = m[2]
			tn.env = append(tn.env, m[1]+"="+m[2])
		}
	}
	tn.token, tn.origin = values["SHOWPAD_TOKEN"], strings.TrimSuffix(values["SHOWPAD_API_URL"], "/v4")
	if tn.token == "" || tn.origin == "" || values["SHOWPAD_V3_URL"] == "" || values["SHOWPAD_SUBDOMAIN"] == "" {
		t.Fatalf("the sandbox says how to reach it by %v only\n%s", values, &stderr)
	}
	return tn
}

// environment has nothing of the one that the test runs in, but the paths.
func environment(t *testing.T, more []string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, more...)
}

// asset and books are what the sandbox's controls show of itself.
type asset struct {
	ID         string   `json:"id"`
	ExternalID string   `json:"externalId"`
	Name       string   `json:"name"`
	Status     string   `json:"status"`
	Tags       []string `json:"tags"`
	MD5        string   `json:"md5"`
	Size       int64    `json:"size"`
}

type books struct {
	API              int                 `json:"api"`
	Puts             int                 `json:"puts"`
	Commits          map[string]int      `json:"commits"`
	Faults           map[string]int      `json:"faults"`
	TokensAtStorage  int                 `json:"tokensAtStorage"`
	InsideClosedGate int                 `json:"insideClosedGate"`
	Unknown          int                 `json:"unknown"`
	UnknownNotes     []string            `json:"unknownNotes"`
	Renames          []json.RawMessage   `json:"renames"`
	Duplicates       map[string][]string `json:"duplicates"`
	Orphans          []string            `json:"orphans"`
	Tags             int                 `json:"tags"`
}

func (tn *tenant) get(t *testing.T, what string, into any) {
	t.Helper()
	res, err := http.Get(tn.origin + "/_emulator/" + what)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET /_emulator/%s: %s", what, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func (tn *tenant) books(t *testing.T) (b books) {
	t.Helper()
	tn.get(t, "books", &b)
	return b
}

func (tn *tenant) assets(t *testing.T) (all []asset) {
	t.Helper()
	tn.get(t, "assets", &all)
	return all
}

// faults sets what goes wrong from now on, as the sandbox's controls take it.
func (tn *tenant) faults(t *testing.T, body string) {
	t.Helper()
	res, err := http.Post(tn.origin+"/_emulator/faults", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		t.Fatalf("POST /_emulator/faults: %s", res.Status)
	}
}

// process is a migrate that was started.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer // to be read after wait
	done           chan struct{}
}

func (tn *tenant) start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), binary, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, environment(t, tn.env)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait() // the exit code says it
	}()
	t.Cleanup(func() { <-p.done })
	return p
}

// wait is the exit code, -1 for a process that a signal ended.
func (p *process) wait() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// run waits for one call and demands its exit code.
func (tn *tenant) run(t *testing.T, code int, dir string, args ...string) *process {
	t.Helper()
	p := tn.start(t, dir, args...)
	if got := p.wait(); got != code {
		t.Fatalf("migrate %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &p.stdout, &p.stderr)
	}
	return p
}

// until asks a condition again and again, for a minute at most.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("%s: not after a minute", what)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// library is a folder with a manifest, a table and the files that it names.
type library struct {
	dir   string
	files map[string]wanted // by external ID
}

type wanted struct {
	name string
	md5  string
	size int64
	tags []string
}

// newLibrary makes n files of several types, of one byte up to max, with two tags.
func newLibrary(t *testing.T, n, max int) library {
	t.Helper()
	l := library{dir: t.TempDir(), files: map[string]wanted{}}
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	table := "externalId,file,tags\n"
	for i := range n {
		id := fmt.Sprintf("SP-%04d", i)
		w := wanted{name: fmt.Sprintf("file %04d.%s", i, []string{"txt", "pdf", "pptx", "png", "mp4"}[i%5])}
		w.tags = [][]string{{"Sales"}, {"Marketing 2026", "Sales"}}[i%2]
		data := make([]byte, 1+rng.IntN(max))
		if i == 0 {
			data = data[:1]
		}
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		sum := md5.Sum(data)
		w.md5, w.size = hex.EncodeToString(sum[:]), int64(len(data))
		write(t, filepath.Join(l.dir, "content", w.name), data)
		table += fmt.Sprintf("%s,content/%s,%s\n", id, w.name, strings.Join(w.tags, ";"))
		l.files[id] = w
	}
	write(t, filepath.Join(l.dir, "inventory.csv"), []byte(table))
	write(t, filepath.Join(l.dir, "campaign.yaml"), []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\ninclude:\n  - table: inventory.csv\n"))
	return l
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// arrived checks the promises: one asset for each external ID, active, with
// its bytes, name and tags, and no request that the service would not know.
func (l library) arrived(t *testing.T, tn *tenant) {
	t.Helper()
	all := tn.assets(t)
	if len(all) != len(l.files) {
		t.Errorf("%d assets, want %d", len(all), len(l.files))
	}
	for _, a := range all {
		w, ok := l.files[a.ExternalID]
		switch {
		case !ok:
			t.Errorf("asset %s has the external ID %q, which nobody wanted", a.ID, a.ExternalID)
		case a.Status != "active" || a.MD5 != w.md5 || a.Size != w.size || a.Name != w.name:
			t.Errorf("asset of %s is %+v, want %+v, active", a.ExternalID, a, w)
		case strings.Join(a.Tags, ",") != strings.Join(w.tags, ","):
			t.Errorf("asset of %s has the tags %q, want %q", a.ExternalID, a.Tags, w.tags)
		}
	}
	b := tn.books(t)
	if len(b.Duplicates) > 0 || len(b.Orphans) > 0 || len(b.Renames) > 0 {
		t.Errorf("duplicates %v, orphans %v, renames %s", b.Duplicates, b.Orphans, b.Renames)
	}
	if b.Unknown > 0 || b.TokensAtStorage > 0 || b.InsideClosedGate > 0 {
		t.Errorf("%d unknown requests %q, %d tokens at storage, %d calls inside a closed gate", b.Unknown, b.UnknownNotes, b.TokensAtStorage, b.InsideClosedGate)
	}
}

// runs are the evidence folders, oldest first.
func (l library) runs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(l.dir, "campaign.runs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// noSecrets looks for credentials in every file below dir and in all outputs.
func noSecrets(t *testing.T, tn *tenant, dir string, outputs ...*process) {
	t.Helper()
	look := func(where string, data []byte) {
		for _, secret := range []string{tn.token, "X-Amz-Signature"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
	for _, p := range outputs {
		look("stdout", p.stdout.Bytes())
		look("stderr", p.stderr.Bytes())
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		look(path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
