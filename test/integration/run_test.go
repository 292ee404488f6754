//go:build integration && unix

package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

func TestALibraryArrivesAndASecondRunChangesNothing(t *testing.T) {
	const n, tags = 300, 2
	tn, l := harness.NewTenant(t), harness.NewLibrary(t, 1, n, 200<<10)

	tn.Run(t, 8, l.Dir, "plan", "campaign.yaml", "--exit-code")
	before := tn.Books(t).API
	first := tn.Run(t, 0, l.Dir, "run", "campaign.yaml")
	l.Arrived(t, tn)
	if spent, most := tn.Books(t).API-before, n*205/100+2*tags+40; spent > most {
		t.Errorf("the run took %d API requests, want %d at most", spent, most)
	}
	if !strings.HasPrefix(first.Stderr.String(), "LIVE acme") {
		t.Errorf("stderr does not begin with whom the run talks to: %.80s", &first.Stderr)
	}

	before = tn.Books(t).API
	second := tn.Run(t, 0, l.Dir, "run", "campaign.yaml")
	if spent := tn.Books(t).API - before; spent > 12 {
		t.Errorf("the second run took %d API requests, want 12 at most", spent)
	}
	l.Arrived(t, tn)
	tn.Run(t, 0, l.Dir, "plan", "campaign.yaml", "--exit-code")
	tn.Run(t, 0, l.Dir, "verify", "campaign.yaml")

	runs := l.Runs(t)
	if len(runs) != 2 {
		t.Fatalf("evidence folders: %v, want two", runs)
	}
	for _, dir := range runs {
		tn.Run(t, 0, l.Dir, "report", "verify", dir)
		sums := exec.Command("sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS")
		if _, err := exec.LookPath("sha256sum"); err != nil {
			sums = exec.Command("shasum", "-a", "256", "-c", "SHA256SUMS")
		}
		sums.Dir = dir
		if out, err := sums.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
	}
	harness.NoSecrets(t, tn, l.Dir, first, second)

	text, err := os.ReadFile(filepath.Join(runs[0], "mapping.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(text), "\r\n") - 1; rows != n {
		t.Errorf("mapping.csv has %d rows, want %d", rows, n)
	}
}

func TestOneRunGetsThroughFaults(t *testing.T) {
	tn, l := harness.NewTenant(t, "--list-lag", "700ms"), harness.NewLibrary(t, 1, 80, 100<<10)
	tn.Faults(t, `{"chaos": {"seed": 7, "rates": {"status5xx": 0.05, "resetBefore": 0.03, "lostAfter": 0.02, "tooMany": 0.02, "truncated": 0.01,
		"storage503": 0.02, "storageReset": 0.02, "storageLost": 0.02}}}`)
	p := tn.Run(t, 0, l.Dir, "run", "campaign.yaml", "--settle-time", "2s", "--log-level", "trace", "--log-file", "run.log")
	l.Arrived(t, tn)
	if b := tn.Books(t); len(b.Faults) < 3 {
		t.Errorf("too few faults to prove anything: %v", b.Faults)
	}
	harness.NoSecrets(t, tn, l.Dir, p)
}

func TestKilledRunsAreContinued(t *testing.T) {
	const n = 60
	tn, l := harness.NewTenant(t), harness.NewLibrary(t, 1, n, 50<<10)
	killed := 0
	for _, after := range []int{1, 15, 40} { // creates
		p := tn.Start(t, l.Dir, "run", "campaign.yaml", "--settle-time", "1s", "--requests", "2", "--uploads", "2")
		harness.Until(t, fmt.Sprintf("%d creates", after), func() bool {
			return p.Ended() || tn.Books(t).Commits["postAssets"] >= after
		})
		if p.Kill(t) {
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("no run was killed in time")
	}
	tn.Run(t, 0, l.Dir, "run", "campaign.yaml", "--settle-time", "1s")
	l.Arrived(t, tn)
	tn.Run(t, 0, l.Dir, "verify", "campaign.yaml")

	recovered := 0
	for _, dir := range l.Runs(t) {
		tn.Run(t, 0, l.Dir, "report", "verify", dir)
		data, err := os.ReadFile(filepath.Join(dir, "summary.json"))
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			Recovered bool   `json:"recovered"`
			Sentence  string `json:"sentence"`
		}
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		if s.Recovered {
			recovered++
			if !strings.Contains(s.Sentence, "ended from outside") {
				t.Errorf("%s: outcome of a killed run is %q", dir, s.Sentence)
			}
		}
	}
	if recovered != killed {
		t.Errorf("%d runs were killed, the evidence of %d says so", killed, recovered)
	}
}

// TestARunOutlivesItsReader: as in `migrate run --json | head -1`.
func TestARunOutlivesItsReader(t *testing.T) {
	for _, flags := range [][]string{{"--json"}, nil} {
		tn, l := harness.NewTenant(t), harness.NewLibrary(t, 1, 20, 5<<10)
		p := tn.StartUnread(t, l.Dir, append([]string{"run", "campaign.yaml"}, flags...)...)
		if code := p.Wait(); code != 1 || !strings.Contains(p.Stderr.String(), "broken pipe") {
			t.Errorf("%v: exit code %d, want 1 and why\n%s", flags, code, &p.Stderr)
		}
		l.Arrived(t, tn)
		for _, dir := range l.Runs(t) {
			tn.Run(t, 0, l.Dir, "report", "verify", dir)
		}
	}
}

func TestInterruptedRunIsContinued(t *testing.T) {
	tn, l := harness.NewTenant(t), harness.NewLibrary(t, 1, 60, 50<<10)
	p := tn.Start(t, l.Dir, "run", "campaign.yaml", "--requests", "1", "--uploads", "1")
	harness.Until(t, "ten creates", func() bool { return tn.Books(t).Commits["postAssets"] >= 10 })
	p.Signal(t, syscall.SIGINT)
	if code := p.Wait(); code != 130 {
		t.Fatalf("exit code %d after SIGINT, want 130\n%s", code, &p.Stderr)
	}
	if made := tn.Books(t).Commits["postAssets"]; made == 60 {
		t.Fatal("the run was not interrupted: everything is made")
	}
	tn.Run(t, 0, l.Dir, "run", "campaign.yaml", "--settle-time", "1s")
	l.Arrived(t, tn)
	for _, dir := range l.Runs(t) {
		tn.Run(t, 0, l.Dir, "report", "verify", dir)
	}
}

func TestOneRunAtATime(t *testing.T) {
	tn, l := harness.NewTenant(t, "--processing", "5s"), harness.NewLibrary(t, 1, 5, 1000)
	first := tn.Start(t, l.Dir, "run", "campaign.yaml")
	harness.Until(t, "the first run holds the state and sends", func() bool { return tn.Books(t).Puts > 0 })
	second := tn.Run(t, 7, l.Dir, "run", "campaign.yaml")
	if pid := strconv.Itoa(first.PID()); !strings.Contains(second.Stderr.String(), pid) {
		t.Errorf("the second run does not name the process %s that has the state:\n%s", pid, &second.Stderr)
	}
	status := tn.Run(t, 0, l.Dir, "status", "campaign.yaml")
	if len(status.Stdout.String()) == 0 {
		t.Error("status says nothing while a run goes on")
	}
	if code := first.Wait(); code != 0 {
		t.Errorf("first run: exit code %d\n%s", code, &first.Stderr)
	}
	l.Arrived(t, tn)
}
