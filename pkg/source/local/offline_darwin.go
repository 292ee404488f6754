package local

import (
	"io/fs"
	"syscall"
)

// offline reports whether a file is dataless, as OneDrive, iCloud and other
// file providers make them: reading it downloads its bytes.
// Source: SF_DATALESS in sys/stat.h of macOS, chflags(2).
func offline(st fs.FileInfo) bool {
	const dataless = 0x40000000
	d, ok := st.Sys().(*syscall.Stat_t)
	return ok && d.Flags&dataless != 0
}
