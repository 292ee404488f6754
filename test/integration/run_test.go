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
)

func TestALibraryArrivesAndASecondRunChangesNothing(t *testing.T) {
	const n, tags = 300, 2
	tn, l := newTenant(t), newLibrary(t, n, 200<<10)

	tn.run(t, 8, l.dir, "plan", "campaign.yaml", "--exit-code")
	before := tn.books(t).API
	first := tn.run(t, 0, l.dir, "run", "campaign.yaml")
	l.arrived(t, tn)
	if spent, most := tn.books(t).API-before, n*205/100+2*tags+40; spent > most {
		t.Errorf("the run took %d API requests, want %d at most", spent, most)
	}
	if !strings.HasPrefix(first.stderr.String(), "LIVE acme") {
		t.Errorf("stderr does not begin with whom the run talks to: %.80s", &first.stderr)
	}

	before = tn.books(t).API
	second := tn.run(t, 0, l.dir, "run", "campaign.yaml")
	if spent := tn.books(t).API - before; spent > 12 {
		t.Errorf("the second run took %d API requests, want 12 at most", spent)
	}
	l.arrived(t, tn)
	tn.run(t, 0, l.dir, "plan", "campaign.yaml", "--exit-code")
	tn.run(t, 0, l.dir, "verify", "campaign.yaml")

	runs := l.runs(t)
	if len(runs) != 2 {
		t.Fatalf("evidence folders: %v, want two", runs)
	}
	for _, dir := range runs {
		tn.run(t, 0, l.dir, "report", "verify", dir)
		sums := exec.Command("sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS")
		if _, err := exec.LookPath("sha256sum"); err != nil {
			sums = exec.Command("shasum", "-a", "256", "-c", "SHA256SUMS")
		}
		sums.Dir = dir
		if out, err := sums.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
	}
	noSecrets(t, tn, l.dir, first, second)

	text, err := os.ReadFile(filepath.Join(runs[0], "mapping.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(string(text), "\r\n") - 1; rows != n {
		t.Errorf("mapping.csv has %d rows, want %d", rows, n)
	}
}

func TestOneRunGetsThroughFaults(t *testing.T) {
	tn, l := newTenant(t, "--list-lag", "700ms"), newLibrary(t, 80, 100<<10)
	tn.faults(t, `{"chaos": {"seed": 7, "rates": {"status5xx": 0.05, "resetBefore": 0.03, "lostAfter": 0.02, "tooMany": 0.02, "truncated": 0.01,
		"storage503": 0.02, "storageReset": 0.02, "storageLost": 0.02}}}`)
	p := tn.run(t, 0, l.dir, "run", "campaign.yaml", "--settle-time", "2s", "--log-level", "trace", "--log-file", "run.log")
	l.arrived(t, tn)
	if b := tn.books(t); len(b.Faults) < 3 {
		t.Errorf("too few faults to prove anything: %v", b.Faults)
	}
	noSecrets(t, tn, l.dir, p)
}

func TestKilledRunsAreContinued(t *testing.T) {
	const n = 60
	tn, l := newTenant(t), newLibrary(t, n, 50<<10)
	killed := 0
	for _, after := range []int{1, 15, 40} { // creates
		p := tn.start(t, l.dir, "run", "campaign.yaml", "--settle-time", "1s", "--requests", "2", "--uploads", "2")
		until(t, fmt.Sprintf("%d creates", after), func() bool {
			select {
			case <-p.done:
				return true
			default:
				return tn.books(t).Commits["postAssets"] >= after
			}
		})
		p.signal(t, syscall.SIGKILL)
		if p.wait() == -1 {
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("no run was killed in time")
	}
	tn.run(t, 0, l.dir, "run", "campaign.yaml", "--settle-time", "1s")
	l.arrived(t, tn)
	tn.run(t, 0, l.dir, "verify", "campaign.yaml")

	recovered := 0
	for _, dir := range l.runs(t) {
		tn.run(t, 0, l.dir, "report", "verify", dir)
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

func TestInterruptedRunIsContinued(t *testing.T) {
	tn, l := newTenant(t), newLibrary(t, 60, 50<<10)
	p := tn.start(t, l.dir, "run", "campaign.yaml", "--requests", "1", "--uploads", "1")
	until(t, "ten creates", func() bool { return tn.books(t).Commits["postAssets"] >= 10 })
	p.signal(t, syscall.SIGINT)
	if code := p.wait(); code != 130 {
		t.Fatalf("exit code %d after SIGINT, want 130\n%s", code, &p.stderr)
	}
	if made := tn.books(t).Commits["postAssets"]; made == 60 {
		t.Fatal("the run was not interrupted: everything is made")
	}
	tn.run(t, 0, l.dir, "run", "campaign.yaml", "--settle-time", "1s")
	l.arrived(t, tn)
	for _, dir := range l.runs(t) {
		tn.run(t, 0, l.dir, "report", "verify", dir)
	}
}

func TestOneRunAtATime(t *testing.T) {
	tn, l := newTenant(t, "--processing", "5s"), newLibrary(t, 5, 1000)
	first := tn.start(t, l.dir, "run", "campaign.yaml")
	until(t, "the first run holds the state and sends", func() bool { return tn.books(t).Puts > 0 })
	second := tn.run(t, 7, l.dir, "run", "campaign.yaml")
	if pid := strconv.Itoa(first.cmd.Process.Pid); !strings.Contains(second.stderr.String(), pid) {
		t.Errorf("the second run does not name the process %s that has the state:\n%s", pid, &second.stderr)
	}
	status := tn.run(t, 0, l.dir, "status", "campaign.yaml")
	if status.stdout.Len() == 0 {
		t.Error("status says nothing while a run goes on")
	}
	if code := first.wait(); code != 0 {
		t.Errorf("first run: exit code %d\n%s", code, &first.stderr)
	}
	l.arrived(t, tn)
}
