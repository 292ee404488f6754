package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// encoder writes JSON as marshal does, without reflection: a run writes five
// records and four events for each item. What is not plain is left to
// encoding/json.
type encoder struct {
	b   []byte
	err error // the first
}

// record appends rec as marshal would write it.
func (e *encoder) record(rec *Record) {
	e.b = append(e.b, `{"op":`...)
	e.string(string(rec.Op))
	e.member("status").string(string(rec.Status))
	e.member("owner").string(rec.Owner)
	e.text("assetId", rec.AssetID)
	e.text("fileId", rec.FileID)
	e.text("source", rec.Source)
	e.text("md5", rec.MD5)
	e.number("size", rec.Size)
	e.number("listed", rec.Listed)
	e.number("mtime", rec.ModTime)
	if len(rec.Fields) > 0 {
		e.member("fields")
		for i, name := range sorted(rec.Fields) {
			e.key(i, name).base(rec.Fields[name])
		}
		e.b = append(e.b, '}')
	}
	if len(rec.Intent) > 0 {
		e.member("intent").values(rec.Intent)
	}
	if len(rec.Relative) > 0 {
		e.member("relative")
		for i, name := range sorted(rec.Relative) {
			e.key(i, name).string(rec.Relative[name])
		}
		e.b = append(e.b, '}')
	}
	e.text("run", rec.Run)
	e.number("attempts", int64(rec.Attempts))
	if !rec.SentAt.IsZero() {
		e.member("sentAt").time(rec.SentAt)
	}
	e.member("updated").time(rec.Updated)
	if rec.Error != nil {
		e.member("error").any(rec.Error)
	}
	if len(rec.Warnings) > 0 {
		e.member("warnings").any(rec.Warnings)
	}
	e.text("replaced", rec.Replaced)
	if len(rec.Overtaken) > 0 {
		e.member("overtaken").any(rec.Overtaken)
	}
	e.text("createRun", rec.CreateRun)
	e.text("shown", rec.Shown)
	if !rec.Stamp.IsZero() {
		e.member("stamp").time(rec.Stamp)
	}
	e.text("stampRules", rec.StampRules)
	if rec.Unconfirmed {
		e.b = append(e.b, `,"unconfirmed":true`...)
	}
	e.b = append(e.b, '}')
}

// event appends ev as marshal would write it.
func (e *encoder) event(ev *Event) {
	e.b = append(e.b, `{"time":`...)
	e.time(ev.Time)
	e.text("run", ev.Run)
	e.text("op", string(ev.Op))
	e.text("status", string(ev.Status))
	e.member("text").string(ev.Text)
	e.b = append(e.b, '}')
}

// change appends c as marshal would write it.
func (e *encoder) change(c *Change) {
	e.b = append(e.b, `{"op":`...)
	e.string(string(c.Op))
	e.text("assetId", c.AssetID)
	if len(c.Before) > 0 {
		e.member("before").values(c.Before)
	}
	if len(c.After) > 0 {
		e.member("after").values(c.After)
	}
	e.b = append(e.b, '}')
}

func (e *encoder) base(b Base) {
	e.b = append(e.b, '{')
	if len(b.Sent) > 0 {
		e.b = append(e.b, `"sent":`...)
		e.raw(b.Sent)
	}
	if len(b.Seen) > 0 {
		if len(b.Sent) > 0 {
			e.b = append(e.b, ',')
		}
		e.b = append(e.b, `"seen":`...)
		e.raw(b.Seen)
	}
	e.b = append(e.b, '}')
}

// values appends an object that is not empty.
func (e *encoder) values(m map[string]json.RawMessage) {
	for i, name := range sorted(m) {
		e.key(i, name).raw(m[name])
	}
	e.b = append(e.b, '}')
}

// sorted are the keys of m in the order of encoding/json.
func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	names = slices.AppendSeq(names, maps.Keys(m))
	slices.Sort(names)
	return names
}

// member begins a member that is not the first, whose name is plain.
func (e *encoder) member(name string) *encoder {
	e.b = append(append(append(e.b, `,"`...), name...), `":`...)
	return e
}

// key begins the ith member of an object, and the object with the first.
func (e *encoder) key(i int, name string) *encoder {
	if i == 0 {
		e.b = append(e.b, '{')
	} else {
		e.b = append(e.b, ',')
	}
	e.string(name)
	e.b = append(e.b, ':')
	return e
}

// text is a member that "" leaves out.
func (e *encoder) text(name, s string) {
	if s != "" {
		e.member(name).string(s)
	}
}

// number is a member that 0 leaves out.
func (e *encoder) number(name string, n int64) {
	if n != 0 {
		e.b = strconv.AppendInt(e.member(name).b, n, 10)
	}
}

func (e *encoder) string(s string) {
	if !plain(s) {
		e.any(s)
		return
	}
	e.b = append(append(append(e.b, '"'), s...), '"')
}

// plain reports whether s stands in JSON as it is. U+2028 and U+2029 do not:
// encoding/json escapes them.
func plain(s string) bool {
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// plainText reports whether s is printable ASCII.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// time appends an instant of UTC.
func (e *encoder) time(t time.Time) {
	if y := t.Year(); y < 0 || y > 9999 || t.Location() != time.UTC {
		e.any(t)
		return
	}
	e.b = append(t.AppendFormat(append(e.b, '"'), time.RFC3339Nano), '"')
}

// raw appends what is JSON already, without the white space between its tokens.
func (e *encoder) raw(raw json.RawMessage) {
	switch {
	case raw == nil:
		raw = json.RawMessage("null")
	case simpleEnd(raw, 0) == len(raw):
	default:
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			e.err = errors.Join(e.err, err)
			return
		}
		e.b = append(e.b, b.Bytes()...)
		return
	}
	e.b = append(e.b, raw...)
}

// any appends what is seldom, or not plain.
func (e *encoder) any(v any) {
	b, err := marshal(v)
	if err != nil {
		e.err = errors.Join(e.err, fmt.Errorf("%T: %w", v, err))
		return
	}
	e.b = append(e.b, b...)
}
