package showpad

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// Opt is a member of a request that may be absent (the zero Opt), null, or set.
// Use it with the omitzero option of a json tag.
type Opt[T any] struct {
	Set   bool
	Null  bool
	Value T
}

// Some is a member that is set to v.
func Some[T any](v T) Opt[T] { return Opt[T]{Set: true, Value: v} }

// Null is a member that is null.
func Null[T any]() Opt[T] { return Opt[T]{Set: true, Null: true} }

// MarshalJSON writes null or the value; an absent member is left out by omitzero.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Set || o.Null {
		return []byte("null"), nil
	}
	switch v := any(&o.Value).(type) {
	case *string:
		if b := []byte(`"` + *v + `"`); isPlainJSON(b) {
			return b, nil
		}
	case *bool:
		return strconv.AppendBool(nil, *v), nil
	}
	if v := reflect.ValueOf(&o.Value).Elem(); v.Kind() == reflect.Slice && v.IsNil() {
		return []byte("[]"), nil // set to nothing; null has a meaning of its own
	}
	return json.Marshal(o.Value)
}

// isPlainJSON reports whether quoted stands for itself, also where HTML is escaped.
func isPlainJSON(quoted []byte) bool {
	for _, c := range quoted[1 : len(quoted)-1] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// UnmarshalJSON reads null or a value; a member that is not there stays absent.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	*o = Opt[T]{Set: true}
	if string(b) == "null" {
		o.Null = true
		return nil
	}
	return json.Unmarshal(b, &o.Value)
}
