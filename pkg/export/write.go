package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// write writes the manifest and what goes with it.
func (x *exporter) write(ctx context.Context) error {
	with := x.noted > 0
	write := map[string]func(io.Writer) error{
		MappingFile: x.writeMapping,
		ManifestFile: func(w io.Writer) error {
			_, err := io.WriteString(w, x.header(x.plain > 0, x.exact > 0, with, x.sum.Files > 0))
			return err
		},
	}
	if x.plain > 0 {
		write[TableFile] = func(w io.Writer) error { return x.writeTable(w, with) }
	}
	if x.exact > 0 {
		write[ExactFile] = x.writeExact
	}
	if len(x.sum.Left)+len(x.sum.Parts) > 0 {
		write[NotExportedFile] = x.writeLeft
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var err error
	if x.sum.Written, err = x.at.publish(write); err != nil {
		return fmt.Errorf("%s: %w", x.o.Dir, err)
	}
	return nil
}

// coming are the rows of the manifest.
func (x *exporter) coming() func(func(row, error) bool) {
	return func(yield func(row, error) bool) {
		n := 0
		for r, err := range x.rows.all() {
			if err == nil {
				if n++; !x.fates[n-1] {
					continue
				}
				if !x.here[r.Values[primaryColumn].Text] {
					delete(r.Values, primaryColumn)
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (x *exporter) isExact(r *row) bool { return r.Exact || x.o.NDJSON }

func (x *exporter) writeTable(w io.Writer, noted bool) (err error) {
	return x.table(w, func(t Table) error {
		head := columns
		if noted {
			head = append(head[:len(head):len(head)], noteColumn)
		}
		if err := t.Row(head...); err != nil {
			return err
		}
		for r, err := range x.coming() {
			if err != nil {
				return err
			}
			if x.isExact(&r) {
				continue
			}
			cells, _ := r.cells()
			if noted {
				cells = append(cells, r.Item.Note)
			}
			if err := t.Row(cells...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *exporter) writeExact(w io.Writer) error {
	for r, err := range x.coming() {
		if err != nil {
			return err
		}
		if !x.isExact(&r) {
			continue
		}
		line, err := r.line(r.Item.Note)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// writeMapping writes which asset became which row: what a redirect list is made of.
func (x *exporter) writeMapping(w io.Writer) error {
	return x.table(w, func(t Table) error {
		if err := t.Row("externalId", "assetId", "slug", "division", "name", "type", "file", "size", "md5", noteColumn); err != nil {
			return err
		}
		for r, err := range x.coming() {
			if err != nil {
				return err
			}
			it := r.Item
			if err := t.Row(it.ExternalID, it.AssetID, it.Slug, it.Division, it.Name, it.Type, it.File, decimal(it.Size), it.MD5, it.Note); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *exporter) writeLeft(w io.Writer) error {
	return x.table(w, func(t Table) error {
		if err := t.Row("assetId", "externalId", "name", "division", "part", "reason", "detail"); err != nil {
			return err
		}
		for b, err := range x.left.all() {
			var l Left
			if err == nil {
				err = json.Unmarshal(b, &l)
			}
			if err != nil {
				return err
			}
			if err := t.Row(l.AssetID, l.ExternalID, l.Name, l.Division, l.Part, l.Reason, l.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *exporter) table(w io.Writer, rows func(Table) error) error {
	t, err := x.o.NewTable(w)
	if err != nil {
		return err
	}
	return errors.Join(rows(t), t.Close())
}

// header is the manifest: everything but the rows. What a cell leaves empty is empty at
// the service, which the defaults say. Without files there is no folder for a root to name.
func (x *exporter) header(table, exact, noted, files bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# What is in %s (%s): made by `migrate export` on %s.", oneLine(x.o.Of), oneLine(x.selection()), x.o.Now().UTC().Format(time.DateTime+" UTC"))
	line("# Say where it shall go, change what shall be otherwise, and look: `migrate plan manifest.yaml`, then `migrate run manifest.yaml`.")
	line("version: 1")
	line("# target: {subdomain: acme}       # where it shall go: the first part of acme.showpad.com; or set SHOWPAD_SUBDOMAIN")
	if len(x.divisions.asked) > 0 {
		line("division: %s # each row names its own", yamlText(x.divisions.asked[0].label))
	}
	if files {
		line("roots:")
		line("  %s: ./%s                  # if the files move, change this line alone", filesFolder, filesFolder)
	}
	line("createTags: all                  # tags that are not there are made; none refuses them")
	line("defaults:                        # what is empty where it comes from is empty where it goes to")
	line("  description: null")
	for _, name := range []string{"tags", "languages", "countries", "downloadableExternal", "downloadableInternal", "lockedPages"} {
		line("  %s: []", name)
	}
	for _, name := range []string{"releasedAt", "expiresAt", "draftedAt", "enforcedPages"} {
		line("  %s: null", name)
	}
	line("# map:                           # what is called otherwise where it goes to")
	line("#   divisions:")
	for _, d := range x.divisions.asked {
		line("#     %s: %s", yamlText(d.label), yamlText(d.label))
	}
	line("#   fallback: {authors: content-team@example.com}    # for authors who are no users there")
	if len(x.categories) > 0 {
		line("tagCategories:")
		for _, text := range categoryLines(x.categories, "  ", x.divisions.asked[0].label) {
			line("%s", text)
		}
	}
	if !table && !exact {
		line("assets: []")
		return b.String()
	}
	keep := ""
	if noted {
		keep = ", keep: [" + noteColumn + "]"
	}
	line("include:")
	if table {
		line("  - {table: %s%s}", TableFile, keep)
	}
	if exact {
		line("  - {table: %s%s}", ExactFile, keep)
	}
	return b.String()
}

// plainYAML are texts that need no quotes. Words that YAML reads as something else have
// them: null, yes, and the like.
var (
	plainYAML = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ -]*[A-Za-z0-9_]$`)
	wordsYAML = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off)$`)
)

// yamlText is a text as a scalar of YAML.
func yamlText(s string) string {
	if plainYAML.MatchString(s) && !wordsYAML.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// oneLine is text that may stand in a comment.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }), " ")
}
