package state

import (
	"os"
	"path/filepath"
	"strings"
)

// SyncFolder returns the name of the service that synchronises the folder of
// path, or "a network drive", or "" when it knows of neither. A state there can
// be replaced by an older copy, or copied in the middle of a commit; the caller
// warns. Path need not exist. It goes by the names that these services give to
// their folders, and by what the operating system says of the file system.
func SyncFolder(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	dir := existing(path)
	for _, p := range []string{path, dir} {
		if name := syncedByName(p); name != "" {
			return name
		}
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		if name := syncedByName(real); name != "" {
			return name
		}
	}
	if isNetwork(dir) {
		return networkDrive
	}
	return ""
}

const networkDrive = "a network drive"

// existing is the nearest folder above path, or path, that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

// syncedByName looks at the elements of an absolute path.
func syncedByName(path string) string {
	p := strings.ToLower(strings.ReplaceAll(path, `\`, "/"))
	if strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "//?/") && !strings.HasPrefix(p, "//./") || strings.HasPrefix(p, "//?/unc/") {
		return networkDrive
	}
	elems := strings.Split(p, "/")
	for i, e := range elems {
		switch {
		case e == "onedrive" || strings.HasPrefix(e, "onedrive - ") || strings.HasPrefix(e, "onedrive-"):
			return "OneDrive"
		case e == "dropbox" || strings.HasPrefix(e, "dropbox (") || strings.HasPrefix(e, "dropbox-"):
			return "Dropbox"
		case e == "google drive" || e == "googledrive" || strings.HasPrefix(e, "googledrive-") || e == "my drive":
			return "Google Drive"
		case e == "com~apple~clouddocs" || e == "icloud drive" || e == "iclouddrive":
			return "iCloud"
		case e == "box sync" || strings.HasPrefix(e, "box-") && i > 0 && elems[i-1] == "cloudstorage":
			return "Box"
		}
	}
	return ""
}
