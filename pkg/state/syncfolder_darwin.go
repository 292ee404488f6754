package state

import "golang.org/x/sys/unix"

// isNetwork reports whether dir lies on another machine.
func isNetwork(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Flags&unix.MNT_LOCAL == 0
}
