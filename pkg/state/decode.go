package state

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// recordMembers are the members of a record in the order in which they are
// written.
var recordMembers = [...]string{
	"op", "status", "owner", "assetId", "fileId", "source", "md5", "size", "listed", "mtime", "fields", "intent", "relative", "run",
	"attempts", "sentAt", "updated", "error", "warnings", "replaced", "overtaken", "createRun", "shown", "stamp", "stampRules", "unconfirmed",
}

// decodeWritten reads a record as encoder writes it, without reflection: runs,
// plans and what lists the state read each one. False when it is not plain, or was
// written otherwise: encoding/json reads that, and rec is to be begun anew.
func decodeWritten(rec *Record, content []byte) bool {
	if len(content) < 2 || content[0] != '{' || content[len(content)-1] != '}' {
		return false
	}
	d := decoder{b: content, i: 1}
	at := 0
	for {
		name, ok := d.name()
		if !ok {
			return false
		}
		for at < len(recordMembers) && recordMembers[at] != string(name) {
			at++
		}
		if at == len(recordMembers) || !d.member(rec, recordMembers[at]) {
			return false
		}
		at++
		if d.i == len(content)-1 {
			return true
		}
		if !d.skip(',') {
			return false
		}
	}
}

// decoder reads JSON of the shape that encoder gives what is plain.
type decoder struct {
	b []byte
	i int
}

func (d *decoder) member(rec *Record, name string) bool {
	switch name {
	case "op":
		return read(d, (*string)(&rec.Op))
	case "status":
		return read(d, (*string)(&rec.Status))
	case "owner":
		return read(d, &rec.Owner)
	case "assetId":
		return read(d, &rec.AssetID)
	case "fileId":
		return read(d, &rec.FileID)
	case "source":
		return read(d, &rec.Source)
	case "md5":
		return read(d, &rec.MD5)
	case "size":
		return d.number(&rec.Size)
	case "listed":
		return d.number(&rec.Listed)
	case "mtime":
		return d.number(&rec.ModTime)
	case "fields":
		rec.Fields = make(map[string]Base, 8)
		return object(d, rec.Fields, d.base)
	case "intent":
		rec.Intent = make(map[string]json.RawMessage, 8)
		return object(d, rec.Intent, d.raw)
	case "relative":
		rec.Relative = map[string]string{}
		return object(d, rec.Relative, func(s *string) bool { return read(d, s) })
	case "run":
		return read(d, &rec.Run)
	case "attempts":
		var n int64
		ok := d.number(&n)
		rec.Attempts = int(n)
		return ok && int64(rec.Attempts) == n
	case "sentAt":
		return d.time(&rec.SentAt)
	case "updated":
		return d.time(&rec.Updated)
	case "replaced":
		return read(d, &rec.Replaced)
	case "createRun":
		return read(d, &rec.CreateRun)
	case "shown":
		return read(d, &rec.Shown)
	case "stamp":
		return d.time(&rec.Stamp)
	case "stampRules":
		return read(d, &rec.StampRules)
	}
	return false // seldom
}

func (d *decoder) skip(c byte) bool {
	if d.i < len(d.b) && d.b[d.i] == c {
		d.i++
		return true
	}
	return false
}

// quoted is a string with its quotes, spelled as it is.
func (d *decoder) quoted() ([]byte, bool) {
	from := d.i
	end := stringEnd(d.b, from)
	if end < 0 {
		return nil, false
	}
	d.i = end
	return d.b[from:end], true
}

// name reads the name of a member and the colon behind it.
func (d *decoder) name() ([]byte, bool) {
	s, ok := d.quoted()
	if !ok || !d.skip(':') {
		return nil, false
	}
	return s[1 : len(s)-1], true
}

func read(d *decoder, to *string) bool {
	s, ok := d.quoted()
	if !ok || !utf8.Valid(s) {
		return false
	}
	*to = string(s[1 : len(s)-1])
	return true
}

func (d *decoder) number(n *int64) (ok bool) {
	from := d.i
	for d.i < len(d.b) && (d.b[d.i] >= '0' && d.b[d.i] <= '9' || d.b[d.i] == '-') {
		d.i++
	}
	s := d.b[from:d.i]
	if len(s) == 0 || len(s) > 1 && s[0] == '0' || len(s) > 1 && s[0] == '-' && s[1] == '0' {
		return false // not as it is written
	}
	v, err := strconv.ParseInt(string(s), 10, 64)
	*n = v
	return err == nil
}

func (d *decoder) time(t *time.Time) bool {
	s, ok := d.quoted()
	return ok && t.UnmarshalJSON(s) == nil
}

func (d *decoder) raw(to *json.RawMessage) bool {
	from := d.i
	end := simpleEnd(d.b, from)
	if end < 0 {
		return false
	}
	d.i = end
	*to = bytes.Clone(d.b[from:end])
	return true
}

func (d *decoder) base(b *Base) bool {
	if !d.skip('{') {
		return false
	}
	if d.skip('}') {
		return true
	}
	name, ok := d.name()
	if ok && string(name) == "sent" {
		if !d.raw(&b.Sent) {
			return false
		}
		if d.skip('}') {
			return true
		}
		if !d.skip(',') {
			return false
		}
		name, ok = d.name()
	}
	return ok && string(name) == "seen" && d.raw(&b.Seen) && d.skip('}')
}

// object reads the members of an object that is not empty, in the order of their
// names, with value.
func object[V any](d *decoder, to map[string]V, value func(*V) bool) bool {
	if !d.skip('{') {
		return false
	}
	var last []byte
	for first := true; ; first = false {
		name, ok := d.name()
		if !ok || !utf8.Valid(name) || !first && bytes.Compare(last, name) >= 0 {
			return false
		}
		last = name
		var v V
		if !value(&v) {
			return false
		}
		to[string(name)] = v
		if d.skip('}') {
			return true
		}
		if !d.skip(',') {
			return false
		}
	}
}

// words are the values that are neither strings nor lists of them and come often.
var words = []string{"null", "true", "false", "[]"}

// simpleEnd is the place after the value at i, which is written without white
// space and escapes; -1 when it is not so, or neither a word, a string nor a list
// of strings.
func simpleEnd(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	if b[i] == '"' {
		return stringEnd(b, i)
	}
	if k := slices.IndexFunc(words, func(w string) bool { return bytes.HasPrefix(b[i:], []byte(w)) }); k >= 0 {
		return i + len(words[k])
	}
	if b[i] != '[' {
		return -1
	}
	for {
		if i = stringEnd(b, i+1); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
		default:
			return -1
		}
	}
}

// stringEnd is the place after the string at i, which has no escapes; -1 when
// there is none.
func stringEnd(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ' || c == '\\':
			return -1
		}
	}
	return -1
}
