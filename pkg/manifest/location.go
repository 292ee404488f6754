package manifest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	schemeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
	rootForm   = regexp.MustCompile(`^([^/:\\]+):(.*)$`)
	rootName   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]+$`)
	driveForm  = regexp.MustCompile(`^[A-Za-z]:`)
)

// ParseLocation reads a file's address: a path relative to the manifest's
// folder, root:path for a declared root, or an absolute path, with a Windows
// drive too. Backslashes are turned. "." and ".." are worked out by their
// letters; a path that climbs out of its folder is a problem of class [Block],
// everything else that is wrong one of class [Stop]. The problem is nil when
// the address is fine; its position is pos.
func ParseLocation(address string, roots []string, pos Pos) (Location, *Problem) {
	wrong := func(code, what, fix string) (Location, *Problem) {
		return Location{}, new(NewProblem(code, pos, what, fix))
	}
	switch {
	case strings.TrimSpace(address) == "":
		return wrong(CodeAddress, "the file's path is empty", "write a path, for instance content/deck.pptx")
	case strings.ContainsFunc(address, unicode.IsControl):
		return wrong(CodeAddress, fmt.Sprintf("path %q holds a control character", clip(address)), "remove it")
	case schemeForm.MatchString(address):
		scheme, _, _ := strings.Cut(address, "://")
		switch strings.ToLower(scheme) {
		case "http", "https":
			return wrong(CodeNotYet, fmt.Sprintf("files from %s:// are not yet supported by this version", scheme), "download the file and write its path; for a link without a binary write url:")
		case "file":
			return wrong(CodeAddress, "file:// addresses are not read", "write the path alone")
		}
		return wrong(CodeNotYet, fmt.Sprintf("files from %s:// are not yet supported by this version", clip(scheme)), "copy the files into a folder and write the path")
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
	loc := Location{Path: p}
	if m := rootForm.FindStringSubmatch(p); m != nil {
		if !slices.Contains(roots, m[1]) {
			fix := fmt.Sprintf("name it under roots:, or write ./%s if the file's name holds a colon", clip(p))
			if s := Suggest(m[1], roots); s != "" {
				fix = fmt.Sprintf("did you mean %q?", s)
			}
			return wrong(CodeUnknownRoot, fmt.Sprintf("unknown root %q", clip(m[1])), fix)
		}
		loc = Location{Root: m[1], Path: strings.TrimLeft(m[2], "/")}
	}
	loc.Path = path.Clean(loc.Path)
	if loc.Path == "." {
		return wrong(CodeAddress, fmt.Sprintf("%q is a folder", clip(address)), "write the path of a file")
	}
	if loc.Path == ".." || strings.HasPrefix(loc.Path, "../") {
		folder, fix := "the manifest's folder", "name that folder under roots:, for instance roots: {shared: ../shared}, and write shared:path"
		if loc.Root != "" {
			folder = fmt.Sprintf("root %q", loc.Root)
		}
		return loc, new(NewProblem(CodeClimbs, pos, fmt.Sprintf("path %q leaves %s", clip(address), folder), fix))
	}
	return loc, nil
}
