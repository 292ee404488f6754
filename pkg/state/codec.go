package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Every value in the file is four bytes of CRC-32C, big-endian, over its key
// and its content, then the content: JSON, except where a bucket says
// otherwise. The file has no other protection against a changed byte.
const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(key, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, content)
}

// seal returns the value that is stored under key for content.
func seal(key, content []byte) []byte {
	v := binary.BigEndian.AppendUint32(make([]byte, 0, sumSize+len(content)), sum(key, content))
	return append(v, content...)
}

// sealIn seals content that stands behind room for its sum.
func sealIn(key, value []byte) {
	binary.BigEndian.PutUint32(value, sum(key, value[sumSize:]))
}

// readable is what of a key people can read: the external ID, the run or both,
// without the number of an event.
func readable(key []byte) string {
	head, tail, joined := strings.Cut(string(key), "\x00")
	if joined && tail != "" && !strings.ContainsFunc(tail, unicode.IsControl) {
		head += " " + tail
	}
	return head
}

// unseal returns the content of value, which shares its memory.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) < sumSize || binary.BigEndian.Uint32(value) != sum(key, value[sumSize:]) {
		return nil, fmt.Errorf("%w: the entry %q does not match its checksum", ErrDamaged, shorten(readable(key), 80))
	}
	return value[sumSize:], nil
}

// Limits of what is stored.
const (
	maxID   = 1024 // bytes of an external ID; the manifest allows 128 characters
	maxText = 500  // characters of a text for people
)

// marshal is json.Marshal without the escapes of <, > and &: values of fields are
// compared byte by byte, and have to come back as they were given.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// escaped reports whether JSON may have such escapes: earlier versions wrote them.
func escaped(content []byte) bool {
	return bytes.Contains(content, []byte(`\u003`)) || bytes.Contains(content, []byte(`\u0026`))
}

// unescape gives raw without them. What has them is a string or a list of strings.
func unescape(raw json.RawMessage) json.RawMessage {
	var v any
	if !escaped(raw) || json.Unmarshal(raw, &v) != nil {
		return raw
	}
	plain, err := marshal(v)
	if err != nil {
		return raw
	}
	return plain
}

func unescapeAll(values map[string]json.RawMessage) {
	for name, raw := range values {
		values[name] = unescape(raw)
	}
}

// encode returns rec as JSON, ready to be sealed.
func encode(rec *Record) ([]byte, error) { return appendEncoded(nil, rec) }

func appendEncoded(b []byte, rec *Record) ([]byte, error) {
	rec.SentAt = rec.SentAt.UTC()
	rec.Updated = rec.Updated.UTC()
	rec.Stamp = rec.Stamp.UTC()
	if rec.Error != nil {
		rec.Error = &Failure{Code: rec.Error.Code, Message: clean(rec.Error.Message)}
	}
	rec.Warnings = slices.Clone(rec.Warnings)
	for i, w := range rec.Warnings {
		rec.Warnings[i] = clean(w)
	}
	e := encoder{b: b}
	e.record(rec)
	if e.err != nil {
		return nil, fmt.Errorf("record of %q: %w", rec.ExternalID, e.err)
	}
	return e.b, nil
}

// appendSealed appends the value that is stored for rec. After an error b is as it
// was.
func appendSealed(b []byte, rec *Record) ([]byte, error) {
	from := len(b)
	out, err := appendEncoded(append(b, make([]byte, sumSize)...), rec)
	if err != nil {
		return b, err
	}
	sealIn([]byte(rec.ExternalID), out[from:])
	return out, nil
}

// simple reports whether rec can be encoded for sure, and shares nothing but the
// base of its fields with others.
func (r *Record) simple() bool {
	if len(r.Intent)+len(r.Relative)+len(r.Warnings)+len(r.Overtaken) > 0 || r.Error != nil {
		return false
	}
	if y := r.SentAt.UTC().Year(); y < 0 || y > 9999 {
		return false
	}
	for _, b := range r.Fields {
		if len(b.Sent) > 0 && simpleEnd(b.Sent, 0) != len(b.Sent) || len(b.Seen) > 0 && simpleEnd(b.Seen, 0) != len(b.Seen) {
			return false
		}
	}
	return true
}

// decode is the inverse of encode. Every failure wraps ErrDamaged.
func decode(id string, content []byte) (Record, error) {
	var rec Record
	if !decodeWritten(&rec, content) {
		rec = Record{}
		if err := json.Unmarshal(content, &rec); err != nil {
			return Record{}, fmt.Errorf("%w: record of %q: %w", ErrDamaged, shorten(id, 80), err)
		}
	}
	if !slices.Contains(Ops(), rec.Op) || !slices.Contains(Statuses(), rec.Status) {
		return Record{}, fmt.Errorf("%w: record of %q: op %q with status %q", ErrDamaged, shorten(id, 80), rec.Op, rec.Status)
	}
	rec.ExternalID = id
	if escaped(content) {
		unescapeAll(rec.Intent)
		for name, b := range rec.Fields {
			rec.Fields[name] = Base{Sent: unescape(b.Sent), Seen: unescape(b.Seen)}
		}
	}
	return rec, nil
}

// decodeHead reads the op and the status of a record. They are its first
// members, as encode writes it, and nothing of the rest is looked at then: this
// runs for each write.
func decodeHead(content []byte) (head, error) {
	if h, ok := firstMembers(content); ok {
		return h, nil
	}
	var h head
	if err := json.Unmarshal(content, &h); err != nil {
		return head{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return h, nil
}

// firstMembers reads a head from the beginning of a record; false when that does
// not look like encode's.
func firstMembers(content []byte) (h head, ok bool) {
	rest, ok := bytes.CutPrefix(content, []byte(`{"op":"`))
	if !ok {
		return head{}, false
	}
	op, rest, ok := bytes.Cut(rest, []byte(`","status":"`))
	if !ok {
		return head{}, false
	}
	status, _, ok := bytes.Cut(rest, []byte(`","owner":"`))
	for _, o := range Ops() {
		if string(o) == string(op) {
			h.Op = o
		}
	}
	for _, s := range Statuses() {
		if string(s) == string(status) {
			h.Status = s
		}
	}
	return h, ok && h.Op != "" && h.Status != ""
}

// checkID refuses external IDs that cannot be a key.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("a record needs an external ID")
	case len(id) > maxID:
		return fmt.Errorf("external ID %q... has %d bytes; at most %d can be stored", shorten(id, 40), len(id), maxID)
	case strings.ContainsRune(id, 0):
		return fmt.Errorf("external ID %q has a zero byte", id)
	}
	return nil
}

// checkRun refuses ids of runs that cannot be the beginning of a key.
func checkRun(id string) error {
	if id == "" || len(id) > maxID || strings.ContainsRune(id, 0) {
		return fmt.Errorf("%q cannot be the ID of a run", shorten(id, 40))
	}
	return nil
}

// clean makes a text one line of at most maxText characters.
func clean(s string) string {
	if len(s) <= maxText && plainText(s) {
		return strings.Trim(s, " ")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return shorten(strings.TrimSpace(s), maxText)
}

// shorten cuts s to at most n characters, the last of them an ellipsis.
func shorten(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	end, i := 0, 0
	for pos := range s {
		if i == n-1 {
			end = pos
			break
		}
		i++
	}
	return s[:end] + "…"
}
