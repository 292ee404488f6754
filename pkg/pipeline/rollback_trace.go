package pipeline

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// trail is what becomes of one field when runs are taken back, as far as the
// state tells. The zero value is of a field that none of them changed.
type trail struct {
	touched bool            // a run that is taken back changed it
	books   json.RawMessage // what was last written
	target  json.RawMessage // what it becomes; books when nothing can be taken back
	// blocked says that something else was written after a run that is taken back:
	// by the run in by, or, when that is "", by a person between two runs.
	blocked bool
	by      string // also of a run after the last one to take back, when nothing is blocked
	blind   bool   // what it was before is not known
}

// stuck reports whether nothing can be taken back at all.
func (t trail) stuck() bool { return (t.blocked || t.blind) && bytes.Equal(t.target, t.books) }

// trace follows a field through the runs, the newest first. Each run that is
// taken back gives the value back that it found, unless another one stands in its
// place. A run that is not taken back is in the way only if its value stands: what
// a later one undid does not count, and what one set to the very value that some
// of those runs found is taken back already, as an earlier rollback did it.
func trace(links []link, image func(map[string]json.RawMessage) (json.RawMessage, bool)) (t trail) {
	var steps []step
	for _, l := range links {
		s := step{run: l.run, named: l.named}
		var ok bool
		if s.after, ok = image(l.After); !ok {
			continue
		}
		if s.before, s.imaged = image(l.Before); s.imaged && bytes.Equal(s.before, s.after) {
			continue
		}
		t.touched = t.touched || l.named
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return t
	}
	t.books = steps[len(steps)-1].after
	t.target = t.books
	for i := len(steps) - 1; i >= 0; i-- {
		switch s := steps[i]; {
		case !s.named:
			if t.by == "" {
				t.by = s.run
			}
		case bytes.Equal(t.target, s.after) && !s.imaged:
			t.blind = true
			return t
		case bytes.Equal(t.target, s.after):
			t.target, t.by = s.before, ""
		default:
			if i = meets(steps[:i+1], t.target); i < 0 {
				t.blocked = true
				return t
			}
			t.by = ""
		}
	}
	return t
}

// step is what one run did to one field.
type step struct {
	run           string
	named, imaged bool // imaged: what it found is known
	before, after json.RawMessage
}

// meets is where the trail of a value goes on among older steps: behind the newest
// one of a run to take back that found it, for that one and all after it are taken
// back; or before the newest one that set it, for what came after it did not last,
// as an upload that was overtaken. -1 is nowhere.
func meets(steps []step, value json.RawMessage) int {
	for i, s := range slices.Backward(steps) {
		switch {
		case !s.named:
		case s.imaged && bytes.Equal(s.before, value):
			return i
		case bytes.Equal(s.after, value):
			return i + 1
		}
	}
	return -1
}

// traceField is trace for a field whose value is one.
func traceField(links []link, name string) trail {
	return trace(links, func(m map[string]json.RawMessage) (json.RawMessage, bool) { v, ok := m[name]; return v, ok })
}

// traceTag is trace for one tag of an asset: true or false.
func traceTag(links []link, id string) trail {
	return trace(links, func(m map[string]json.RawMessage) (json.RawMessage, bool) {
		all, ok := m["tags"]
		return canonFlag(slices.Contains(set(all), id)), ok
	})
}

// tagsOf are the tags that some link put on or took off.
func tagsOf(links []link) []string {
	var all []string
	for _, l := range links {
		if after, ok := l.After["tags"]; ok {
			before := l.Before["tags"]
			all = append(all, set(union(minus(before, after), minus(after, before)))...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// standing is a run that is not taken back and whose changes of an asset still
// stand after it was made: by names it, or is "" for a person between two runs.
// The fields are those that it changed.
func standing(links []link) (by string, fields []string) {
	made := slices.IndexFunc(links, func(l link) bool { return l.Op == state.Create })
	later := links[made+1:]
	check := func(name string, base json.RawMessage, t trail) {
		switch {
		case name == "isArchived" && string(t.target) == "true": // where it goes anyway
		case bytes.Equal(t.books, base): // however it came about
		case t.blocked, !t.blind && !bytes.Equal(t.target, base):
			fields = append(fields, name)
			if by == "" {
				by = t.by
			}
		}
	}
	names := map[string]bool{}
	for _, l := range later {
		for name := range l.After {
			names[name] = true
		}
	}
	for _, name := range fieldsInOrder(names) {
		if name == "tags" {
			for _, id := range tagsOf(later) {
				if base, ok := baseImage(later, func(l link) (json.RawMessage, bool) {
					before, ok := l.Before["tags"]
					return canonFlag(slices.Contains(set(before), id)), ok && slices.Contains(tagsOf([]link{l}), id)
				}); ok {
					check(name, base, traceTag(later, id))
				}
			}
			continue
		}
		if base, ok := baseImage(later, func(l link) (json.RawMessage, bool) { before, ok := l.Before[name]; return before, ok }); ok {
			check(name, base, traceField(later, name))
		}
	}
	return by, slices.Compact(fields)
}

// baseImage is what was there before the first link that tells.
func baseImage(links []link, image func(link) (json.RawMessage, bool)) (json.RawMessage, bool) {
	for _, l := range links {
		if v, ok := image(l); ok {
			return v, true
		}
	}
	return nil, false
}

// fieldsInOrder are names in the order of managed, the bytes last.
func fieldsInOrder(names map[string]bool) []string {
	var out []string
	for _, m := range managed {
		if names[m.name] {
			out = append(out, m.name)
		}
	}
	if names[fileField] {
		out = append(out, fileField)
	}
	return out
}
