//go:build integration && unix

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

var liveLine = regexp.MustCompile(`(?m)^live: (http://127\.0\.0\.1:\d+/)$`)

// TestTheLivePageInARealBrowser watches a run from its middle to its end.
func TestTheLivePageInARealBrowser(t *testing.T) {
	const n = 30
	tn := harness.NewTenant(t, "--faults", "5xx=0.03,429=0.02,storage=0.03")
	dir := t.TempDir()
	for i := range n {
		harness.Write(t, filepath.Join(dir, "content", fmt.Sprintf("f%d.pdf", i)), fmt.Appendf([]byte("%PDF-1.4\n"), "%d", i))
	}
	harness.Write(t, filepath.Join(dir, "m.yaml"), []byte(`version: 1
target: {subdomain: acme}
division: Marketing
include: [{files: "content/*.pdf", externalId: "<script>document.title='owned'</script>{stem}"}]
assets: [{externalId: gone, file: gone.pdf}]
`))
	tn.Hold(t, "put", n/2, "before")
	p := tn.Start(t, dir, "run", "m.yaml", "--settle-time", "1s", "--retries", "50", "--serve", "127.0.0.1:0")
	if !tn.Held(t, p) {
		t.Fatalf("no upload was held:\n%s", p.Stderr.String())
	}
	found := liveLine.FindStringSubmatch(p.Stderr.String())
	if found == nil {
		t.Fatalf("no address is told:\n%s", p.Stderr.String())
	}
	b := harness.NewBrowser(t)
	calm := func(what string, s harness.Shown) {
		t.Helper()
		if off := s.OffTheMachine(); len(s.Console) > 0 || len(off) > 0 || s.Overflow > 0 {
			t.Errorf("%s: the console says %s; asked for are %q; %d pixels too wide", what, s.Console, off, s.Overflow)
		}
		if !strings.Contains(s.Text, fmt.Sprintf("of %d items", n+1)) {
			t.Errorf("%s: it does not say how far the run is: %.300s", what, s.Text)
		}
	}
	for _, width := range []int{400, 1280} {
		for _, dark := range []bool{false, true} {
			calm(fmt.Sprintf("%d wide, dark %t", width, dark), b.Open(t, found[1], width, dark))
		}
	}
	b.Until(t, `document.body.innerText.includes("file-missing")`)
	tn.Release(t, false)
	b.Until(t, `document.querySelector("[role=status]").textContent.startsWith("The run has ended.")`)
	p.Demand(t, 3)

	s := b.Shown(t)
	if off := s.OffTheMachine(); len(s.Console) > 0 || len(off) > 0 {
		t.Errorf("at the end: the console says %s; asked for are %q", s.Console, off)
	}
	results, err := filepath.Glob(filepath.Join(dir, "m.runs", "*", "results.ndjson"))
	if err != nil || len(results) != 1 {
		t.Fatal(results, err)
	}
	rows, err := os.ReadFile(results[0])
	if err != nil {
		t.Fatal(err)
	}
	done, blocked := strings.Count(string(rows), `"status":"done"`), strings.Count(string(rows), `"status":"blocked"`)
	words := strings.Join(strings.Fields(s.Text), " ")
	for _, want := range []string{
		fmt.Sprintf("%d of %d done, %d blocked", done, n+1, blocked), fmt.Sprintf("Items %d of %d", done+blocked, n+1), fmt.Sprintf("done %d", done), "exit code 3",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("the page does not say %q: %s", want, words)
		}
	}
	if done != n || blocked != 1 {
		t.Errorf("%d done and %d blocked", done, blocked)
	}
}
