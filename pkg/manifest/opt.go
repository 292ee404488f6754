package manifest

// Opt is a value that a manifest may leave out, set to null, or set.
//
// The zero Opt is "not named": the service keeps its own default, and a later
// run leaves the field alone. Null clears: it takes back a default of the
// header, and where the service knows null it is sent as such.
type Opt[T any] struct {
	Set   bool // the manifest names the field
	Null  bool // and its value is null; Value is then the zero value
	Value T
}

// Some is an Opt that is set to v.
func Some[T any](v T) Opt[T] { return Opt[T]{Set: true, Value: v} }

// Null is an Opt that is set to null.
func Null[T any]() Opt[T] { return Opt[T]{Set: true, Null: true} }
