package manifest

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName is the longest name, in characters. Source: ASSUME, undocumented.
const maxName = 255

// AssetName is the name that the asset of item shall have, in NFC. It is the
// name the item gives, or the file's. The file's own extension is appended
// unless the name ends in it, whatever the case; the name of a URL asset ends
// in .url. Source: v4 postAssets.
func AssetName(item Item) string {
	name := item.Fields.Name.Value
	if item.URL != "" {
		if name == "" {
			name = urlName(item.URL)
		}
		return normalName(withExtension(name, ".url"))
	}
	base := item.Location.Base()
	if name == "" {
		return normalName(base)
	}
	return normalName(withExtension(name, extension(base)))
}

// extension is that of a file's name with its dot; ".profile" has none.
func extension(base string) string {
	ext := path.Ext(base)
	if ext == base || ext == "." {
		return ""
	}
	return ext
}

func withExtension(name, ext string) string {
	if ext == "" || len(name) > len(ext) && strings.EqualFold(name[len(name)-len(ext):], ext) {
		return name
	}
	return name + ext
}

// urlName is a name for a URL without one: the last part of its path, or its host.
func urlName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "link"
	}
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, path.Base("/"+u.Path))
	name = strings.TrimSpace(name)
	if name == "" || name == "/" || name == "." {
		name = u.Hostname()
	}
	if r := []rune(name); len(r) > maxName-len(".url") {
		name = string(r[:maxName-len(".url")])
	}
	return name
}

func normalName(s string) string { return strings.TrimSpace(norm.NFC.String(s)) }

// nameWrong says what is wrong with a name, or "".
func nameWrong(s string) string {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return "is empty"
	case n > maxName:
		return fmt.Sprintf("%q has %d characters", clip(s), n)
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Sprintf("%q holds a control character", clip(s))
	}
	return ""
}
