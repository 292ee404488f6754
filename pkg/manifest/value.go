package manifest

// Value is what a file says before it is given a meaning. YAML nodes, JSON
// values and cells of tables all become Values, so that one path turns any of
// them into an [Item].
type Value struct {
	Kind ValueKind
	Pos  Pos
	Text string // scalars: as written (012 stays 012), without quotes
	List []Value
	Map  []Member

	// Loose says that the text comes from a cell, where everything is text:
	// "yes" may be a boolean and "a; b" a list, as the field wants it.
	Loose bool
	// Split separates the parts of a loose list; "" is ";".
	Split string
	// Add is added to a loose date; nil: nothing.
	Add *Instant
}

// Member is one key of a mapping, in the order written.
type Member struct {
	Key   string
	Pos   Pos // of the key
	Value Value
}

// ValueKind is the form of a [Value].
type ValueKind int

const (
	// BadValue has been reported already; readers skip it without a word.
	BadValue ValueKind = iota
	NullValue
	TextValue
	NumberValue
	BoolValue // Text is "true" or "false"
	ListValue
	MapValue
)

func (k ValueKind) String() string {
	switch k {
	case NullValue:
		return "nothing"
	case TextValue:
		return "a text"
	case NumberValue:
		return "a number"
	case BoolValue:
		return "true or false"
	case ListValue:
		return "a list"
	case MapValue:
		return "a mapping"
	}
	return "an unreadable value"
}

// Cell is the value of a table's cell. An empty cell names nothing and should
// not become a Value; the cell null is null.
func Cell(text, split string, pos Pos) Value {
	if text == "null" {
		return Value{Kind: NullValue, Pos: pos, Loose: true}
	}
	return Value{Kind: TextValue, Pos: pos, Text: text, Loose: true, Split: split}
}

// Put sets the member that a dotted name stands for ("permissions.isShareable")
// and makes the mappings on the way. It is for building rows; the receiver is a
// mapping.
func (v *Value) Put(name string, key Pos, val Value) {
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		head, rest := name[:i], name[i+1:]
		for j := range v.Map {
			if v.Map[j].Key == head && v.Map[j].Value.Kind == MapValue {
				v.Map[j].Value.Put(rest, key, val)
				return
			}
		}
		inner := Value{Kind: MapValue, Pos: val.Pos}
		inner.Put(rest, key, val)
		v.Map = append(v.Map, Member{Key: head, Pos: key, Value: inner})
		return
	}
	v.Map = append(v.Map, Member{Key: name, Pos: key, Value: val})
}
