package view

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// Verify shows differences as they are found and the totals at the end. All forms
// are lines; the JSON form is one event a line.
type Verify struct {
	out       io.Writer
	format    string
	separator rune
	table     *csv.Writer // of the CSV form, once it has begun
	write     func(cells ...string) error
}

// NewVerify shows on out in a format: text, json or csv, with a separator.
func NewVerify(out io.Writer, format string, separator rune) *Verify {
	return &Verify{out: out, format: format, separator: separator}
}

// Add shows a difference.
func (v *Verify) Add(d pipeline.Difference) error {
	switch v.format {
	case "json":
		return WriteJSON(v.out, struct {
			Type       string          `json:"type"`
			ExternalID string          `json:"externalId"`
			Key        string          `json:"key,omitempty"`
			AssetID    string          `json:"assetId,omitempty"`
			Kind       string          `json:"kind"`
			Field      string          `json:"field,omitempty"`
			Want       json.RawMessage `json:"want,omitempty"`
			Got        json.RawMessage `json:"got,omitempty"`
			Text       string          `json:"text,omitempty"`
		}{"difference", d.ExternalID, d.Key, d.AssetID, d.Kind, d.Field, d.Want, d.Got, d.Text})
	case "csv":
		if err := v.begin(); err != nil {
			return err
		}
		text := d.Text
		if d.Key != "" {
			text = strings.TrimSuffix(categoryName(d.Key)+": "+text, ": ")
		}
		return v.write(d.ExternalID, d.AssetID, d.Kind, d.Field, string(d.Want), string(d.Got), text)
	}
	out := &printer{w: v.out}
	text := Clean(d.ExternalID)
	if d.Key != "" {
		text = Clean(categoryName(d.Key))
	}
	switch {
	case d.Field != "" && d.Kind != pipeline.DiffContent: // the text has the same values in full
		text += fmt.Sprintf(": %s is %s, wanted %s", Clean(d.Field), short(d.Got), short(d.Want))
	case d.Text != "":
		text += fmt.Sprintf(": %s (%s)", Clean(d.Kind), Clean(d.Text))
	default:
		text += ": " + Clean(d.Kind)
	}
	out.line("%s", text)
	return out.err
}

func categoryName(key string) string { return "tag category " + key }

// begin writes the header of the CSV form.
func (v *Verify) begin() (err error) {
	if v.table != nil {
		return nil
	}
	if v.table, v.write, err = newTable(v.out, v.separator); err != nil {
		return err
	}
	return v.write("externalId", "assetId", "kind", "field", "want", "got", "text")
}

// Flush writes what the CSV form still holds, at least its header.
func (v *Verify) Flush() error {
	if v.format != "csv" {
		return nil
	}
	if err := v.begin(); err != nil {
		return err
	}
	v.table.Flush()
	return v.table.Error()
}

// End shows the totals, which the CSV form has no place for.
func (v *Verify) End(s pipeline.VerifySummary) error {
	if v.format == "json" {
		return WriteJSON(v.out, struct {
			Type    string `json:"type"`
			Version int    `json:"version"`
			pipeline.VerifySummary
		}{"verified", 1, s})
	}
	out := &printer{w: v.out}
	out.line("%s", Verified(s))
	return out.err
}

// Verified is the totals as one line.
func Verified(s pipeline.VerifySummary) string {
	text := fmt.Sprintf("%s of %s as wanted", Count(s.OK), Plural(s.Items, "item", "items"))
	if rest := list(some(s.Different, "different", "different"), some(s.Missing, "missing", "missing"),
		some(s.Unfinished, "unfinished", "unfinished"), some(s.Unchecked, "not compared", "not compared")); rest != "" {
		text += "; " + rest
	}
	if s.Categories > 0 {
		text += fmt.Sprintf("; %s of %s as wanted", Count(s.Categories-s.CategoriesDiffer), Plural(s.Categories, "tag category", "tag categories"))
	}
	if s.ReadBack > 0 {
		text += fmt.Sprintf("; %s read back (%s)", Plural(s.ReadBack, "file", "files"), Bytes(s.Bytes))
	}
	return text
}
