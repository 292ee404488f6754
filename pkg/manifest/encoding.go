package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Encodings are the encodings of tables that may be named, in their canonical
// form. utf-16 is told by its byte order mark.
var Encodings = []string{
	"utf-8", "utf-16", "utf-16le", "utf-16be",
	"windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257",
	"iso-8859-1", "iso-8859-2", "iso-8859-9", "iso-8859-15", "macintosh",
}

// otherEncodings are other names of the same.
var otherEncodings = map[string]string{
	"utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16", "unicode": "utf-16", "utf-16-le": "utf-16le", "utf16le": "utf-16le", "utf-16-be": "utf-16be", "utf16be": "utf-16be",
	"ansi": "windows-1252", "latin1": "iso-8859-1", "latin-1": "iso-8859-1", "latin2": "iso-8859-2", "latin5": "iso-8859-9", "latin9": "iso-8859-15",
	"ascii": "utf-8", "us-ascii": "utf-8", "mac": "macintosh", "macroman": "macintosh", "mac-roman": "macintosh",
}

// encoding reads the name of an encoding in any of its spellings; "": reported.
func (d *decoder) encoding(v Value) string {
	s, ok := d.scalar(v, "an encoding: windows-1252")
	if !ok {
		return ""
	}
	name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), "_", "-")
	for _, old := range []string{"cp", "win-", "win", "windows"} {
		if digits, ok := strings.CutPrefix(name, old); ok && len(digits) == 4 && strings.HasPrefix(digits, "125") {
			name = "windows-" + digits
		}
	}
	if digits, ok := strings.CutPrefix(name, "iso8859-"); ok {
		name = "iso-8859-" + digits
	}
	if other, ok := otherEncodings[name]; ok {
		name = other
	}
	if slices.Contains(Encodings, name) {
		return name
	}
	fix := "write one of " + strings.Join(Encodings, ", ") + ", or save the table as CSV UTF-8"
	if m := didYouMean(name, Encodings); m != "" {
		fix = m
	}
	d.ps.add(CodeEnum, v.Pos, fmt.Sprintf("%s: %q is unknown", d.field, clip(s)), fix)
	return ""
}
