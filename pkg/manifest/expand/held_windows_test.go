package expand

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A program that shares a file with nobody keeps it from being read.
func TestATableThatIsHeldOpen(t *testing.T) {
	s := tableSet(t, "t.csv", "externalId,file\na,x\n", "")
	name, err := syscall.UTF16PtrFromString(filepath.Join(s.Manifest.Dir, "t.csv"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ, 0, nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.CloseHandle(h)
	got, _ := check(t, s)
	if len(got) != 1 || !strings.Contains(got[0], `M070: table "t.csv" is held open by another program (close it there`) {
		t.Errorf("%q", got)
	}
}
