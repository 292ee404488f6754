package showpad

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// UnmarshalJSON reads an asset leniently and keeps all its members in Raw. As
// [json.Unmarshaler] has it, b is valid JSON: it is gone through once, for a run
// decodes every asset twice.
func (a *Asset) UnmarshalJSON(b []byte) error { return a.readOwn(bytes.Clone(b)) }

// readOwn is UnmarshalJSON of a body that nobody else changes, and that is not
// much larger than the asset.
func (a *Asset) readOwn(b []byte) error {
	raw, ok := readObject(b)
	if !ok {
		m := map[string]json.RawMessage{}
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		raw = ObjectOf(m)
	}
	*a = Asset{
		ID: word(raw.Get("id")), ExternalID: word(raw.Get("externalId")), Name: word(raw.Get("name")), Status: word(raw.Get("status")),
		Type: word(raw.Get("type")), Slug: word(raw.Get("slug")), Checksum: strings.ToLower(word(raw.Get("checksum"))),
		CreatedAt: stamp(raw.Get("createdAt")), UpdatedAt: stamp(raw.Get("updatedAt")), LastUploadedAt: stamp(raw.Get("lastUploadedAt")),
		IsArchived: string(raw.Get("isArchived")) == "true", Raw: raw,
	}
	a.Division = refOf(raw.Get("division"))
	if file := refOf(raw.Get("currentFile")); file.ID != "" {
		a.CurrentFile = &file
	}
	if size := raw.Get("size"); size != nil {
		var n lenientInt
		if err := n.UnmarshalJSON(size); err != nil {
			return err
		}
		a.Size = n.n
	}
	return nil
}

// word is a string member; "" when it is absent, null, or no string.
func word(raw json.RawMessage) (s string) {
	if s, ok := plain(raw); ok {
		return s
	}
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func stamp(raw json.RawMessage) (t Time) {
	if len(raw) > 0 && raw[0] != 'n' {
		t.read(raw)
	}
	return t
}

// refOf is a member that refers to another object by its id; the zero Ref when
// it is absent, null, or no object.
func refOf(raw json.RawMessage) (r Ref) {
	if rest, ok := bytes.CutPrefix(raw, []byte(`{"id":`)); ok && len(rest) > 0 && rest[0] == '"' {
		end := valueEnd(rest, 0)
		if id, ok := plain(rest[:end]); ok && string(rest[end:]) == "}" {
			return Ref{ID: id}
		}
	}
	if inner, ok := members(raw, 4); ok {
		return Ref{ID: word(inner["id"])}
	}
	if len(raw) > 0 && json.Unmarshal(raw, &r) != nil {
		return Ref{}
	}
	return r
}

// timeForms are what timestamps look like. Source: samples of v3 and v4.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// UnmarshalJSON reads a timestamp; what it cannot read is zero.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.read(b)
	return nil
}

func (t *Time) read(b []byte) {
	t.Time = time.Time{}
	s, ok := plain(b)
	if !ok {
		s = text(b)
	}
	if s == "" {
		return
	}
	for _, form := range timeForms {
		if v, err := time.Parse(form, s); err == nil {
			if v = v.UTC(); v.Year() >= 0 && v.Year() <= 9999 { // others cannot be written down again
				t.Time = v
			}
			return
		}
	}
}

// MarshalJSON writes RFC 3339 in UTC, or null when zero.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(time.RFC3339Nano))
}
