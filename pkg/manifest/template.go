package manifest

import (
	"errors"
	"strings"
)

// Template is text with names of columns in braces: "{Folder}/{File}". A brace
// that is meant is doubled.
type Template []TemplatePart

// TemplatePart is a piece of text or, with Column set, a column's name.
type TemplatePart struct {
	Text   string
	Column string
}

// ParseTemplate reads a template. The error says what is wrong, in few words.
func ParseTemplate(s string) (Template, error) {
	var t Template
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c:
			text.WriteByte(c)
			i++
		case c == '}':
			return nil, errors.New("a } without its {")
		case c == '{':
			n := strings.IndexAny(s[i+1:], "{}")
			if n < 0 || s[i+1+n] == '{' {
				return nil, errors.New("a { without its }")
			}
			name := strings.TrimSpace(s[i+1 : i+1+n])
			if name == "" {
				return nil, errors.New("{} names no column")
			}
			if text.Len() > 0 {
				t = append(t, TemplatePart{Text: text.String()})
				text.Reset()
			}
			t = append(t, TemplatePart{Column: name})
			i += n + 1
		default:
			text.WriteByte(c)
		}
	}
	if text.Len() > 0 {
		t = append(t, TemplatePart{Text: text.String()})
	}
	return t, nil
}

// Expand fills in the columns. It is "" when every column is empty.
func (t Template) Expand(cell func(column string) string) string {
	var b strings.Builder
	any, columns := false, false
	for _, p := range t {
		b.WriteString(p.Text)
		if p.Column != "" {
			columns = true
			s := cell(p.Column)
			any = any || s != ""
			b.WriteString(s)
		}
	}
	if columns && !any {
		return ""
	}
	return b.String()
}
