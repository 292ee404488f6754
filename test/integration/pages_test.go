//go:build integration && unix

package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
	"github.com/showpad-migrate/migrate/test/pages"
)

// TestPagesInARealBrowser plans and runs a library in which every name is hostile or
// missing, against a service with faults, and opens the pages as people would.
func TestPagesInARealBrowser(t *testing.T) {
	const n = 40
	tn := harness.NewTenant(t, "--faults", "5xx=0.03,429=0.02,storage=0.03")
	dir := t.TempDir()
	table := "externalId,file,name\n"
	for i := range n {
		if i != 7 {
			harness.Write(t, filepath.Join(dir, "content", fmt.Sprintf("f%d.pdf", i)), fmt.Appendf([]byte("%PDF-1.4\n"), "%d", i%30))
		}
		table += fmt.Sprintf("SP-%d,content/f%d.pdf,\"<script>document.title='owned'</script><img src=http://198.51.100.1/x> %d \u202efdp.pdf\"\n", i, i, i)
	}
	harness.Write(t, filepath.Join(dir, "inventory.csv"), []byte(table))
	harness.Write(t, filepath.Join(dir, "m.yaml"), []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\ninclude: [{table: inventory.csv}]\n"))

	plan := tn.Run(t, 3, dir, "plan", "m.yaml", "--format", "html", "--full")
	harness.Write(t, filepath.Join(dir, "plan.html"), plan.Stdout.Bytes())
	tn.Run(t, 3, dir, "run", "m.yaml", "--settle-time", "1s", "--retries", "50")
	runs, err := filepath.Glob(filepath.Join(dir, "m.runs", "*"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("evidence folders: %v, %v", runs, err)
	}
	tn.Run(t, 0, dir, "report", "verify", runs[0])

	b := harness.NewBrowser(t)
	bad := filepath.Join(dir, "bad.html")
	harness.Write(t, bad, []byte(`<!DOCTYPE html><title>bad</title><script>console.error("x")</script><img src="http://127.0.0.1:9/x.png"><div style="width: 2000px">wide</div>`))
	if s := b.Open(t, "file://"+bad, 1280, false); len(s.Requests) != 2 || len(s.Console) == 0 || s.Overflow < 700 {
		t.Fatalf("the browser does not tell what is wrong with a page: %+v", s)
	}
	for _, page := range []string{filepath.Join(dir, "plan.html"), filepath.Join(runs[0], "summary.html")} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		pages.Check(t, string(text))
		for _, width := range []int{1280, 400} {
			for _, dark := range []bool{false, true} {
				s := b.Open(t, "file://"+page, width, dark)
				name := fmt.Sprintf("%s, %d wide, dark %t", filepath.Base(page), width, dark)
				if len(s.Console) > 0 {
					t.Errorf("%s: the console says %s", name, s.Console)
				}
				if off := s.OffTheMachine(); len(off) > 0 || len(s.Requests) == 0 {
					t.Errorf("%s: asks for %q of %q", name, off, s.Requests)
				}
				if s.Overflow > 0 {
					t.Errorf("%s: is %d pixels wider than the window", name, s.Overflow)
				}
				if s.Cut > 0 {
					t.Errorf("%s: %d tables are cut", name, s.Cut)
				}
				if got := s.Picture.Bounds().Dx(); got != width {
					t.Errorf("%s: its picture is %d wide", name, got)
				}
				if light := brightness(s.Picture); (light > 0.5) == dark {
					t.Errorf("%s: its paper has the brightness %.2f", name, light)
				}
				if !strings.Contains(s.Text, "<script>document.title='owned'</script>") || !strings.Contains(s.Text, "⟨U+202E⟩fdp.pdf") {
					t.Errorf("%s: a title is not shown as it is: %.300s", name, s.Text)
				}
			}
		}
	}

	// What people read is what results.ndjson says.
	results, err := os.ReadFile(filepath.Join(runs[0], "results.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range bytes.Lines(results) {
		var r struct{ Status string }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		counts[r.Status]++
	}
	s := b.Open(t, "file://"+filepath.Join(runs[0], "summary.html"), 1280, false)
	words := strings.Join(strings.Fields(s.Text), " ")
	if counts["done"]+counts["blocked"]+counts["failed"] != n || counts["blocked"] != 1 {
		t.Errorf("results %v", counts)
	}
	for status, k := range counts {
		if want := fmt.Sprintf("%d %s", k, status); !strings.Contains(words, want) {
			t.Errorf("the page does not say %q: %.1000s", want, words)
		}
	}
}

// brightness is that of the paper, from 0 to 1.
func brightness(img image.Image) float64 {
	r, g, b, _ := img.At(2, 2).RGBA()
	return float64(r+g+b) / (3 * 0xffff)
}
