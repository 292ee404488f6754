//go:build integration && unix

package integration_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

// TestOneDriveListsOneSizeAndDeliversAnother: all bytes arrive, and a second run
// reads nothing and sends nothing.
func TestOneDriveListsOneSizeAndDeliversAnother(t *testing.T) {
	f, temp := served(t, "onedrive", 12), t.TempDir()
	tn, dir := f.tn.With("TMPDIR="+temp), f.Library.Dir
	tn.Run(t, 8, dir, "plan", "campaign.yaml", "--exit-code")
	run := tn.Run(t, 0, dir, "run", "campaign.yaml")
	f.Arrived(t, tn)
	f.Gets()
	again := tn.Run(t, 0, dir, "run", "campaign.yaml")
	tn.Run(t, 0, dir, "plan", "campaign.yaml", "--exit-code")
	tn.Run(t, 0, dir, "verify", "campaign.yaml")
	if gets := f.Gets(); len(gets) > 0 {
		t.Errorf("the second run read %v", gets)
	}
	harness.NoSecrets(t, tn, dir, run, again)
	for id, item := range f.Items {
		n := int(item.Size)
		said := fmt.Sprintf("Its place lists %d and delivers %d.", harness.Listed(n), n)
		if why := tn.Run(t, 0, dir, "why", id, "campaign.yaml").Stdout.String(); strings.Contains(why, said) != (harness.Listed(n) != n) {
			t.Errorf("%s: %s", id, why)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("in the temporary folder: %v, %v", left, err)
	}
}
