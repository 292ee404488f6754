//go:build unix

package crash_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// count takes what the service has into the tally.
func (v *voyage) count() {
	b := v.tn.Books(v.t)
	v.items = len(v.l.Items)
	for _, ids := range b.Duplicates {
		v.wrong.duplicates += len(ids) - 1
	}
	v.wrong.orphans = len(b.Orphans)
	for _, kind := range []string{"lost", "truncated", "cut"} {
		v.lost += b.Faults[kind]
	}
	there := map[string]bool{}
	for _, a := range v.tn.Assets(v.t) {
		there[a.ExternalID] = true
		if item := v.l.Items[a.ExternalID]; item != nil && (a.MD5 != item.MD5 || a.Size != item.Size) {
			v.wrong.bytes++
		}
	}
	v.wrong.missing = len(v.l.Items) - len(there)
	unanswered := b.Unanswered["postAssetFiles"] + v.strays
	v.excused = unanswered
	unexplained, stories := 0, ""
	for id, files := range v.files() {
		v.closeEpoch(id, files)
		extra := files - v.begun[id].needed
		v.versions += files
		v.extra += extra
		v.excused += v.cut[id]
		if extra > v.cut[id] {
			unexplained += extra - v.cut[id]
			stories += v.story(id)
		}
	}
	if unexplained > unanswered {
		v.t.Errorf("%d file versions that no edit and no upload in flight at a kill explains, and %d answers with a URL were lost:\n%s", unexplained, unanswered, stories)
	}
}

// story is what the program tells of an item.
func (v *voyage) story(id string) string {
	p := v.tn.Start(v.t, v.l.Dir, "why", id, "campaign.yaml")
	p.Wait()
	return fmt.Sprintf("%s: %d versions for its contents, %d uploads cut off\n%s%s", id, v.begun[id].needed, v.cut[id], &p.Stdout, &p.Stderr)
}

// rows demands one row for each item in the results of a run.
func (v *voyage) rows(dir string) {
	f, err := os.Open(filepath.Join(dir, "results.ndjson"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	rows := map[string]int{}
	for in := bufio.NewScanner(f); in.Scan(); {
		var row struct{ ExternalID, Status string }
		if err := json.Unmarshal(in.Bytes(), &row); err != nil {
			v.t.Fatal(err)
		}
		if rows[row.ExternalID]++; row.Status != "done" && row.Status != "unchanged" {
			v.t.Errorf("%s is %s in the results", row.ExternalID, row.Status)
		}
	}
	for id := range v.l.Items {
		if rows[id] != 1 {
			v.t.Errorf("%s has %d rows in the results, want 1", id, rows[id])
		}
	}
	if len(rows) != len(v.l.Items) {
		v.t.Errorf("the results have %d items, want %d", len(rows), len(v.l.Items))
	}
}
