package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFixAsksOnATerminal(t *testing.T) {
	const slip, right = "version: '1'\ndivision: Sales\n", "version: 1\ndivision: Sales\n"
	for answer, want := range map[string]string{"n\n": slip, "": slip, "y\n": right} {
		write(t, map[string]string{"m.yaml": slip})
		p := newProcess(nil)
		p.ask, p.in = true, strings.NewReader(answer)
		if code := p.run(t, "lint", "m.yaml", "--fix", "--offline"); (code == exitOK) != (want == right) {
			t.Errorf("answer %q: exit code %d\n%s", answer, code, p.err)
		}
		if got, err := os.ReadFile("m.yaml"); err != nil || string(got) != want {
			t.Errorf("answer %q: %q, %v", answer, got, err)
		}
		if !strings.Contains(p.err.String(), "This changes m.yaml. Go on? [y/N]") || strings.Contains(p.err.String(), "nothing was written") != (want == slip) {
			t.Errorf("answer %q: stderr\n%s", answer, p.err)
		}
	}
}

// What was written since it was read stays, links and rights too.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.yaml")
	if err := errors.Join(os.WriteFile(path, []byte("before"), 0o600), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	var use *usageError
	if _, err := rewrite(path, []byte("another"), []byte("after")); !errors.As(err, &use) || !strings.Contains(err.Error(), "was changed meanwhile") {
		t.Errorf("err = %v", err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
	link := path
	if runtime.GOOS != "windows" {
		link = filepath.Join(t.TempDir(), "link.yaml")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := rewrite(link, []byte("before"), []byte("after"))
	if err != nil || filepath.Base(kept) != "m.yaml.bak" {
		t.Fatalf("%s, %v", kept, err)
	}
	for name, want := range map[string]string{path: "after", kept: "before"} {
		st, err := os.Lstat(name)
		if err != nil || runtime.GOOS != "windows" && st.Mode() != 0o640 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if all, _ := os.ReadDir(dir); len(all) != 2 {
		t.Errorf("left behind: %v", all)
	}
}

func TestALargeManifestIsNotRepaired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, []byte("version"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readUpTo(path, 6); !errors.Is(err, errTooLarge) {
		t.Errorf("err = %v", err)
	}
	if b, err := readUpTo(path, 7); err != nil || string(b) != "version" {
		t.Errorf("%q, %v", b, err)
	}
}
