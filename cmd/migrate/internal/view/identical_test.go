package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestPlanShowsIdenticalContent(t *testing.T) {
	text := func(h PlanHeader, full bool) string {
		p, err := NewPlan(h)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close() }()
		var s pipeline.Summary
		for n := range 15 {
			row := pipeline.Row{ExternalID: fmt.Sprintf("=A-%d", n), Action: pipeline.ActionUnchanged, Division: "Sales", MD5: fmt.Sprint(n % 7), Size: 1000 * int64(1+n%7)}
			s.Add(row)
			if err := p.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		var b strings.Builder
		if err := p.Text(&b, s, full); err != nil {
			t.Fatal(err)
		}
		_, found, _ := strings.Cut(b.String(), "\nIdentical")
		found, _, _ = strings.Cut(found, "\n\n")
		return found
	}
	const want = ` content (8 items with the bytes of another one in their Division, 29 kB more than needed):
  7.0 kB each: =A-6, =A-13
  6.0 kB each: =A-5, =A-12
  5.0 kB each: =A-4, =A-11
  4.0 kB each: =A-3, =A-10
  3.0 kB each: =A-2, =A-9
  ... and 2 more`
	if diff := cmp.Diff(want, text(PlanHeader{}, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if full := text(PlanHeader{}, true); !strings.Contains(full, "  1.0 kB each: =A-0, =A-7, =A-14") {
		t.Errorf("--full shows %s", full)
	}
	if back := text(PlanHeader{Runs: []string{"r"}}, false); back != "" {
		t.Errorf("a rollback shows %s", back)
	}
}
