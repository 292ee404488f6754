//go:build unix

package crash_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

// TestASavedPlanIsCarriedOnAfterKills carries one saved plan out in runs that are
// killed, before and after the service does what each kind of request asks for.
// No row of it becomes stale by that, each is carried out once, and at the end
// nothing is left of it.
func TestASavedPlanIsCarriedOnAfterKills(t *testing.T) {
	t.Parallel()
	tn := harness.NewTenant(t, "--list-lag", listLag.String())
	l := harness.NewLibrary(t, 7, 12, 20<<10)
	run := func(args ...string) []string {
		return append([]string{"run", "campaign.yaml", "--quiet", "--settle-time", settleTime.String(), "--requests", "1", "--uploads", "1"}, args...)
	}
	tn.Run(t, 0, l.Dir, run()...)
	ids := slices.Sorted(maps.Keys(l.Items))
	for i, id := range ids {
		if i < 4 {
			l.Fill(t, id)
		}
		if i > 1 {
			l.Items[id].Description = "new"
		}
		if i > 7 {
			l.Items[id].Tags = []string{fmt.Sprint("Tag ", i), "Marketing 2026", "Sales"}
			slices.Sort(l.Items[id].Tags)
		}
	}
	for range 16 {
		l.Add(t)
	}
	l.AddLink()
	l.Save(t)
	tn.Run(t, 0, l.Dir, "plan", "campaign.yaml", "--out", "plan.ndjson")
	before := tn.Books(t)
	kills := 0
	for _, when := range []string{"before", "after"} {
		for _, op := range []string{"postTags", "updateAsset", "postAssets", "postAssetFiles", "put"} {
			tn.Hold(t, op, 1, when)
			p := tn.Start(t, l.Dir, run("--plan", "plan.ndjson")...)
			if !tn.Held(t, p) {
				tn.Release(t, false)
				p.Demand(t, 0)
				continue
			}
			p.Kill(t)
			kills++
			tn.Release(t, when == "before" && kills%2 == 0) // carried out all the same, or never
		}
	}
	tn.Run(t, 0, l.Dir, run("--plan", "plan.ndjson")...)
	l.Arrived(t, tn)
	if kills < 8 {
		t.Errorf("%d kills only", kills)
	}
	after := tn.Books(t)
	if n := after.Commits["postAssets"] - before.Commits["postAssets"]; n != 17 {
		t.Errorf("%d creates, want 17", n)
	}
	tn.Run(t, 0, l.Dir, run("--plan", "plan.ndjson")...)
	if again := tn.Books(t); !maps.Equal(again.Commits, after.Commits) {
		t.Errorf("carried out once more, it changed something: %v, before %v", again.Commits, after.Commits)
	}
	for _, dir := range l.Runs(t) {
		rows, err := os.ReadFile(filepath.Join(dir, "results.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(rows), "stale-") {
			t.Errorf("%s has stale rows:\n%s", dir, rows)
		}
	}
}
