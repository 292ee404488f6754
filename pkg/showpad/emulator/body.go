package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// opt is a member of a request: absent, null or set.
type opt[T any] struct {
	set, null bool
	v         T
}

// object is a JSON object that is being checked member by member. What is wrong
// goes to bad; members nobody asked for are wrong as well.
type object struct {
	at   string // path of the object with its dot; "" for the body
	m    map[string]json.RawMessage
	seen []string
	bad  *[]finding
}

func (o *object) fail(name, category, format string, args ...any) {
	*o.bad = append(*o.bad, finding{o.at + name, fmt.Sprintf(format, args...), category})
}

// done reports the members that nobody asked for.
func (o *object) done() {
	var unknown []string
	for name := range o.m {
		if !slices.Contains(o.seen, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		o.fail(name, catUnknown, "is not a property of this request")
	}
}

// require reports members that are missing.
func (o *object) require(names ...string) {
	for _, name := range names {
		if _, ok := o.m[name]; !ok {
			o.fail(name, catRequired, "is required")
		}
	}
}

// get finds a member; null is passed on only where it is allowed.
func (o *object) get(name string, nullable bool) (raw json.RawMessage, present, null bool) {
	o.seen = append(o.seen, name)
	raw, present = o.m[name]
	if !present {
		return nil, false, false
	}
	if string(bytes.TrimSpace(raw)) == "null" {
		if !nullable {
			o.fail(name, catInvalid, "must not be null")
			return nil, false, false
		}
		return nil, true, true
	}
	return raw, true, false
}

// scalar reads a string or a boolean.
func scalar[T string | bool](o *object, name string, nullable bool) (out opt[T]) {
	raw, present, null := o.get(name, nullable)
	if !present || null {
		return opt[T]{set: present, null: null}
	}
	if err := json.Unmarshal(raw, &out.v); err != nil {
		o.fail(name, catInvalid, "must be a %T", out.v)
		return opt[T]{}
	}
	out.set = true
	return out
}

func (o *object) text(name string, nullable bool) opt[string] {
	return scalar[string](o, name, nullable)
}
func (o *object) flag(name string) opt[bool] { return scalar[bool](o, name, false) }

// textBetween reads text of low to high characters.
func (o *object) textBetween(name string, nullable bool, low, high int) opt[string] {
	v := o.text(name, nullable)
	if n := utf8.RuneCountInString(v.v); v.set && !v.null && (n < low || n > high) {
		o.fail(name, catInvalid, "must be %d to %d characters", low, high)
	}
	return v
}

// instant reads an RFC 3339 date and time or null.
func (o *object) instant(name string) (out opt[time.Time]) {
	v := o.text(name, true)
	out.set, out.null = v.set, v.null
	if v.set && !v.null {
		t, err := time.Parse(time.RFC3339Nano, v.v)
		if err != nil {
			o.fail(name, catInvalid, "must be a date-time such as 2026-12-01T00:00:00Z")
			return opt[time.Time]{}
		}
		out.v = t.UTC()
	}
	return out
}

// object reads a nested object; nil when absent or null.
func (o *object) object(name string, nullable bool) (in *object, null bool) {
	raw, present, null := o.get(name, nullable)
	if !present || null {
		return nil, null
	}
	in = &object{at: o.at + name + ".", bad: o.bad}
	if err := json.Unmarshal(raw, &in.m); err != nil {
		o.fail(name, catInvalid, "must be an object")
		return nil, false
	}
	return in, false
}

// array reads an array; each is called with every element.
func (o *object) array(name string, nullable bool, each func(at string, raw json.RawMessage)) (set, null bool) {
	raw, present, null := o.get(name, nullable)
	if !present || null {
		return present, null
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		o.fail(name, catInvalid, "must be an array")
		return false, false
	}
	for i, item := range items {
		each(name+"["+strconv.Itoa(i)+"]", item)
	}
	return true, false
}

// objects reads an array of objects.
func (o *object) objects(name string, nullable bool, each func(in *object)) (set, null bool) {
	return o.array(name, nullable, func(at string, raw json.RawMessage) {
		in := &object{at: o.at + at + ".", bad: o.bad}
		if string(bytes.TrimSpace(raw)) == "null" || json.Unmarshal(raw, &in.m) != nil {
			o.fail(at, catInvalid, "must be an object")
			return
		}
		each(in)
		in.done()
	})
}

// keyed reads an array of objects with one member, such as [{"id": "..."}].
func (o *object) keyed(name, key string) (out opt[[]string]) {
	out.v = []string{}
	out.set, out.null = o.objects(name, false, func(in *object) {
		in.require(key)
		if v := in.text(key, false); v.set && !slices.Contains(out.v, v.v) {
			out.v = append(out.v, v.v)
		}
	})
	return out
}

// choices reads an array of texts out of a fixed set.
func (o *object) choices(name string, allowed ...string) (out opt[[]string]) {
	out.v = []string{}
	out.set, _ = o.array(name, false, func(at string, raw json.RawMessage) {
		var v string
		if err := json.Unmarshal(raw, &v); err != nil || !slices.Contains(allowed, v) {
			o.fail(at, catInvalid, "must be one of %s", strings.Join(allowed, ", "))
			return
		}
		if !slices.Contains(out.v, v) {
			out.v = append(out.v, v)
		}
	})
	return out
}

// pages reads an array of {start, end}.
func (o *object) pages(name string, nullable bool) (out opt[[]pageRange]) {
	out.v = []pageRange{}
	out.set, out.null = o.objects(name, nullable, func(in *object) {
		in.require("start", "end")
		start, end := in.integer("start"), in.integer("end")
		if start.set && end.set && (start.v < 1 || end.v < start.v) {
			in.fail("start", catInvalid, "must be at least 1 and not above end")
		}
		out.v = append(out.v, pageRange{start.v, end.v})
	})
	return out
}

func (o *object) integer(name string) (out opt[int]) {
	raw, present, _ := o.get(name, false)
	if !present {
		return out
	}
	if err := json.Unmarshal(raw, &out.v); err != nil {
		o.fail(name, catInvalid, "must be an integer")
		return out
	}
	out.set = true
	return out
}

// jsonBody opens the body of a call. An empty body is an empty object where
// that is allowed. A non-nil answer refuses the call.
func (c *call) jsonBody(emptyAllowed bool) (*object, *answer) {
	if len(c.body) > maxBody {
		return nil, new(problemAnswer(http.StatusRequestEntityTooLarge, "the body is above 1 MiB"))
	}
	o := &object{bad: new([]finding)}
	if len(c.body) == 0 && emptyAllowed {
		return o, nil
	}
	kind, _, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, new(problemAnswer(http.StatusUnsupportedMediaType,
			fmt.Sprintf("the content type must be application/json, not %q", c.header.Get("Content-Type"))))
	}
	if err := json.Unmarshal(c.body, &o.m); err != nil {
		return nil, new(badRequest(finding{"body", "is not a JSON object: " + err.Error(), catBody}))
	}
	if o.m == nil {
		return nil, new(badRequest(finding{"body", "must be an object, not null", catBody}))
	}
	return o, nil
}
