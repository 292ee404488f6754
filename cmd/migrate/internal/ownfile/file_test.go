package ownfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also another process, one that holds a lock until its input ends.
func TestMain(m *testing.M) {
	if path := os.Getenv("OWNFILE_TEST_HOLD"); path != "" {
		unlock, err := lock(context.Background(), path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		if unlock() != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir string) *File {
	t.Helper()
	f, err := Open(dir, "x.json")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func keep(t *testing.T, f *File, text string) {
	t.Helper()
	if err := f.Update(t.Context(), func([]byte) ([]byte, error) { return []byte(text), nil }); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsKeptComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f := open(t, dir)
	if b, err := f.Read(); b != nil || err != nil {
		t.Errorf("before: %q, %v", b, err)
	}
	keep(t, f, "one")
	keep(t, f, "two")
	if b, err := open(t, dir).Read(); string(b) != "two" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	boom := errors.New("refused")
	if err := f.Update(t.Context(), func(b []byte) ([]byte, error) { return append(b, "!"...), boom }); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if b, err := f.Read(); string(b) != "two" || err != nil {
		t.Errorf("after a change that failed: %q, %v", b, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestOnlyTheOwnerReads(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // rights there are those of the profile folder
	}
	dir := filepath.Join(t.TempDir(), "a")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	keep(t, f, "one")
	if err := os.Chmod(f.Path(), 0o644); err != nil {
		t.Fatal(err)
	}
	keep(t, f, "one") // nothing to write, rights all the same
	for path, want := range map[string]os.FileMode{dir: 0o700, f.Path(): 0o600, f.Path() + ".lock": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, want %v (%v)", path, info.Mode().Perm(), want, err)
		}
	}
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	f := &File{path: filepath.Join(t.TempDir(), "absent", "x.json")}
	if err := f.Update(t.Context(), func([]byte) ([]byte, error) { return []byte("one"), nil }); err == nil {
		t.Error("kept nowhere without a word")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, "x.json"); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestUpdatesDoNotGetLost(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			f := open(t, dir)
			if err := f.Update(t.Context(), func(b []byte) ([]byte, error) { return append(b, 'x'), nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if b, err := open(t, dir).Read(); string(b) != strings.Repeat("x", 8) || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAnotherProcessIsWaitedFor(t *testing.T) {
	f := open(t, t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "OWNFILE_TEST_HOLD="+f.Path()+".lock")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	why := errors.New("interrupt")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*lockPoll, why)
	defer cancel()
	entered := false
	err = f.Update(ctx, func(b []byte) ([]byte, error) { entered = true; return b, nil })
	if !errors.Is(err, why) || entered {
		t.Errorf("while it is held: %v, entered %v", err, entered)
	}
	done := make(chan error)
	go func() {
		done <- f.Update(t.Context(), func([]byte) ([]byte, error) { return []byte("mine"), nil })
	}()
	if err := in.Close(); err != nil { // lets it go
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
