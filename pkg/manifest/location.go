package manifest

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Location is a file's address after the manifest's rules: backslashes turned,
// the root's name taken off.
type Location struct {
	Root string // name of a root; "" is the manifest's own folder, or no root at all
	// Path is slash-separated and relative to the root. Without one it is, by
	// Kind: relative to the manifest's folder or Abs; a whole URL; bucket/key;
	// remote:path.
	Path string
	Abs  bool     // Path is absolute (or has a Windows drive) and Root is ""
	Kind RootKind // who reads it
}

// String is the address as people write it: "decks:q3/sales.pptx". It is
// stable and serves as the source's name in records and reports. Of a web
// address it leaves out what may be a signature: two addresses may have the same
// name, see [Location.Key].
func (l Location) String() string {
	switch {
	case l.Root != "":
		return l.Root + ":" + l.Path
	case l.Kind == RootS3:
		return "s3://" + l.Path
	case l.Kind == RootWeb:
		return shownURL(l.Path)
	default:
		return l.Path
	}
}

// Key is String for what must not take one file for another: two addresses have
// the same key only if they are the same.
func (l Location) Key() string {
	name := l.String()
	if l.Root == "" && l.Kind == RootWeb && name != l.Path {
		return name + " " + digest(l.Path)
	}
	return name
}

// Base is the file's name: the last part of its path, of a URL without query
// and with its escapes taken back.
func (l Location) Base() string {
	p := l.Path
	if l.Root == "" {
		switch l.Kind {
		case RootWeb:
			if u, err := url.Parse(p); err == nil {
				p = u.Path
			}
		case RootRclone:
			_, p, _ = strings.Cut(p, ":")
		}
	}
	return path.Base(p)
}

var (
	schemeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	rootForm   = regexp.MustCompile(`^([^/:\\]+):(.*)$`)
	rootName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]+$`)
	driveForm  = regexp.MustCompile(`^[A-Za-z]:`)

	// remoteName is a name that rclone takes, of two letters or more.
	// Source: rclone's documentation, "Valid remote names".
	remoteName = regexp.MustCompile(`^[\p{L}\p{N}_.+@][\p{L}\p{N}_.+@ -]*[\p{L}\p{N}_.+@-]$`)
)

// ParseLocation reads a file's address: a path relative to the manifest's
// folder, root:path for a declared root, an absolute path, with a Windows drive
// too, https://, s3://bucket/key, or remote:path for a remote of rclone.
// Backslashes of paths are turned. "." and ".." are worked out by their letters;
// a path that climbs out of its folder is a problem of class [Block],
// everything else that is wrong one of class [Stop]. The problem is nil when
// the address is fine; its position is pos.
func ParseLocation(address string, roots []Root, pos Pos) (Location, *Problem) {
	wrong := func(code, what, fix string) (Location, *Problem) {
		return Location{}, new(NewProblem(code, pos, what, fix))
	}
	switch {
	case strings.TrimSpace(address) == "":
		return wrong(CodeAddress, "the file's path is empty", "write a path, for instance content/deck.pptx")
	case strings.ContainsFunc(address, unicode.IsControl):
		return wrong(CodeAddress, fmt.Sprintf("path %q holds a control character", clip(address)), "remove it")
	case schemeForm.MatchString(address):
		at, what, fix := parseURL(address)
		if what == "" && (at.path == "" || strings.HasSuffix(at.path, "/")) {
			what, fix = "names no file", "write the address of a file"
		}
		if what != "" {
			return wrong(CodeAddress, fmt.Sprintf("%q %s", withoutQuery(address), what), fix)
		}
		if at.kind == RootS3 {
			return Location{Path: address[len("s3://"):], Kind: RootS3}, nil
		}
		return Location{Path: address, Kind: RootWeb}, nil
	}
	p := strings.ReplaceAll(address, `\`, "/")
	if driveForm.MatchString(p) && len(p) >= 2 {
		if len(p) < 4 || p[2] != '/' {
			return wrong(CodeAddress, fmt.Sprintf("%q names a drive without a path from its top", clip(address)), `write it whole: C:\folder\file`)
		}
		return Location{Path: p[:2] + path.Clean(p[2:]), Abs: true}, nil
	}
	if strings.HasPrefix(p, "/") {
		clean := path.Clean(p)
		if strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "///") {
			clean = "/" + clean // a Windows share: //server/share/file
		}
		if strings.Trim(clean, "/") == "" {
			return wrong(CodeAddress, fmt.Sprintf("%q is a folder", clip(address)), "write the path of a file")
		}
		return Location{Path: clean, Abs: true}, nil
	}
	loc, problem := splitRoot(p, roots, pos)
	if problem != nil {
		return Location{}, problem
	}
	prefix := ""
	if loc.Kind == RootRclone && loc.Root == "" {
		prefix, loc.Path, _ = strings.Cut(loc.Path, ":")
		if prefix += ":"; strings.HasPrefix(loc.Path, "/") {
			prefix += "/" // an absolute path at the remote is another one
		}
		loc.Path = strings.TrimLeft(loc.Path, "/")
	}
	loc.Path = path.Clean(loc.Path)
	if loc.Path == "." {
		return wrong(CodeAddress, fmt.Sprintf("%q is a folder", clip(address)), "write the path of a file")
	}
	if loc.Path == ".." || strings.HasPrefix(loc.Path, "../") {
		folder, fix := "the manifest's folder", "name that folder under roots:, for instance roots: {shared: ../shared}, and write shared:path"
		if loc.Root != "" {
			folder = fmt.Sprintf("root %q", loc.Root)
		} else if prefix != "" {
			folder, fix = fmt.Sprintf("remote %q", prefix), "write the path from the remote's top"
		}
		return loc, new(NewProblem(CodeClimbs, pos, fmt.Sprintf("path %q leaves %s", clip(address), folder), fix))
	}
	loc.Path = prefix + loc.Path
	return loc, nil
}

// splitRoot takes the name of a root off a path. What stands before a colon and
// is no root's name is a remote of rclone, unless it looks like a misspelt root
// or like a part of a file's name.
func splitRoot(p string, roots []Root, pos Pos) (Location, *Problem) {
	m := rootForm.FindStringSubmatch(p)
	if m == nil {
		return Location{Path: p}, nil
	}
	name, rest := m[1], m[2]
	var names []string
	for _, r := range roots {
		if r.Name == name {
			return Location{Root: name, Path: strings.TrimLeft(rest, "/"), Kind: r.Kind}, nil
		}
		names = append(names, r.Name)
	}
	meant := Suggest(name, names)
	if meant == "" && isRemote(p) {
		return Location{Path: p, Kind: RootRclone}, nil
	}
	fix := fmt.Sprintf("name it under roots:, or write ./%s if the file's name holds a colon", clip(p))
	if meant != "" {
		fix = fmt.Sprintf("did you mean %q? A remote of rclone with so similar a name needs a root of its own", meant)
	}
	return Location{}, new(NewProblem(CodeUnknownRoot, pos, fmt.Sprintf("unknown root %q", clip(name)), fix))
}

// urlParts is what matters of an address with a scheme.
type urlParts struct {
	kind  RootKind
	path  string // what follows the host or bucket, without the slash between
	query bool
}

// parseURL reads an https:// or s3:// address; what says why it is unusable.
// Plain http:// is for this machine alone.
func parseURL(address string) (at urlParts, what, fix string) {
	if strings.ContainsFunc(address, unicode.IsControl) || strings.TrimSpace(address) != address {
		return at, "holds a control character, or white space around it", "remove it"
	}
	scheme, rest, _ := strings.Cut(address, "://")
	switch strings.ToLower(scheme) {
	case "s3":
		bucket, key, _ := strings.Cut(rest, "/")
		if scheme != "s3" || bucket == "" || strings.ContainsAny(bucket, " ?#@:") {
			return at, "names no bucket", "write s3://bucket/path"
		}
		return urlParts{kind: RootS3, path: key}, "", ""
	case "file":
		return at, "is a file:// address, which is not read", "write the path alone"
	case "http", "https":
	default:
		return at, "has a scheme that is not read", "write https://, s3://bucket/path, or remote:path for a remote of rclone"
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "":
		return at, "is no complete web address", "write it as in a browser: https://www.example.com/deck.pdf"
	case u.User != nil:
		return at, "holds a user's name or password", "take it out: a manifest is no place for secrets"
	case strings.Contains(address, "#"):
		return at, "holds a #, after which a web address names no file", "remove it and what follows; a # that belongs to the file's name is written %23"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return at, "is not encrypted on its way", "write https://"
	}
	return urlParts{kind: RootWeb, path: strings.TrimPrefix(u.EscapedPath(), "/"), query: u.RawQuery != "" || u.ForceQuery}, "", ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// withoutQuery is an address as it may be shown: queries hold signatures, and
// what stands before an @ holds passwords.
func withoutQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	scheme, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndex(host, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return clip(scheme + "://" + rest)
}

// ParseGlob reads the pattern of a files include: a glob under a declared root,
// or under the manifest's folder. Path of the result is the pattern. The
// problem, of class [Stop], is nil when it is fine.
func ParseGlob(pattern string, roots []Root, pos Pos) (Location, *Problem) {
	wrong := func(code, what, fix string) (Location, *Problem) {
		return Location{}, new(NewProblem(code, pos, what, fix))
	}
	p := strings.ReplaceAll(pattern, `\`, "/")
	switch {
	case strings.TrimSpace(p) == "":
		return wrong(CodeInclude, "files names no pattern", `write a root and a pattern: "decks:**/*.pdf"`)
	case strings.ContainsFunc(p, unicode.IsControl):
		return wrong(CodeInclude, fmt.Sprintf("pattern %q holds a control character", clip(pattern)), "remove it")
	case schemeForm.MatchString(p) || driveForm.MatchString(p) || strings.HasPrefix(p, "/"):
		return wrong(CodeInclude, fmt.Sprintf("pattern %q begins with a place", clip(pattern)), `name the place under roots:, and write "name:**/*.pdf"`)
	}
	loc := Location{Path: p}
	if m := rootForm.FindStringSubmatch(p); m != nil {
		i := slices.IndexFunc(roots, func(r Root) bool { return r.Name == m[1] })
		if i < 0 {
			fix := `declare it under roots:, a remote of rclone too: roots: {` + "sp: \"remote:path\"" + `}`
			var names []string
			for _, r := range roots {
				names = append(names, r.Name)
			}
			if s := didYouMean(m[1], names); s != "" {
				fix = s
			}
			return wrong(CodeUnknownRoot, fmt.Sprintf("unknown root %q", clip(m[1])), fix)
		}
		loc = Location{Root: m[1], Path: strings.TrimLeft(m[2], "/"), Kind: roots[i].Kind}
	}
	for strings.HasPrefix(loc.Path, "./") {
		loc.Path = strings.TrimLeft(loc.Path[2:], "/")
	}
	if what := patternWrong(loc.Path); what != "" {
		return wrong(CodeInclude, fmt.Sprintf("pattern %q %s", clip(pattern), what), `write one such as "decks:**/*.pdf": * is a name, ** any folders, {a,b} one of several`)
	}
	return loc, nil
}
