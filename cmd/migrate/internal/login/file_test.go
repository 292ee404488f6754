package login

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *File {
	t.Helper()
	f, err := Open(dir, "acme", "client-for-tests")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var sample = showpad.SavedToken{
	Access: "access-for-tests", Refresh: "refresh-for-tests", User: "jane@example.com", Ancestors: []string{"aa", "bb"},
	Scope: "refresh_token read_user_management", RefreshExpiry: time.Date(2026, 12, 4, 12, 0, 0, 0, time.UTC),
	Obtained: time.Date(2026, 11, 20, 12, 0, 0, 123, time.UTC), Expiry: time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC),
}

func keep(t *testing.T, f *File, tok showpad.SavedToken) {
	t.Helper()
	if err := f.Update(t.Context(), func(showpad.SavedToken) (showpad.SavedToken, error) { return tok, nil }); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsKeptComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "tokens")
	f := open(t, dir)
	if got, err := f.Load(); err != nil || !got.Equal(showpad.SavedToken{}) {
		t.Errorf("before: %+v, %v", got, err)
	}
	keep(t, f, sample)
	got, err := open(t, dir).Load()
	if err != nil || !got.Equal(sample) {
		t.Errorf("got %+v, %v", got, err)
	}
	if name := filepath.Base(f.Path()); !strings.HasPrefix(name, "acme-") || strings.Contains(name, "client-for-tests") {
		t.Errorf("name %s", name)
	}
	other, err := Open(dir, "acme", "another-client")
	if err != nil || other.Path() == f.Path() {
		t.Errorf("two clients share %s, %v", f.Path(), err)
	}
}

func TestOnlyTheOwnerReads(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // rights there are those of the profile folder
	}
	dir := filepath.Join(t.TempDir(), "tokens")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	keep(t, f, sample)
	if err := os.Chmod(f.Path(), 0o644); err != nil {
		t.Fatal(err)
	}
	keep(t, f, sample) // nothing to write, rights all the same
	for path, want := range map[string]os.FileMode{dir: 0o700, f.Path(): 0o600, f.Path() + ".lock": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, want %v (%v)", path, info.Mode().Perm(), want, err)
		}
	}
}

func TestNothingIsWrittenWhenNothingChangedOrFailed(t *testing.T) {
	f := open(t, t.TempDir())
	keep(t, f, sample)
	before, err := os.Stat(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("refused")
	if err := f.Update(t.Context(), func(s showpad.SavedToken) (showpad.SavedToken, error) { return showpad.SavedToken{}, boom }); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	keep(t, f, sample)
	after, err := os.Stat(f.Path())
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced (%v)", err)
	}
	entries, err := os.ReadDir(filepath.Dir(f.Path()))
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAFolderThatCannotBeWrittenIsTold(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "tokens"))
	if err := os.Mkdir(f.Path(), 0o700); err != nil { // in the way of the file
		t.Fatal(err)
	}
	err := f.Update(t.Context(), func(showpad.SavedToken) (showpad.SavedToken, error) { return sample, nil })
	if err == nil || strings.Contains(err.Error(), "refresh-for-tests") {
		t.Errorf("error %v", err)
	}
}

func TestDamagedFileIsToldByName(t *testing.T) {
	f := open(t, t.TempDir())
	for name, content := range map[string]string{
		"damaged": `{"version":1,"access_token":"access-for-tests`,
		"newer":   `{"version":99,"access_token":"access-for-tests"}`,
		"empty":   ``,
	} {
		if err := os.WriteFile(f.Path(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.Load()
		if err == nil || !strings.Contains(err.Error(), f.Path()) || strings.Contains(err.Error(), "access-for-tests") {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.Update(t.Context(), func(showpad.SavedToken) (showpad.SavedToken, error) { return sample, nil }); err == nil {
			t.Errorf("%s: overwritten", name)
		}
	}
}

func TestForgettingLeavesNothingToRead(t *testing.T) {
	f := open(t, t.TempDir())
	keep(t, f, sample)
	if there, err := f.Remove(t.Context()); !there || err != nil {
		t.Errorf("%v, %v", there, err)
	}
	if got, err := f.Load(); err != nil || !got.Equal(showpad.SavedToken{}) {
		t.Errorf("%+v, %v", got, err)
	}
	if there, err := f.Remove(t.Context()); there || err != nil {
		t.Errorf("again: %v, %v", there, err)
	}
	if err := os.WriteFile(f.Path(), []byte("{damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if there, err := f.Remove(t.Context()); !there || err != nil {
		t.Errorf("a damaged one: %v, %v", there, err)
	}
}

func TestUpdatesDoNotGetLost(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f := open(t, dir)
			err := f.Update(t.Context(), func(s showpad.SavedToken) (showpad.SavedToken, error) {
				s.Ancestors = append(s.Ancestors, fmt.Sprint(i))
				return s, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := open(t, dir).Load(); err != nil || len(got.Ancestors) != 8 {
		t.Errorf("%d of 8 updates, %v", len(got.Ancestors), err)
	}
}

func TestOpenRefusesWhatCannotBeATenant(t *testing.T) {
	for _, s := range []string{"", "../../etc", "Acme", "a/b"} {
		if _, err := Open(t.TempDir(), s, "c"); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}
