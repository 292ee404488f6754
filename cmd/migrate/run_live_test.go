package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

var liveLine = regexp.MustCompile(`(?m)^live: (http://127\.0\.0\.1:\d+/)$`)

func TestARunIsShownAsAPageUntilItEnds(t *testing.T) {
	tenant, _, p, code := stuckRun(t, "--serve", "127.0.0.1:0", "--quiet")
	found := liveLine.FindStringSubmatch(p.err.String())
	if found == nil {
		t.Fatalf("no address is told:\n%s", p.err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) *http.Response {
		resp, err := client.Get(found[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	resp := get("snapshot.json")
	var snap view.Snapshot
	if err := json.NewDecoder(resp.Body).Decode(&snap); err != nil || snap.Items != 2 || snap.Finished != 0 || snap.Bytes == 0 {
		t.Errorf("in the middle of the run: %+v, %v", snap, err)
	}
	_ = resp.Body.Close()
	events := get("events")
	defer events.Body.Close()
	tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "" })
	all, err := io.ReadAll(events.Body)
	if err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != exitOK {
		t.Fatalf("exit code %d\n%s%s", c, p.out, p.err)
	}
	last := string(all)
	last = last[strings.LastIndex(last, "event: "):]
	results, err := filepath.Glob("m.runs/*/results.ndjson")
	if err != nil || len(results) != 1 {
		t.Fatal(results, err)
	}
	rows, err := os.ReadFile(results[0])
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(rows), `"status":"done"`); n != 2 || !strings.HasPrefix(last, "event: ended\n") || !strings.Contains(last, "2 of 2 done.") ||
		!strings.Contains(last, "<dt><bdi>Items</bdi></dt><dd><b>2</b><span>of 2</span>") {
		t.Errorf("%d are done by the results; the last event is\n%s", n, last)
	}
}

func TestAnAddressThatCannotBeServedStopsBeforeTheRun(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	p := expect(t, vars, exitUsage, "run", "m.yaml", "--serve", "8484")
	if !strings.Contains(p.err.String(), `--serve: "8484" is no address (write 127.0.0.1:8484)`) {
		t.Errorf("stderr:\n%s", p.err)
	}
	if n := tenant.Books().Assets; n != 0 {
		t.Errorf("%d assets were made", n)
	}
}
