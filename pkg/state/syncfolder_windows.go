package state

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// isNetwork reports whether dir lies on a mapped drive of another machine.
func isNetwork(dir string) bool {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	return err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE
}
