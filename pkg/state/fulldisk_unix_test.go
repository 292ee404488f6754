//go:build unix

package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A limit on the size of a file stands in for a full disk: the system refuses to
// write on in the middle of a commit. (Go ignores the signal that comes with it.)

const fullEnv = "STATE_TEST_FULL"

func init() { children[fullEnv] = fullChild }

// limitFiles lets no file of this process grow beyond n bytes.
func limitFiles(n uint64) {
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		fmt.Println("setrlimit:", err)
		os.Exit(1)
	}
}

// fullChild does one thing with the state at path on a full disk and prints how
// it ended.
func fullChild(arg string) {
	what, path, _ := strings.Cut(arg, "|")
	ctx := context.Background()
	o := Options{Tenant: "acme"}
	switch what {
	case "make":
		limitFiles(8 << 10)
		_, err := Open(ctx, path, o)
		fmt.Println(err)
	case "backup":
		limitFiles(64 << 10)
		fmt.Println(Backup(ctx, path, path+".backup"))
	case "write":
		s, err := Open(ctx, path, o)
		if err != nil {
			fmt.Println(err)
			return
		}
		limitFiles(400 << 10)
		n := 0
		for err == nil && n < 10_000 {
			w := rec(fmt.Sprintf("%05d", n), Create, Registering)
			w.Event, w.Record.Source = "begun", strings.Repeat("x", 900)
			if err = s.Put(ctx, w); err == nil {
				n++
			}
		}
		c, readErr := s.Counts(ctx) // what is on disk can be read on
		fmt.Println(n, c.Total, readErr, errors.Is(s.Close(), err), err)
	}
}

func onAFullDisk(t *testing.T, what, path string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fullEnv+"="+what+"|"+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestAFullDiskLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := openAt(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	out := onAFullDisk(t, "write", path)
	number, rest, _ := strings.Cut(out, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 10 || n == 10_000 || !strings.HasPrefix(rest, number+" <nil> true ") {
		t.Fatal(out)
	}
	for _, want := range []string{path, "cannot be written", syscall.EFBIG.Error(), "make room"} {
		if !strings.Contains(rest, want) {
			t.Errorf("%s does not say %q", rest, want)
		}
	}
	// There is room again.
	rep, err := Check(t.Context(), path)
	if err != nil || len(rep.Problems) > 0 || rep.Counts.Total != n || rep.Entries["events"] != n {
		t.Errorf("%d were acknowledged: %+v, %v", n, rep, err)
	}
	s = openAt(t, path)
	mustPut(t, s, rec("00000", Create, Registered), rec("new", Create, Registering))
	if c, err := s.Counts(t.Context()); err != nil || c.Total != n+1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAFullDiskLeavesNoHalves(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	for _, want := range []string{path, "file too large", "make room", "--state"} {
		if out := onAFullDisk(t, "make", path); !strings.Contains(out, want) {
			t.Errorf("%s does not say %q", out, want)
		}
	}
	if got := leftIn(t, path); got != "" {
		t.Errorf("left: %s", got)
	}
	file, _ := sound(t)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{path + ".backup", "file too large", "make room"} {
		if out := onAFullDisk(t, "backup", path); !strings.Contains(out, want) {
			t.Errorf("%s does not say %q", out, want)
		}
	}
	if got := leftIn(t, path); got != "state.db" {
		t.Errorf("left: %s", got)
	}
}

// Opening a pipe waits for its other end.
func TestAPipeIsNoState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	isNoFile(t, path)
}

// What may not be read or written is no damage.
func TestWithoutPermissionIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	goldenState(t, path)
	for _, p := range []struct {
		path string
		mode fs.FileMode
	}{{filepath.Dir(dir), 0o711}, {dir, 0o777}, {path, 0}} {
		if err := os.Chmod(p.path, p.mode); err != nil {
			t.Fatal(err)
		}
	}
	var ways map[string]error
	asNobody(t, func() { ways = eachWay(t, path) })
	for way, err := range ways {
		if !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "run as that user") {
			t.Errorf("%s: %v", way, err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	var openErr, backupErr error
	asNobody(t, func() {
		_, openErr = Open(t.Context(), filepath.Join(dir, "new.db"), Options{Tenant: "acme"})
		backupErr = Backup(t.Context(), path, filepath.Join(dir, "backup.db"))
	})
	if !errors.Is(openErr, fs.ErrPermission) || !strings.Contains(openErr.Error(), "--state") {
		t.Errorf("open: %v", openErr)
	}
	if !errors.Is(backupErr, fs.ErrPermission) || !strings.Contains(backupErr.Error(), "elsewhere") {
		t.Errorf("backup: %v", backupErr)
	}
	if got := leftIn(t, path); got != "state.db" {
		t.Errorf("left: %s", got)
	}
	if err := os.Chmod(dir, 0o700); err != nil { // so that it can be removed
		t.Fatal(err)
	}
}
