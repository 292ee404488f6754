package expand

import (
	"path"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// LeftOut says why a pattern passes over the file at a slash-separated path that
// it matches: [manifest.LeftHidden], [manifest.LeftTemporary], or "" when it does not. Items that
// name such a file are not asked.
func LeftOut(p string) string {
	why := ""
	for rest := p; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if rest != "" && slices.ContainsFunc(systemFolders, func(s string) bool { return strings.EqualFold(s, name) }) || rest == "" && temporary(name) {
			return manifest.LeftTemporary
		}
		if strings.HasPrefix(name, ".") {
			why = manifest.LeftHidden
		}
	}
	return why
}

// systemFolders hold what systems keep for themselves: of Windows, of archives
// made by macOS, and of network stores.
var systemFolders = []string{"$RECYCLE.BIN", "System Volume Information", "__MACOSX", ".Trashes", ".Spotlight-V100", ".fseventsd", "@eaDir", "#recycle"}

// systemFiles are likewise: "Icon\r" is how macOS names a folder's icon.
var systemFiles = []string{".DS_Store", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"}

// unfinished are the endings of files that are being written.
var unfinished = []string{".tmp", ".temp", ".crdownload", ".partial", ".part", ".download"}

func temporary(name string) bool {
	switch {
	case strings.HasPrefix(name, "~$"), strings.HasPrefix(name, "._"): // lock of Microsoft Office; what macOS keeps beside a file
		return true
	case strings.HasPrefix(name, ".~lock.") && strings.HasSuffix(name, "#"): // lock of LibreOffice
		return true
	}
	return slices.ContainsFunc(systemFiles, func(s string) bool { return strings.EqualFold(s, name) }) ||
		slices.Contains(unfinished, strings.ToLower(path.Ext(name)))
}
