package scan

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// Columns are those of an inventory: names of fields.
func Columns() []string {
	return []string{"externalId", "file", "name", "description", "division", "tags", "languages", "countries", "authors", "releasedAt", "expiresAt"}
}

// Cells are the row in the order of [Columns]; what nobody knows is empty.
func (r Row) Cells() []string {
	tags := strings.Join(r.Tags, "; ")
	if tags == "null" || tags == "[]" {
		tags += ";" // else the cell would mean nothing
	}
	return []string{r.ExternalID, r.File, r.Name, "", "", tags, "", "", "", "", ""}
}

// Manifest is what a proposed manifest says.
type Manifest struct {
	Of      string // the place or table that was scanned
	Root    *Root  // nil: none
	Maps    []Map
	Include []string // lines of the include, without its indentation
	Zone    bool     // dates need a time zone
}

// Root is a place under the manifest's roots.
type Root struct{ Name, Place, Comment string }

// Map is a map that stands in a file of its own.
type Map struct {
	Name    string // as in "tags"
	File    string
	Comment string
}

// Write writes the manifest with comments for the one who completes it.
func (m Manifest) Write(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	// commented pads to a column, as people write comments below each other.
	commented := func(text, comment string) {
		if comment == "" {
			line("%s", text)
			return
		}
		line("%-33s # %s", text, comment)
	}
	line("# What should be in Showpad: made by `migrate scan` of %s.", oneLine(m.Of))
	line("# `migrate lint manifest.yaml` shows what is wrong with it, `migrate plan manifest.yaml --sandbox` what would happen.")
	line("version: 1")
	line("")
	commented("# target: {subdomain: acme}", "the first part of acme.showpad.com; or set SHOWPAD_SUBDOMAIN")
	commented("division: Marketing", "where the files go, by name or id: write yours; a row may name another one")
	if m.Zone {
		commented("timezone: Etc/UTC", "where days begin and end, as in Europe/Brussels: dates come without a time")
	} else {
		commented("# timezone: Europe/Brussels", "needed when a date comes without a time")
	}
	if m.Root != nil {
		line("roots:")
		commented(fmt.Sprintf("  %s: %s", m.Root.Name, YAML(m.Root.Place)), m.Root.Comment)
	}
	line("")
	commented("# defaults:", "for every file that does not say otherwise")
	line("#   tags: [Migrated]")
	line("#   languages: [en]")
	line("#   authors: [content-team@example.com]")
	line("#   permissions: {isShareable: true, isAnnotatable: true}")
	if len(m.Maps) > 0 {
		line("")
		commented("map:", "what old values are called in Showpad; an empty cell under \"to\" drops a value")
		for _, vm := range m.Maps {
			commented(fmt.Sprintf("  %s: %s", vm.Name, vm.File), vm.Comment)
		}
	}
	line("")
	line("include:")
	for i, text := range m.Include {
		if i == 0 {
			line("  - %s", text)
			continue
		}
		line("    %s", text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plainYAML are texts that need no quotes, in lists and mappings too.
var plainYAML = regexp.MustCompile(`^(\./|\.\./|/)?[A-Za-z][A-Za-z0-9_./ -]*[A-Za-z0-9_./]$`)

// YAML is a text as a scalar of YAML.
func YAML(s string) string {
	if plainYAML.MatchString(s) && !reservedYAML[strings.ToLower(s)] {
		return s
	}
	return doubleQuoted(s)
}

func doubleQuoted(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // to a builder: cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

var reservedYAML = map[string]bool{"true": true, "false": true, "null": true, "yes": true, "no": true, "on": true, "off": true}

// oneLine is text that may stand in a comment.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
}

// RootName is a name for a root, made of the last part of a place; "files" where
// that gives none.
func RootName(place string) string {
	place = strings.TrimRight(strings.ReplaceAll(place, `\`, "/"), "/")
	place = place[strings.LastIndexAny(place, "/:")+1:]
	var b strings.Builder
	for _, r := range strings.ToLower(place) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0, r == '_' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.TrimRight(b.String(), "-")
	if r := []rune(name); len(r) > maxRoot {
		name = strings.TrimRight(string(r[:maxRoot]), "-")
	}
	if len(name) < 2 || manifest.ReservedRoot(name) {
		return "files"
	}
	return name
}

// maxRoot keeps the names of roots short: external IDs begin with them.
const maxRoot = 24
