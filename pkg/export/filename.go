package export

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// What a name of a file or folder may have, so that every file system takes it
	// with room for a mark that tells it from another one. Source: NTFS, APFS and ext4
	// take 255 UTF-16 units, UTF-16 units and bytes.
	maxFileRunes = 120
	maxFileBytes = 220
	maxExtension = 24 // bytes of an ending that is kept when a name is cut
)

// reservedNames are devices on Windows, whatever their ending.
// Source: Microsoft, "Naming Files, Paths, and Namespaces".
var reservedNames = func() map[string]bool {
	m := map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true}
	for _, d := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u00b9", "\u00b2", "\u00b3"} {
		m["com"+d], m["lpt"+d] = true, true
	}
	return m
}()

// safeName is a name for a file that Windows, macOS and Linux take: what one of them
// refuses becomes an underscore, and long names are cut. A manifest appends the ending
// of a file to a name that lacks it, so one that name does not end in is no ending any
// more.
func safeName(name string) string {
	name = strings.TrimSpace(norm.NFC.String(name))
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || strings.ContainsRune(`<>:"/\|?*`, r) || r == '\u2028' || r == '\u2029' {
			return '_'
		}
		return r
	}, name)
	s = trimName(s)
	if utf8.RuneCountInString(s) > maxFileRunes || len(s) > maxFileBytes {
		stem, ext := splitName(s)
		if len(ext) > maxExtension {
			stem, ext = s, ""
		}
		s = trimName(cut(stem, maxFileRunes-utf8.RuneCountInString(ext), maxFileBytes-len(ext))) + ext
	}
	if s == "" {
		s = "_"
	}
	if stem, _, _ := strings.Cut(s, "."); reservedNames[strings.ToLower(strings.TrimRight(stem, " "))] {
		s = "_" + s
	}
	for {
		stem, ext := splitName(s)
		if ext == "" || len(name) > len(ext) && strings.EqualFold(name[len(name)-len(ext):], ext) {
			return s
		}
		s = stem + "_" + ext[1:]
	}
}

// trimName takes off what Windows drops from the end of a name.
func trimName(s string) string {
	return strings.TrimRightFunc(s, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// splitName parts a name from its ending, as a manifest does.
func splitName(s string) (stem, ext string) {
	ext = path.Ext(s)
	if ext == s || ext == "." {
		return s, ""
	}
	return s[:len(s)-len(ext)], ext
}

// cut is the beginning of s that has at most so many runes and bytes.
func cut(s string, runes, bytes int) string {
	end := 0
	for i, r := range s {
		n := i + utf8.RuneLen(r)
		if runes--; runes < 0 || n > bytes {
			break
		}
		end = n
	}
	return s[:end]
}

// places gives each file a place of its own below a folder, whatever file systems
// take for the same name: 8 bytes for each.
type places struct {
	used map[uint64]struct{}
	fold cases.Caser
}

func newPlaces() *places { return &places{used: map[uint64]struct{}{}, fold: cases.Fold()} }

// take is a free place for a file of that name in folder. Of several that differ in
// nothing that counts, all but the first are marked by a digest of id, which is theirs
// alone.
func (p *places) take(folder, name, id string) string {
	safe := safeName(name)
	stem, ext := splitName(safe)
	sum := sha256.Sum256([]byte(id))
	mark := hex.EncodeToString(sum[:])
	for n := 0; ; n += 8 {
		s := safe
		if n > 0 {
			s = stem + "~" + mark[:min(n, len(mark))] + ext
		}
		at := folder + "/" + s
		h := fnv.New64a()
		h.Write([]byte(norm.NFC.String(p.fold.String(at))))
		if _, taken := p.used[h.Sum64()]; !taken || n > len(mark) {
			p.used[h.Sum64()] = struct{}{}
			return at
		}
	}
}
