package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Tenant is a `migrate sandbox` that runs.
type Tenant struct {
	Token string

	env    []string // what a client needs, as the sandbox says, and a home of its own
	origin string   // http://127.0.0.1:port
}

var export = regexp.MustCompile(`\b(SHOWPAD_[A-Z0-9_]+)=['"]?([^'"\s]+)`)

// NewTenant starts a sandbox and reads from its output how to reach it. It ends
// with the test.
func NewTenant(t testing.TB, flags ...string) *Tenant {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"sandbox", "--addr", "127.0.0.1:0", "--dir", t.TempDir()}, flags...)...)
	home := "HOME=" + t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), home}
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
	tn := &Tenant{env: []string{home}}
	values := map[string]string{}
	for in := bufio.NewScanner(out); len(values) < 4 && in.Scan(); {
		for _, m := range export.FindAllStringSubmatch(in.Text(), -1) {
			values[m[1]] = m[2]
			tn.env = append(tn.env, m[1]+"="+m[2])
		}
	}
	tn.Token, tn.origin = values["SHOWPAD_TOKEN"], strings.TrimSuffix(values["SHOWPAD_API_URL"], "/v4")
	if tn.Token == "" || tn.origin == "" || values["SHOWPAD_V3_URL"] == "" || values["SHOWPAD_SUBDOMAIN"] == "" {
		t.Fatalf("the sandbox says how to reach it by %v only\n%s", values, &stderr)
	}
	return tn
}

// With is the same tenant, for commands that see more of the environment:
// NAME=value.
func (tn *Tenant) With(env ...string) *Tenant {
	more := *tn
	more.env = slices.Concat(tn.env, env)
	return &more
}

// Start starts a command in dir that works on the tenant.
func (tn *Tenant) Start(t testing.TB, dir string, args ...string) *Process {
	t.Helper()
	return start(t, dir, tn.env, args...)
}

// StartUnread is Start of a command whose standard output is a pipe that nobody reads
// any more.
func (tn *Tenant) StartUnread(t testing.TB, dir string, args ...string) *Process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	p := process(t, dir, tn.env, args...)
	p.cmd.Stdout = w
	p.begin(t)
	return p
}

// Run waits for one command and demands its exit code.
func (tn *Tenant) Run(t testing.TB, code int, dir string, args ...string) *Process {
	t.Helper()
	p := tn.Start(t, dir, args...)
	p.Demand(t, code)
	return p
}

// Asset and Books are what the sandbox's controls show of itself; package
// emulator says what they mean.
type Asset struct {
	ID          string   `json:"id"`
	ExternalID  string   `json:"externalId"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Status      string   `json:"status"`
	Tags        []string `json:"tags"`
	MD5         string   `json:"md5"`
	Size        int64    `json:"size"`
	Files       int      `json:"files"`
	IsArchived  bool     `json:"isArchived"`
}

type Books struct {
	API              int                 `json:"api"`
	Puts             int                 `json:"puts"`
	Commits          map[string]int      `json:"commits"`
	Faults           map[string]int      `json:"faults"`
	Unanswered       map[string]int      `json:"unanswered"`
	TokensAtStorage  int                 `json:"tokensAtStorage"`
	InsideClosedGate int                 `json:"insideClosedGate"`
	Unknown          int                 `json:"unknown"`
	UnknownNotes     []string            `json:"unknownNotes"`
	Renames          []json.RawMessage   `json:"renames"`
	Duplicates       map[string][]string `json:"duplicates"`
	Orphans          []string            `json:"orphans"`
	Tags             int                 `json:"tags"`
}

// Books returns the tenant's books.
func (tn *Tenant) Books(t testing.TB) (b Books) {
	t.Helper()
	tn.control(t, http.MethodGet, "books", "", &b)
	return b
}

// Assets returns all living assets, by creation.
func (tn *Tenant) Assets(t testing.TB) (all []Asset) {
	t.Helper()
	tn.control(t, http.MethodGet, "assets", "", &all)
	return all
}

// Faults sets what goes wrong from now on, as the sandbox's controls take it.
func (tn *Tenant) Faults(t testing.TB, body string) {
	t.Helper()
	tn.control(t, http.MethodPost, "faults", body, nil)
}

// Hold stops the nth commit of an operation, counted from now, before or after it
// is carried out, until Release.
func (tn *Tenant) Hold(t testing.TB, op string, nth int, when string) {
	t.Helper()
	tn.control(t, http.MethodPost, "holds", fmt.Sprintf(`{"op": %q, "nth": %d, "when": %q}`, op, nth, when), nil)
}

// Held waits until a request stands at the hold; it is false when p ends before.
func (tn *Tenant) Held(t testing.TB, p *Process) bool {
	t.Helper()
	for {
		ended := p.Ended() // before the question, so that the last request is seen
		var hold struct{ State string }
		tn.control(t, http.MethodGet, "holds?wait=100ms", "", &hold)
		if hold.State == "held" || ended {
			return hold.State == "held"
		}
	}
}

// Release lets the held request go on, whatever became of its caller, or drops
// it. Without one the hold is taken away.
func (tn *Tenant) Release(t testing.TB, drop bool) {
	t.Helper()
	body := "{}"
	if drop {
		body = `{"release": "drop"}`
	}
	tn.control(t, http.MethodPost, "holds/release", body, nil)
}

// control uses a control of the sandbox; into may be nil.
func (tn *Tenant) control(t testing.TB, method, what, body string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, tn.origin+"/_emulator/"+what, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		t.Fatalf("%s /_emulator/%s: %s", method, what, res.Status)
	}
	if into == nil {
		return
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}
