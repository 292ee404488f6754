//go:build unix

package spool

import "golang.org/x/sys/unix"

// FreeSpace is how many bytes this user may still write at dir.
func FreeSpace(dir string) (int64, bool) {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
