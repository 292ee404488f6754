package showpad

import (
	"encoding/json"
	"strings"
	"time"
)

// UnmarshalJSON reads an asset leniently and keeps all its members in Raw.
func (a *Asset) UnmarshalJSON(b []byte) error {
	type plain Asset
	var p struct {
		plain
		Size lenientInt `json:"size"`
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if err := lenient(json.Unmarshal(b, &p)); err != nil {
		return err
	}
	*a = Asset(p.plain)
	a.Size = p.Size.n
	a.Checksum = strings.ToLower(a.Checksum)
	if a.CurrentFile != nil && a.CurrentFile.ID == "" {
		a.CurrentFile = nil
	}
	a.Raw = raw
	return nil
}

// timeForms are what timestamps look like. Source: reference 5.3 and 14, trap 29.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// UnmarshalJSON reads a timestamp; what it cannot read is zero.
func (t *Time) UnmarshalJSON(b []byte) error {
	t.Time = time.Time{}
	s := text(b)
	for _, form := range timeForms {
		if v, err := time.Parse(form, s); err == nil {
			t.Time = v.UTC()
			break
		}
	}
	return nil
}

// MarshalJSON writes RFC 3339 in UTC, or null when zero.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(time.RFC3339Nano))
}
