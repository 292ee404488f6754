package manifest

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // timezones must not depend on the machine
	"unicode"

	"gopkg.in/yaml.v3"
)

// LongList is the length from which an assets list is warned about: YAML keeps
// the whole of it in memory.
const LongList = 20_000

// headerKeys are the keys of a header in the order of the documentation.
var headerKeys = []struct{ name, doc string }{
	{"version", "Form of the manifest; always 1"},
	{"id", "Owner of these items in a state; default: the file's name without its ending"},
	{"timezone", "Where days begin and end, as in Europe/Brussels; needed for dates without a time"},
	{"target", "The tenant"},
	{"division", "Default Division, by name or id"},
	{"roots", "Names for places of files, used as name:path"},
	{"defaults", "Fields of all items: tags are added to, other lists and members of permissions are replaced, null clears"},
	{"map", "Old values to Showpad's"},
	{"createTags", "Whether missing tags are made"},
	{"assets", "Items; they may also stand in further documents and in tables"},
	{"include", "Tables and folders whose rows and files are items"},
	{"tagCategories", "Categories of tags, as a tree; tags are in the lowest ones only"},
	{"myFiles", "Personal files, each sent once into the My Files of a user"},
	{"shares", "Links made once for each key, after their assets are active"},
	{"update", "What a rerun may touch on an asset that exists"},
	{"prune", "What happens to assets that this manifest made and no longer lists"},
}

func isHeaderKey(name string) bool { return slices.Contains(headerKeyNames(), name) }

func headerKeyNames() []string {
	names := make([]string, len(headerKeys))
	for i, k := range headerKeys {
		names[i] = k.name
	}
	return names
}

// ReadHeader reads the first document of the manifest in r. path is its name
// in positions and the place that relative paths start from; nothing is opened.
//
// The problems are those of the header without its items, in the order of
// their places; with one of class [Stop] among them the Manifest is for
// reporting only. The error is [Problems] when there is no header to speak of
// (not YAML, empty, no mapping), or an error of r.
func ReadHeader(r io.Reader, path string) (*Manifest, []Problem, error) {
	return readHeader(r, path, nil)
}

// readHeader is ReadHeader that tells of slips.
func readHeader(r io.Reader, path string, repairs func(Repair)) (*Manifest, []Problem, error) {
	docs := newDocuments(r, path)
	root, err := docs.next()
	if errors.Is(err, io.EOF) {
		return nil, nil, Problems{NewProblem(CodeNoHeader, Pos{File: path, Line: 1}, "the manifest is empty", "begin it with version: 1, or let migrate init write one")}
	}
	if err != nil {
		return nil, nil, err
	}
	h := &headerReader{nodes: nodeReader{file: path}, m: &Manifest{
		Path: path, Dir: filepath.Dir(path), ID: stem(path),
		Target:     Target{Ownership: "local"},
		CreateTags: CreateAllTags,
		Update:     Update{Tags: "add", Metadata: "manifest", File: "changed", Conflicts: "skip"},
	}}
	h.nodes.ps, h.d.repairs = &h.d.ps, repairs
	if root.Kind != yaml.MappingNode {
		return nil, nil, Problems{NewProblem(CodeNoHeader, h.nodes.pos(root), "the manifest does not begin with a header", "begin it with version: 1, then target:, division: and assets: or include:")}
	}
	h.read(root)
	SortProblems(h.d.ps.list)
	return h.m, h.d.ps.list, nil
}

// stem is the name of a file without folder and ending.
func stem(p string) string {
	base := filepath.Base(p)
	if s := strings.TrimSuffix(base, filepath.Ext(base)); s != "" {
		return s
	}
	return base
}

type headerReader struct {
	nodes nodeReader
	d     decoder
	m     *Manifest

	shareAt map[string]Pos // keys of shares, folded
}

func (h *headerReader) read(root *yaml.Node) {
	// Roots and the timezone come first: what follows depends on them.
	values := map[string]Value{}
	versioned := false
	h.nodes.members(root, func(key string, kn, vn *yaml.Node) {
		pos := h.nodes.pos(kn)
		switch {
		case !isHeaderKey(key):
			h.unknown(Member{Key: key, Pos: pos})
		case key == "version":
			versioned = true
			h.version(vn)
		case vn.Kind == yaml.ScalarNode && vn.Tag == "!!null": // key: with nothing is as good as no key
		case key == "assets":
			h.assets(vn)
		default:
			h.d.later(key, pos)
			values[key] = h.nodes.value(vn)
		}
	})
	if !versioned {
		h.d.ps.add(CodeVersion, h.nodes.pos(root), "the header has no version", "write version: 1 as its first line")
	}
	for _, k := range headerKeys {
		if v, ok := values[k.name]; ok && v.Kind != BadValue {
			h.d.field = k.name
			h.value(k.name, v)
		}
	}
}

// headerParts are keys that are known below a key of the header alone.
var headerParts = map[string]string{"conflicts": "update", "metadata": "update", "subdomain": "target", "ownership": "target", "fallback": "map"}

func (h *headerReader) unknown(m Member) {
	if part, ok := headerParts[m.Key]; ok {
		h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs under %s", m.Key, part), fmt.Sprintf("write %s: {%s: ...}", part, m.Key))
		return
	}
	if slices.Contains(itemKeys, m.Key) {
		h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs on an item, not into the header", m.Key), "put the item below assets:, or into a further document after ---")
		return
	}
	if slices.Contains(itemFieldKeys, m.Key) {
		h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs on an item or under defaults", m.Key), fmt.Sprintf("write defaults: {%s: ...}", m.Key))
		return
	}
	if what, ok := cannotMove[strings.ToLower(m.Key)]; ok {
		h.d.ps.add(CodeCannotMove, m.Pos, fmt.Sprintf("key %q: Showpad cannot take %s", m.Key, what), "remove it; see docs/what-moves.md")
		return
	}
	switch Suggest(m.Key, headerKeyNames()) {
	case "division":
		h.m.Division = unusable
	case "timezone":
		h.m.Timezone = time.UTC
	}
	h.d.respell(m.Pos, repairKey, m.Key, headerKeyNames())
	fix := didYouMean(m.Key, headerKeyNames())
	if fix == "" {
		fix = "remove it; the header knows " + strings.Join(headerKeyNames(), ", ")
	}
	h.d.ps.add(CodeUnknownKey, m.Pos, fmt.Sprintf("unknown key %q", clip(m.Key)), fix)
}

// unusable stands for a Division that the header means to name and does not,
// so that this is reported once, not at each item.
const unusable = "(unusable)"

func (h *headerReader) version(n *yaml.Node) {
	v := h.nodes.value(n)
	switch {
	case v.Kind == BadValue:
	case v.Kind == NumberValue && v.Text == "1":
	case v.Kind == TextValue && v.Text == "1":
		h.d.repair(v.Pos, repairPlain, "1", "version is now a number")
		h.d.ps.add(CodeVersion, v.Pos, "version is a text", "write version: 1 without quotes")
	case v.Kind == NumberValue:
		h.d.ps.add(CodeVersion, v.Pos, fmt.Sprintf("version %s is not supported", clip(v.Text)), "write version: 1, or use a newer migrate")
	default:
		h.d.ps.add(CodeVersion, v.Pos, "version is "+v.Kind.String(), "write version: 1")
	}
}

func (h *headerReader) assets(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		h.d.field = "assets"
		h.d.wrong(h.nodes.value(n), "a list: each item begins with a dash")
		return
	}
	if len(n.Content) >= LongList {
		h.d.ps.add(CodeLongList, h.nodes.pos(n), fmt.Sprintf("the assets list has %d items, all of which stay in memory", len(n.Content)), "move them into a table under include:, or separate them by --- lines")
	}
}

var subdomainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (h *headerReader) value(key string, v Value) {
	d := &h.d
	switch key {
	case "id":
		s, ok := d.text(v)
		switch {
		case !ok:
		case s == "" || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) || len([]rune(s)) > MaxExternalID:
			d.ps.add(CodeEmpty, v.Pos, fmt.Sprintf("id %q is unusable", clip(s)), "write 1 to 128 characters without white space around them, or leave the key out")
		default:
			h.m.ID = s
		}
	case "timezone":
		h.timezone(v)
	case "target":
		d.mapping(v, []string{"subdomain", "ownership"}, h.target)
	case "division":
		if h.m.Division = d.division(v); h.m.Division == "" {
			h.m.Division = unusable
		}
	case "roots":
		h.roots(v)
	case "defaults":
		h.defaults(v)
	case "map":
		h.maps(v)
	case "createTags":
		if s, ok := d.enum(v, string(CreateAllTags), string(CreateNoTags)); ok {
			h.m.CreateTags = CreateTags(s)
		}
	case "include":
		if v.Kind != ListValue {
			d.wrong(v, "a list: [{table: inventory.csv}]")
			return
		}
		for _, e := range v.List {
			h.include(e)
		}
	case "tagCategories":
		h.tagCategories(v)
	case "myFiles":
		h.myFiles(v)
	case "shares":
		h.shares(v)
	case "update":
		h.update(v)
	case "prune":
		if s, ok := d.enum(v, "keep", "archive", "delete"); ok {
			h.m.Prune = s
		}
	}
}

func (h *headerReader) timezone(v Value) {
	s, ok := h.d.text(v)
	h.m.Timezone = time.UTC // so that a wrong name is reported once, not at each date
	if !ok {
		return
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		h.d.ps.add(CodeTimezone, v.Pos, fmt.Sprintf("timezone %q is unknown", clip(s)), "write a name such as Europe/Brussels, America/New_York or UTC")
		return
	}
	h.m.Timezone = zone
}

func (h *headerReader) target(m Member) {
	if m.Value.Kind == NullValue {
		return
	}
	h.d.field = "target." + m.Key
	if m.Key == "ownership" {
		if s, ok := h.d.enum(m.Value, "local", "oauth2client"); ok {
			h.m.Target.Ownership = s
		}
		return
	}
	s, ok := h.d.text(m.Value)
	if !ok {
		return
	}
	s = strings.ToLower(strings.TrimSpace(s))
	if !subdomainForm.MatchString(s) {
		if g := addressForm.FindStringSubmatch(s); g != nil {
			h.d.repair(m.Value.Pos, repairPlain, g[1], "the subdomain alone: %s", g[1])
		}
		h.d.ps.add(CodeTarget, m.Value.Pos, fmt.Sprintf("subdomain %q is unusable", clip(s)), "write the first part of the address alone: acme for acme.showpad.biz")
		return
	}
	h.m.Target.Subdomain = s
}

func (h *headerReader) defaults(v Value) {
	if v.Kind != MapValue {
		h.d.wrong(v, "a mapping of fields")
		return
	}
	h.d.zone = h.m.Timezone
	var known []string
	for _, k := range itemFieldKeys {
		if k != "name" && k != "keep" {
			known = append(known, k)
		}
	}
	for _, m := range v.Map {
		h.d.field = m.Key
		switch {
		case m.Key == "name" || slices.Contains(itemKeys, m.Key) && m.Key != "division" || m.Key == "keep" || m.Key == "localization":
			h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q cannot be a default", m.Key), "write it on the items")
		case isHeaderKey(m.Key):
			h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs into the header, not under defaults", m.Key), "move it out of defaults:")
		case m.Key == "tags" && m.Value.Kind == MapValue:
			h.d.ps.add(CodeMisplaced, m.Value.Pos, "{replace: ...} has a meaning on items only", "write a list")
		case h.d.managed(m, &h.m.Defaults, nil):
		case fieldIndex["permissions."+m.Key] != 0:
			h.d.ps.add(CodeMisplaced, m.Pos, fmt.Sprintf("key %q belongs under permissions", m.Key), fmt.Sprintf("write permissions: {%s: ...}", m.Key))
		default:
			h.d.unknown(m, known)
		}
	}
}

func (h *headerReader) update(v Value) {
	u := &h.m.Update
	h.d.mapping(v, []string{"tags", "metadata", "file", "conflicts"}, func(m Member) {
		if m.Value.Kind == NullValue {
			return
		}
		h.d.field = "update." + m.Key
		set := func(to *string, words ...string) {
			if s, ok := h.d.enum(m.Value, words...); ok {
				*to = s
			}
		}
		switch m.Key {
		case "tags":
			set(&u.Tags, "add", "replace", "keep")
		case "metadata":
			set(&u.Metadata, "manifest", "keep")
		case "file":
			set(&u.File, "changed", "keep")
		case "conflicts":
			set(&u.Conflicts, "skip", "overwrite")
		}
	})
}
