package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func TestCheckText(t *testing.T) {
	r := state.Report{
		Path: "m.state.db", Schema: 2, Tenant: "acme", Serial: 1, Size: 32768, PageSize: 4096, Pages: 8, FreePages: 2,
		Counts: state.Counts{Total: 3, ByStatus: map[state.Status]int{state.Done: 2, state.Pending: 1}},
		Holder: &state.Holder{PID: 7, Host: "here"},
		Problems: []state.Problem{{Damage: true, Text: "page 3: torn", Fix: "put a backup back"}, {Text: "a change of no run\x1b[1m", Fix: "nothing"},
			{Damage: true, Text: "the entry A", Fix: "a new one"}, {Damage: true, Text: "the entry B", Fix: "a new one"}},
		Omitted: 2,
	}
	var b strings.Builder
	if err := CheckText(&b, r, false); err != nil {
		t.Fatal(err)
	}
	const want = `m.state.db: damaged
  a copy was checked: it is in use by process 7 on here
  tenant   acme
  layout   2, after 1 commit
  file     33 kB in 8 pages, 2 of them free
  records  3 (2 done, 1 pending)
damage: page 3: torn (put a backup back)
warning: a change of no run (nothing)
damage: the entry A
damage: the entry B
... and 2 more problems
way out: a new one
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestRebuiltTextNamesSomeTwins(t *testing.T) {
	s := pipeline.RebuildSummary{From: pipeline.FromExports, Assets: 60, Records: 10, Archived: 2, Twinned: 50, TwinsAll: 25}
	for i := range 25 {
		s.Twins = append(s.Twins, pipeline.Twin{ExternalID: fmt.Sprint("T", i), AssetIDs: []string{"a", "b"}})
	}
	var b strings.Builder
	if err := RebuiltText(&b, "m.state.db", s, "plan"); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	want := []string{
		"m.state.db: made anew from the export of assets: 10 records", "  of them in the trash: 2", "  assets that share an external ID with another one: 50",
		"twin: T0 is a, b (migrate state bind names the one to go on with)",
	}
	for i, line := range want {
		if got[i] != line {
			t.Errorf("line %d: got %q, want %q", i, got[i], line)
		}
	}
	if tail := strings.Join(got[len(got)-3:], "\n"); tail != "... and 5 more external IDs (--json names more)\nnext: plan\n" {
		t.Errorf("it ends in %q", tail)
	}
}
