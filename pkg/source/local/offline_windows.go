package local

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/windows"
)

// offline reports whether a file is a placeholder, as OneDrive and other cloud
// folders make them: reading it downloads its bytes.
// Source: Microsoft, "File Attribute Constants".
func offline(st fs.FileInfo) bool {
	const away = windows.FILE_ATTRIBUTE_OFFLINE | windows.FILE_ATTRIBUTE_RECALL_ON_OPEN | windows.FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS
	d, ok := st.Sys().(*syscall.Win32FileAttributeData)
	return ok && d.FileAttributes&away != 0
}
