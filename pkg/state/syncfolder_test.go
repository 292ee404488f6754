package state

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSyncFolderByName(t *testing.T) {
	for path, want := range map[string]string{
		`C:\Users\jane\OneDrive\wave\m.state.db`:                   "OneDrive",
		`C:\Users\jane\OneDrive - Acme Corp\m.state.db`:            "OneDrive",
		"/Users/jane/Library/CloudStorage/OneDrive-Acme/m.db":      "OneDrive",
		"/home/jane/Dropbox/m.db":                                  "Dropbox",
		"/home/jane/Dropbox (Acme)/m.db":                           "Dropbox",
		"/Users/jane/Library/CloudStorage/GoogleDrive-j@a.com/m":   "Google Drive",
		`G:\My Drive\m.db`:                                         "Google Drive",
		"/Users/jane/Library/Mobile Documents/com~apple~CloudDocs": "iCloud",
		`C:\Users\jane\iCloudDrive\m.db`:                           "iCloud",
		"/Users/jane/Library/CloudStorage/Box-Box/m.db":            "Box",
		`\\server\share\m.db`:                                      networkDrive,
		"//server/share/m.db":                                      networkDrive,
		`\\?\UNC\server\share\m.db`:                                networkDrive,
		`\\?\C:\long\m.db`:                                         "",
		"/home/jane/work/m.db":                                     "",
		"/home/jane/onedrivers/box-sets/my drives/m.db":            "",
		"relative/m.db":                                            "",
	} {
		if got := syncedByName(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestSyncFolderOfFilesThatDoNotExistAndOfLinks(t *testing.T) {
	dir := t.TempDir()
	if got := SyncFolder(filepath.Join(dir, "none", "m.db")); got != "" {
		t.Errorf("a folder of its own: %q", got)
	}
	if got := SyncFolder(filepath.Join(dir, "Dropbox", "none", "m.db")); got != "Dropbox" {
		t.Errorf("below one: %q", got)
	}
	if err := os.Mkdir(filepath.Join(dir, "OneDrive"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("OneDrive", filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	if got := SyncFolder(filepath.Join(dir, "alias", "m.db")); got != "OneDrive" {
		t.Errorf("by a link: %q", got)
	}
}
