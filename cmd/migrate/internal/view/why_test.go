package view

import (
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestWhySaysThatAStaleRowNeedsANewPlan(t *testing.T) {
	for _, c := range []struct{ reason, want string }{
		{pipeline.StaleFile, "next: Plan again: that plan will not carry it out any more. A run without it decides anew; migrate help stale-file says more."},
		{"file-missing", "next: The next run looks again, and leaves it alone while this is so; migrate help file-missing says more."},
	} {
		var b strings.Builder
		last := pipeline.Result{ExternalID: "A", Status: "blocked", Reason: c.reason, Run: "r"}
		if err := WhyText(&b, "A", pipeline.Story{}, &last); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), c.want+"\n") {
			t.Errorf("%s:\n%s\nwant %s", c.reason, b.String(), c.want)
		}
	}
}

func TestBarsCountBytesAsEverythingElseDoes(t *testing.T) {
	var b strings.Builder
	s := newScreen(&b, barWidth)
	s.close(Snapshot{Items: 2, Bytes: 180_000, ToSend: 810_000})
	if !strings.Contains(b.String(), "180 kB/810 kB") {
		t.Errorf("%q: no 180 kB/810 kB", b.String())
	}
}
