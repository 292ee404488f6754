package showpad

import (
	"encoding/json"
	"iter"
	"maps"
)

// Object has every member of an object of an answer as it came. It shares the
// memory of the answer; nobody changes it. A nil one has no members.
type Object struct {
	body []byte
	at   [len(names)]span           // in body, of the members with known names
	more map[string]json.RawMessage // the others
}

// span is a part of a body; an end of 0 is none.
type span struct{ from, end uint32 }

// ObjectOf is the object with these members; it keeps m.
func ObjectOf(m map[string]json.RawMessage) *Object { return &Object{more: m} }

// readObject cuts a valid JSON object, as members does.
func readObject(object []byte) (*Object, bool) {
	if len(object) > maxAnswer {
		return nil, false
	}
	o := &Object{body: object}
	ok := cutMembers(object, func(quoted []byte, from, end int) bool {
		if len(quoted) > 2 {
			if i, ok := known[string(quoted[1:len(quoted)-1])]; ok {
				o.at[i] = span{uint32(from), uint32(end)}
				return true
			}
		}
		name, ok := plain(quoted)
		if o.more == nil {
			o.more = map[string]json.RawMessage{}
		}
		o.more[name] = object[from:end:end]
		return ok
	})
	return o, ok
}

// Get is the member of that name; nil when there is none.
func (o *Object) Get(name string) json.RawMessage {
	if o == nil {
		return nil
	}
	if i, ok := known[name]; ok {
		if at := o.at[i]; at.end > 0 {
			return o.body[at.from:at.end:at.end]
		}
	}
	return o.more[name]
}

// All gives each member, in no order.
func (o *Object) All() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		if o == nil {
			return
		}
		for i, at := range o.at {
			if at.end > 0 && !yield(names[i], o.body[at.from:at.end:at.end]) {
				return
			}
		}
		for name, raw := range maps.All(o.more) {
			if !yield(name, raw) {
				return
			}
		}
	}
}
