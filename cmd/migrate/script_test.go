package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/test/spec"
)

var update = flag.Bool("update", false, "rewrite the golden parts of scripts")

// root is the folder of the module.
const root = "../.."

// quickExit, as GORACE, keeps a program that was built with the race detector
// from waiting a second when it ends: the scripts call it a thousand times. Races
// are told when they happen.
const quickExit = "atexit_sleep_ms=0"

func TestScripts(t *testing.T) {
	testdata, err := filepath.Abs(root + "/testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(testdata, "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TESTDATA", testdata)
			e.Setenv("GORACE", quickExit)
			// Windows in UTC around and beside the present.
			now, clock := time.Now().UTC(), "15:04"
			e.Setenv("OPEN_WINDOW", now.Add(-2*time.Hour).Format(clock)+"-"+now.Add(3*time.Hour).Format(clock))
			e.Setenv("CLOSED_WINDOW", now.Add(4*time.Hour).Format(clock)+"-"+now.Add(5*time.Hour).Format(clock))
			return newTenant(e, emulator.Options{Admin: true, KeepBytes: true})
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   cmdStatus,
			"assets":   cmdAssets,
			"requests": cmdRequests,
			"refused":  cmdRefused,
			"fault":    cmdFault,
			"chaos":    cmdChaos,
			"switch":   cmdSwitch,
			"await":    cmdAwait,
			"clean":    cmdClean,
			"unset":    cmdUnset,
			"evidence": cmdEvidence,
			"runid":    cmdRunID,
			"note":     cmdNote,
			"damage":   cmdDamage,

			"externalids": cmdExternalIDs,
			"stranger":    cmdStranger,
			"gone":        cmdGone,
			"byhand":      cmdByHand,
			"fill":        cmdFill,
		},
	})
}

// tenant is the emulator of one script.
type tenant struct {
	*emulator.Server
	mu      sync.Mutex
	changed *sync.Cond
	commits map[string]int // begun, by operation
}

type tenantKey struct{}

// newTenant serves an emulator for one script and points the environment at it.
func newTenant(e *testscript.Env, o emulator.Options) error {
	server, err := emulator.New(o)
	if err != nil {
		return err
	}
	tn := &tenant{Server: server, commits: map[string]int{}}
	tn.changed = sync.NewCond(&tn.mu)
	server.OnCommit(func(op string, n int, _ emulator.When) {
		tn.mu.Lock()
		defer tn.mu.Unlock()
		tn.commits[op] = max(tn.commits[op], n)
		tn.changed.Broadcast()
	})
	against := &specTold{}
	web := httptest.NewServer(spec.Handler(against, server))
	e.Defer(func() {
		web.Close()
		if err := server.Close(); err != nil {
			e.T().Log(err)
		}
		against.fail(e.T())
	})
	e.Values[tenantKey{}] = tn
	e.Setenv("SHOWPAD_API_URL", web.URL+"/v4")
	e.Setenv("SHOWPAD_V3_URL", web.URL+"/api/v3")
	e.Setenv("SHOWPAD_SUBDOMAIN", "acme")
	e.Setenv("SHOWPAD_TOKEN", emulator.DefaultToken)
	e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
	return nil
}

// specTold keeps what a script's traffic has that the service's document does not
// know. Handlers find it, and the script fails at its end.
type specTold struct {
	mu       sync.Mutex
	problems []string
}

func (*specTold) Helper() {}

func (s *specTold) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func (s *specTold) fail(t testscript.T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.problems) > 0 {
		t.Log(strings.Join(s.problems, "\n"))
		t.FailNow()
	}
}

func tenantOf(ts *testscript.TestScript) *tenant { return ts.Value(tenantKey{}).(*tenant) }

func atoi(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// cmdStatus runs a command and asserts its exit code: status 3 migrate run m.yaml.
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE command...")
	}
	want, got := atoi(ts, args[0]), 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdAssets asserts how many assets the service has, each external ID once:
// assets 16.
func cmdAssets(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: assets N")
	}
	b := tenantOf(ts).Books()
	if len(b.Duplicates) > 0 {
		ts.Fatalf("duplicates: %v", b.Duplicates)
	}
	if b.Assets != atoi(ts, args[0]) {
		ts.Fatalf("%d assets, want %s", b.Assets, args[0])
	}
}

// cmdRequests asserts how many API requests came since the last time:
// requests 0, requests <12.
func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: requests N, requests <N")
	}
	tn := tenantOf(ts)
	b := tn.Books()
	tn.ResetBooks()
	if b.Unknown > 0 {
		ts.Fatalf("requests that the specification does not know: %v", b.UnknownNotes)
	}
	text, less := strings.CutPrefix(args[0], "<")
	if want := atoi(ts, text); less && b.API >= want || !less && b.API != want {
		ts.Fatalf("%d API requests, want %s: %v", b.API, args[0], b.Requests)
	}
}

// cmdRefused checks whether requests were answered 429 since the books were opened, and
// that none was made while a Retry-After said to wait.
func cmdRefused(ts *testscript.TestScript, neg bool, _ []string) {
	if b := tenantOf(ts).Books(); b.TooMany > 0 == neg || b.InsideClosedGate > 0 {
		ts.Fatalf("%d requests were answered 429, %d made inside the closed gate", b.TooMany, b.InsideClosedGate)
	}
}

// cmdFault queues a fault: fault KIND OP [COUNT [STATUS]].
func cmdFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fault KIND OP [COUNT [STATUS]]")
	}
	f := emulator.Fault{Kind: emulator.Kind(args[0]), Op: args[1]}
	if len(args) > 2 {
		f.Count = atoi(ts, args[2])
	}
	if len(args) > 3 {
		f.Status = atoi(ts, args[3])
	}
	tenantOf(ts).Fail(f)
}

// cmdChaos makes requests fail at random, with the rates of `migrate sandbox`.
func cmdChaos(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: chaos SEED RATES")
	}
	rates, err := parseRates(args[1])
	ts.Check(err)
	tenantOf(ts).Chaos(uint64(atoi(ts, args[0])), rates)
}

// cmdSwitch changes how the service behaves: switch drop-tags, ! switch drop-tags,
// switch list-lag 2s, switch not-downloadable PATTERN.
func cmdSwitch(ts *testscript.TestScript, neg bool, args []string) {
	tenantOf(ts).Switch(func(s *emulator.Switches) {
		switch on := !neg; args[0] {
		case "without-scope":
			s.WithoutScopes = args[1:]
		case "deny-sign-in":
			s.DenySignIn = on
		case "drop-tags":
			s.DropTags = on
		case "reset-permissions":
			s.ResetPermissions = on
		case "keep-external-id":
			s.KeepExternalID = on
		case "drop-external-id":
			s.DropExternalID = on
		case "list-lag":
			lag, err := time.ParseDuration(args[1])
			ts.Check(err)
			s.ListLag = emulator.Duration(lag)
		case "rate":
			s.Rate, s.Burst = float64(atoi(ts, args[1])), atoi(ts, args[2])
		case "fold-tags":
			s.FoldTags = on
		case "unique-categories":
			s.UniqueCategories = on
		case "tags-in-filters":
			s.TagsInFilters = args[1]
		case "not-downloadable":
			s.NotDownloadable = args[1]
		case "stuck":
			s.StuckProcessing = map[bool]string{true: "*"}[on]
		default:
			ts.Fatalf("no such switch: %s", args[0])
		}
	})
}

// cmdAwait waits until an operation was carried out N times: await postAssets 3.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await OP N")
	}
	tn, op, want := tenantOf(ts), args[0], atoi(ts, args[1])
	deadline := time.AfterFunc(time.Minute, func() {
		tn.mu.Lock()
		defer tn.mu.Unlock()
		tn.commits["deadline"] = 1
		tn.changed.Broadcast()
	})
	defer deadline.Stop()
	tn.mu.Lock()
	defer tn.mu.Unlock()
	for tn.commits[op] < want {
		if tn.commits["deadline"] > 0 {
			ts.Fatalf("%s was carried out %d times in a minute, want %d", op, tn.commits[op], want)
		}
		tn.changed.Wait()
	}
}

// cmdClean asserts that no file below the folders, nor the last output, holds a secret.
func cmdClean(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: clean DIR...")
	}
	look := func(name, text string) {
		for _, secret := range []string{emulator.DefaultToken, emulator.DefaultClientSecret, emulator.DefaultPassword, "X-Amz-Signature=", "X-Amz-Credential="} {
			for i := 0; ; {
				at := strings.Index(text[i:], secret)
				if at < 0 {
					break
				}
				i += at + len(secret)
				if !strings.HasPrefix(text[i:], redactedText) {
					ts.Fatalf("%s holds %s", name, secret)
				}
			}
		}
	}
	look("stdout", ts.ReadFile("stdout"))
	look("stderr", ts.ReadFile("stderr"))
	files := 0
	for _, dir := range args {
		err := filepath.WalkDir(ts.MkAbs(dir), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				files++
				look(path, string(b))
			}
			return err
		})
		ts.Check(err)
	}
	if files == 0 {
		ts.Fatalf("no files in %v", args)
	}
}

const redactedText = "[redacted]"

// cmdUnset takes variables out of the environment of later commands.
func cmdUnset(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: unset NAME...")
	}
	for _, name := range args {
		ts.Setenv(name, "")
	}
}

// cmdEvidence moves the only evidence folder below DIR to NAME: evidence DIR NAME.
func cmdEvidence(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: evidence DIR NAME")
	}
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*"))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d evidence folders, want 1: %v", len(found), found)
	}
	ts.Check(os.Rename(found[0], ts.MkAbs(args[1])))
}

// cmdRunID sets a variable to the id of the newest run that a state knows:
// runid m.state.db FIRST.
func cmdRunID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: runid STATE NAME")
	}
	ctx := context.Background()
	r, _, err := state.OpenReader(ctx, ts.MkAbs(args[0]))
	ts.Check(err)
	runs, err := r.Runs(ctx)
	ts.Check(errors.Join(err, r.Close()))
	if len(runs) == 0 {
		ts.Fatalf("%s knows no run", args[0])
	}
	ts.Setenv(args[1], runs[len(runs)-1].ID)
}

// cmdNote shows the only tenant note: note.
func cmdNote(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(".config/migrate/tenants/*.json"))
	ts.Check(err)
	if neg || len(args) != 0 || len(found) != 1 {
		ts.Fatalf("%d tenant notes, want 1: %v", len(found), found)
	}
	info, err := os.Stat(found[0])
	ts.Check(err)
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		ts.Fatalf("others may read %s: %v", found[0], info.Mode())
	}
	_, err = ts.Stdout().Write([]byte(ts.ReadFile(found[0])))
	ts.Check(err)
}

// cmdDamage flips a bit of what the service has of an item: damage EXTERNAL-ID.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: damage EXTERNAL-ID")
	}
	found := 0
	for _, a := range tenantOf(ts).Assets() {
		if a.ExternalID == args[0] {
			found++
			ts.Check(tenantOf(ts).Damage(a.CurrentFile, func(b []byte) []byte { b[0] ^= 1; return b }))
		}
	}
	if found != 1 {
		ts.Fatalf("%d assets have the external ID %s", found, args[0])
	}
}

// cmdExternalIDs asserts the external IDs at the service, sorted: externalids A B.
func cmdExternalIDs(ts *testscript.TestScript, neg bool, args []string) {
	var ids []string
	for _, a := range tenantOf(ts).Assets() {
		ids = append(ids, a.ExternalID)
	}
	slices.Sort(ids)
	if neg || !slices.Equal(ids, args) {
		ts.Fatalf("external IDs %q, want %q", ids, args)
	}
}

// call asks the service as a person with a script would.
func (tn *tenant) call(method, path, body string) (string, error) {
	v4, _ := tn.URLs()
	req, err := http.NewRequest(method, v4.String()+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := tn.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	return string(answer), err
}

// cmdStranger makes an asset without bytes with an external ID, or with none, and
// puts its id into a variable: stranger VARIABLE [EXTERNAL-ID].
func cmdStranger(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: stranger VARIABLE [EXTERNAL-ID]")
	}
	external := ""
	if len(args) > 1 {
		external = fmt.Sprintf(`, "externalId": %q`, args[1])
	}
	answer, err := tenantOf(ts).call(http.MethodPost, "/assets", fmt.Sprintf(`{"name": "stranger.txt", "division": {"id": %q}%s}`, emulator.DivisionMarketing, external))
	ts.Check(err)
	ts.Setenv(args[0], idInText.FindString(answer[strings.Index(answer, `"id"`):]))
}

// cmdGone deletes the assets of external IDs: gone EXTERNAL-ID...
func cmdGone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: gone EXTERNAL-ID...")
	}
	for _, a := range tenantOf(ts).Assets() {
		if slices.Contains(args, a.ExternalID) {
			_, err := tenantOf(ts).call(http.MethodDelete, "/assets/"+a.ID, "")
			ts.Check(err)
		}
	}
}
