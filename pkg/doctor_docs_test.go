package pkg_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestWhatAProbeTellsIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Check | What is assumed | How a probe sees it | When it is not so |\n|---|---|---|---|\n")
	var ids []string
	for _, a := range pipeline.Assumptions() {
		ids = append(ids, a.ID)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s: %s |\n", a.ID, cell(a.What), cell(a.How), a.Level, cell(a.Remedy))
		if a.What == "" || a.How == "" || a.Remedy == "" || a.Level != pipeline.LevelWarning && a.Level != pipeline.LevelFailed {
			t.Errorf("%+v", a)
		}
	}
	slices.Sort(ids)
	if n := len(ids); n != len(slices.Compact(ids)) || n < 20 {
		t.Errorf("ids %q", ids)
	}
	generated(t, "docs/assumptions.md", "probe", b.String())
}
