package state

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asNobody calls f, which starts no goroutine, without the rights of root: those
// of the thread alone are given up.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setfsuid(0) }()
	f()
}
