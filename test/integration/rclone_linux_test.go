//go:build integration

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

// childOf is the running child of a process, 0 when there is none.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		_, after, ok := strings.Cut(string(text), ") ")
		if fields := strings.Fields(after); err == nil && ok && fields[0] != "Z" && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			return child
		}
	}
	return 0
}

func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(after, "Z")
}

// TestAKilledRunLeavesNoRcloneAndIsContinued kills a run as kill -9 does: rclone
// ends with it, its spool leaves nothing, and the next run goes on.
func TestAKilledRunLeavesNoRcloneAndIsContinued(t *testing.T) {
	f, spool := served(t, "webdav", 60), t.TempDir()
	dir := f.Library.Dir
	args := []string{"run", "campaign.yaml", "--settle-time", "1s", "--spool-dir", spool}
	p := f.tn.Start(t, dir, append(args, "--requests", "2", "--uploads", "2")...)
	harness.Until(t, "20 creates", func() bool { return p.Ended() || f.tn.Books(t).Commits["postAssets"] >= 20 })
	child := childOf(t, p.PID())
	if child == 0 {
		t.Fatal("rclone does not run")
	}
	if !p.Kill(t) {
		t.Fatal("the run was not killed in time")
	}
	harness.Until(t, "rclone's end", func() bool { return !runs(child) })
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("in the spool: %v, %v", left, err)
	}
	f.tn.Run(t, 0, dir, args...)
	f.Arrived(t, f.tn)
	f.tn.Run(t, 0, dir, "plan", "campaign.yaml", "--exit-code")
	total := 0
	for _, n := range f.Gets() {
		total += n
	}
	if total > 60+30 { // those that were under way, and no others
		t.Errorf("%d readings of 60 files", total)
	}
}
