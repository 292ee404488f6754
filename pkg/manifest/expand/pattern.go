package expand

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/unicode/norm"
)

// pattern is a glob over paths below a root. Letters match in any Unicode form.
// Capitals count, but for the ending of a file: *.pdf matches A.PDF.
type pattern struct {
	glob string // NFC
	base string // the folder that all matches are in, "" for the root itself
}

func newPattern(glob string) pattern {
	glob = strings.TrimRight(nfc(glob), "/")
	base, _ := doublestar.SplitPattern(glob)
	if base == "." {
		base = ""
	}
	return pattern{glob, base}
}

// match reports whether the pattern takes a path, which is in NFC.
func (p pattern) match(file string) bool {
	if doublestar.MatchUnvalidated(p.glob, file) {
		return true
	}
	ext := path.Ext(file)
	if ext == "" {
		return false
	}
	stem := strings.TrimSuffix(file, ext)
	for _, other := range [...]string{strings.ToLower(ext), strings.ToUpper(ext)} {
		if other != ext && doublestar.MatchUnvalidated(p.glob, stem+other) {
			return true
		}
	}
	return false
}

// takes reports whether p matches the file, or a folder that it is in.
func (p pattern) takes(file string) bool {
	if p.match(file) {
		return true
	}
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if doublestar.MatchUnvalidated(p.glob, dir) {
			return true
		}
	}
	return false
}

// mayReach reports whether something below a folder could match.
func (p pattern) mayReach(dir string) bool {
	if strings.Contains(p.glob, "**") || strings.Contains(p.glob, "{") {
		return true
	}
	return strings.Count(dir, "/")+1 <= strings.Count(p.glob, "/")
}

// names reports whether the pattern itself names what [LeftOut] passes over: a
// folder that it begins with, or the beginning of the file's name.
func (p pattern) names(file string) bool {
	last := p.glob[strings.LastIndexByte(p.glob, '/')+1:]
	if strings.HasPrefix(last, ".") || strings.HasPrefix(last, "~$") {
		return true
	}
	return p.base != "" && LeftOut(p.base+"/x") != "" && LeftOut(strings.TrimPrefix(file, p.base+"/")) == ""
}

func nfc(s string) string { return norm.NFC.String(s) }
