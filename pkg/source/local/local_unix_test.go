//go:build unix

package local

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/source"
)

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestLinksInsideTheFolderAreFollowed(t *testing.T) {
	s, dir := newWith(t, text("real/a.txt"))
	link(t, "real/a.txt", filepath.Join(dir, "to-file"))
	link(t, "real", filepath.Join(dir, "to-folder"))
	link(t, "../real/a.txt", filepath.Join(dir, "real", "by-parent"))
	link(t, filepath.Join(dir, "real"), filepath.Join(dir, "absolute"))
	for _, path := range []string{"to-file", "to-folder/a.txt", "real/by-parent", "absolute/a.txt", "absolute/by-parent"} {
		if b, err := content(t.Context(), s, path); b != "real/a.txt" || err != nil {
			t.Errorf("%s: %q, %v", path, b, err)
		}
		if i, err := s.Stat(t.Context(), path); i.Size != 10 || err != nil {
			t.Errorf("%s: %+v, %v", path, i, err)
		}
	}
	link(t, "gone", filepath.Join(dir, "dangling"))
	expect(t, s, "dangling", source.ErrNotExist, "symbolic link to something that is not there")
	link(t, filepath.Join(dir, "gone"), filepath.Join(dir, "dangling-absolute"))
	expect(t, s, "dangling-absolute", source.ErrOutside, "")
	expect(t, s, "absolute/none", source.ErrNotExist, "")
	expect(t, s, "absolute/A.txt", source.ErrNotExist, `did you mean "a.txt"?`)
}

func TestTheFolderItselfMayBeALink(t *testing.T) {
	top := t.TempDir()
	write(t, top, text("real/a.txt"))
	link(t, "real", filepath.Join(top, "alias"))
	link(t, filepath.Join(top, "alias", "a.txt"), filepath.Join(top, "real", "round"))
	s := newAt(t, filepath.Join(top, "alias"))
	for _, path := range []string{"a.txt", "round"} {
		if b, err := content(t.Context(), s, path); b != "real/a.txt" || err != nil {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
}

func TestLinksOutOfTheFolder(t *testing.T) {
	top := t.TempDir()
	write(t, top, text("root/a.txt", "secret/s.txt"))
	root := filepath.Join(top, "root")
	link(t, "../secret/s.txt", filepath.Join(root, "file"))
	link(t, "../secret", filepath.Join(root, "folder"))
	link(t, filepath.Join(top, "secret", "s.txt"), filepath.Join(root, "absolute"))
	link(t, "absolute", filepath.Join(root, "chain"))
	s := newAt(t, root)
	for _, path := range []string{"file", "folder/s.txt", "absolute", "chain"} {
		expect(t, s, path, source.ErrOutside, "symbolic link leads out")
	}
}

func TestLinksInACircleAreUnreadable(t *testing.T) {
	s, dir := newWith(t, nil)
	link(t, "b", filepath.Join(dir, "a"))
	link(t, "a", filepath.Join(dir, "b"))
	expect(t, s, "a", source.ErrUnreadable, "circle")
	for path, src := range map[string]source.Source{filepath.Join(dir, "a"): Absolute()} {
		expect(t, src, path, source.ErrUnreadable, "circle")
	}
}

// A pipe without a writer makes open wait for ever, if it is opened.
func TestWhatIsNoRegularFileIsNotOpened(t *testing.T) {
	s, dir := newWith(t, text("folder/a"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	sock, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	expect(t, s, "pipe", source.ErrNotRegular, "a pipe")
	expect(t, s, "s", source.ErrNotRegular, "a socket")
	expect(t, s, "folder", source.ErrNotRegular, "a folder")
	expect(t, s, ".", source.ErrNotRegular, "a folder")
	expect(t, Absolute(), "/dev/null", source.ErrNotRegular, "a device")
	link(t, "pipe", filepath.Join(dir, "to-pipe"))
	expect(t, s, "to-pipe", source.ErrNotRegular, "a pipe")
}

// As when a pipe takes the file's place between the look and the opening.
func TestAPipeThatTakesAFilesPlaceDoesNotBlock(t *testing.T) {
	s, dir := newWith(t, nil)
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.openIn(t.Context(), s.root, "pipe", "pipe"); !errors.Is(err, source.ErrNotRegular) {
		t.Errorf("%v", err)
	}
}

func TestLinksInAList(t *testing.T) {
	top := t.TempDir()
	write(t, top, text("root/real/a.txt", "root/sub/b.txt", "secret/s.txt"))
	root := filepath.Join(top, "root")
	link(t, "../real/a.txt", filepath.Join(root, "sub", "file"))
	link(t, "real", filepath.Join(root, "folder"))
	link(t, "..", filepath.Join(root, "sub", "up"))
	link(t, "../../secret", filepath.Join(root, "sub", "out"))
	link(t, "../../secret/s.txt", filepath.Join(root, "sub", "out.txt"))
	link(t, "gone", filepath.Join(root, "sub", "dangling"))
	s := newAt(t, root)
	outside := "a symbolic link leads out; name the folder that it leads to under roots:"
	elsewhere := "it is a link to a folder elsewhere; name that folder itself"
	for prefix, want := range map[string][]string{
		"": {"real/a.txt", "sub/b.txt", "stat sub/dangling: it is a symbolic link to something that is not there", "sub/file",
			"list sub/out: " + outside, "stat sub/out.txt: " + outside},
		"folder": {"folder/a.txt"},
		"sub": {"sub/b.txt", "stat sub/dangling: it is a symbolic link to something that is not there", "sub/file",
			"list sub/out: " + outside, "stat sub/out.txt: " + outside, "list sub/up: " + elsewhere},
	} {
		if got := listOf(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("%q lists\n%s\nwant\n%s", prefix, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	abs := filepath.ToSlash(root) + "/sub"
	want := []string{abs + "/b.txt", "stat " + abs + "/dangling: it is a symbolic link to something that is not there", abs + "/file",
		"list " + abs + "/out: " + elsewhere, abs + "/out.txt", "list " + abs + "/up: " + elsewhere}
	if got := listOf(t, Absolute(), abs); !slices.Equal(got, want) {
		t.Errorf("absolute: %q", got)
	}
}

func TestWhatIsNoFileInAList(t *testing.T) {
	s, dir := newWith(t, text("a.txt"))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := listOf(t, s, ""); !slices.Equal(got, []string{"a.txt", "stat pipe: it is a pipe"}) {
		t.Errorf("%q", got)
	}
}
