package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Root is a named place where files are.
type Root struct {
	Name string // two letters or more
	Kind RootKind
	// Location is the place without a slash at its end: a folder, relative to
	// the manifest's, or https://host/prefix, s3://bucket/prefix, remote:path.
	// "" when it is unusable, which has been reported.
	Location string
	Pos      Pos
}

// RootKind says what a place is and who reads it.
type RootKind int

const (
	RootFolder RootKind = iota // of this machine
	RootWeb                    // https://
	RootS3                     // s3://bucket/prefix
	RootRclone                 // remote:path, by the user's rclone
)

// String is the kind's name: folder, web, s3 or rclone.
func (k RootKind) String() string {
	switch k {
	case RootWeb:
		return "web"
	case RootS3:
		return "s3"
	case RootRclone:
		return "rclone"
	default:
		return "folder"
	}
}

// reservedRoots would be taken for the scheme of a URL.
var reservedRoots = []string{"http", "https", "file", "s3"}

// ReservedRoot reports whether a root cannot have this name, although its form
// is fine.
func ReservedRoot(name string) bool { return slices.Contains(reservedRoots, strings.ToLower(name)) }

func (h *headerReader) roots(v Value) {
	if v.Kind != MapValue {
		h.d.wrong(v, "a mapping: {decks: ./content/decks}")
		return
	}
	for _, m := range v.Map {
		h.d.field = "roots." + m.Key
		if !rootName.MatchString(m.Key) || ReservedRoot(m.Key) {
			h.d.ps.add(CodeRoot, m.Pos, fmt.Sprintf("%q cannot be the name of a root", clip(m.Key)), "use two or more letters, digits, - or _, beginning with a letter; not http, https, file or s3")
			continue
		}
		root := Root{Name: m.Key, Pos: m.Pos}
		if s, ok := h.d.text(m.Value); ok {
			h.rootPlace(&root, strings.TrimSpace(s), m.Value.Pos, v.Map)
		}
		h.m.Roots = append(h.m.Roots, root) // with a bad place too: its name is known
	}
}

// rootPlace reads where a root is. others are all roots: none lies in another.
func (h *headerReader) rootPlace(root *Root, s string, pos Pos, others []Member) {
	bad := func(what, fix string) {
		h.d.ps.add(CodeRoot, pos, fmt.Sprintf("root %q %s", root.Name, what), fix)
	}
	slashed := strings.ReplaceAll(s, `\`, "/")
	switch {
	case s == "" || strings.ContainsFunc(s, unicode.IsControl):
		bad("names no place", "write a path, for instance ./content")
		return
	case schemeForm.MatchString(s):
		at, what, fix := parseURL(s)
		if what == "" && at.query {
			what, fix = "has a query", "write the address without what follows the ?"
		}
		if what != "" {
			bad(what, fix)
			return
		}
		root.Kind, root.Location = at.kind, strings.TrimRight(s, "/")
	case isRemote(slashed):
		name, rest, _ := strings.Cut(slashed, ":")
		if slices.ContainsFunc(others, func(m Member) bool { return m.Key == name }) {
			bad(fmt.Sprintf("lies in root %q", name), "write its whole place; if a remote of rclone is meant, give the root of the same name another one")
			return
		}
		root.Kind, root.Location = RootRclone, name+":"+strings.TrimRight(rest, "/")
		if strings.HasPrefix(rest, "/") && root.Location == name+":" {
			root.Location += "/"
		}
	default:
		root.Location = cleanPath(slashed)
	}
	h.d.later("place."+root.Kind.String(), pos)
}

// isRemote reports whether an address is remote:path, as rclone has it. A
// drive has one letter only, and spaces follow colons in names of files.
func isRemote(s string) bool {
	m := rootForm.FindStringSubmatch(s)
	return m != nil && remoteName.MatchString(m[1]) && !strings.HasPrefix(m[2], " ")
}

// cleanPath is path.Clean that leaves //server/share alone.
func cleanPath(s string) string {
	if strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "///") {
		return "/" + path.Clean(s)
	}
	return path.Clean(s)
}
