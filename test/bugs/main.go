// Command bugs plants mistakes into a copy of the program, one at a time, and
// runs the tests that have to notice. A mistake that nobody notices is a promise
// that nobody holds.
//
//	go run ./test/bugs [-run REGEXP]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	only := flag.String("run", "", "plant only the bugs whose name matches")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	tree, err := copyTree(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	var errs []error
	planted := 0
	begin := time.Now()
	for _, b := range bugs {
		if !pattern.MatchString(b.name) {
			continue
		}
		planted++
		begin := time.Now()
		by := b.pkg + ": " + strings.Join(b.tests, ", ")
		if err := plant(ctx, tree, b); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			errs = append(errs, fmt.Errorf("%s: %w", b.name, err))
			by = "NOT CAUGHT"
		}
		fmt.Printf("%-28s %3.0f s  %s\n", b.name, time.Since(begin).Seconds(), by)
	}
	fmt.Printf("%d bugs planted, %d not caught, %.0f s\n", planted, len(errs), time.Since(begin).Seconds())
	return errors.Join(errs...)
}

// copyTree copies the files that git knows, as they are now, to a new folder.
func copyTree(ctx context.Context) (dir string, err error) {
	out, err := exec.CommandContext(ctx, "git", "ls-files", "-z").Output()
	if err != nil {
		return "", fmt.Errorf("git ls-files: %w (run it from the root of the repository)", err)
	}
	if dir, err = os.MkdirTemp("", "migrate-bugs-"); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if err := copyFile(name, filepath.Join(dir, name)); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // deleted, and not committed yet
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// plant applies a bug to the tree, demands that its tests fail, and takes it out
// again.
func plant(ctx context.Context, tree string, b bug) (err error) {
	originals := map[string][]byte{}
	defer func() {
		for path, text := range originals {
			err = errors.Join(err, os.WriteFile(path, text, 0o644))
		}
	}()
	for _, e := range b.edits {
		path := filepath.Join(tree, filepath.FromSlash(e.file))
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if originals[path] == nil {
			originals[path] = text
		}
		changed, err := e.apply(string(text))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			return err
		}
	}
	if out, err := command(ctx, tree, "build", "-trimpath", "-o", os.DevNull, "./cmd/migrate").CombinedOutput(); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	pattern := "."
	if len(b.tests) > 0 {
		pattern = "^(" + strings.Join(b.tests, "|") + ")$"
	}
	// Trimmed paths let what is compiled be found again, wherever the copy is.
	args := []string{"test", "-trimpath", "-count=1", "-vet=off", "-timeout=5m", "-run", pattern, "./" + b.pkg}
	if b.pkg == "pkg/pipeline" {
		args = append(args, "-sim.seeds=300")
	}
	out, err := command(ctx, tree, args...).CombinedOutput()
	switch {
	case err != nil && bytes.Contains(out, []byte("[build failed]")):
		return fmt.Errorf("its tests do not compile:\n%s", out)
	case err == nil && len(b.tests) == 0:
		return fmt.Errorf("all tests of %s pass: write the one that does not", b.pkg)
	case len(b.tests) == 0:
		return fmt.Errorf("name the tests that fail in test/bugs/list.go; these do: %q", failed(out))
	}
	fail := failed(out)
	for _, name := range b.tests {
		if !slices.Contains(fail, name) {
			return fmt.Errorf("%s of %s does not notice", name, b.pkg)
		}
	}
	return nil
}

func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// failure is a test that failed, or one that ran when the time was over.
var failure = regexp.MustCompile(`(?m)^--- FAIL: (Test\w+)|^\t\t(Test\w+)\S* \(\d`)

// failed are the tests that an output says have failed.
func failed(out []byte) (names []string) {
	for _, m := range failure.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1])+string(m[2]))
	}
	return slices.Compact(names)
}
