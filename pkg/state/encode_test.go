package state

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// The writer's own encoding is encoding/json's, of whatever a record, an event
// or a change may hold: also of members that are added later.
func TestEncodersWriteWhatJSONWrites(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		for _, v := range []any{filled(rnd, &Record{}), filled(rnd, &Event{}), filled(rnd, &Change{})} {
			want, err := marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var e encoder
			switch v := v.(type) {
			case *Record:
				e.record(v)
			case *Event:
				e.event(v)
			case *Change:
				e.change(v)
			}
			if e.err != nil || string(e.b) != string(want) {
				t.Fatalf("%T: %v\n%s, want\n%s", v, e.err, e.b, want)
			}
		}
	}
	bad := encoder{}
	bad.record(&Record{Intent: map[string]json.RawMessage{"x": json.RawMessage(`{"a":`)}})
	if bad.err == nil {
		t.Errorf("half a value is written: %s", bad.b)
	}
}

// filled sets about half of the members of what v points to.
func filled(rnd *rand.Rand, v any) any {
	fillValue(rnd, reflect.ValueOf(v).Elem())
	return v
}

func fillValue(rnd *rand.Rand, v reflect.Value) {
	texts := []string{"plain", "two words", "é", `q"uote`, `back\slash`, "<&>", "tab\t", "\u2028", "\xff", ""}
	raws := []string{`"plain"`, `null`, `[]`, `true`, `["a", "b"]`, ` {"a" : 1}`, `"\u00e9<"`, `12`}
	if rnd.IntN(2) == 0 {
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(rnd.Int64N(4e9), rnd.Int64N(1e9)).UTC()
		if rnd.IntN(4) == 0 {
			*p = p.In(time.FixedZone("x", 3600))
		}
		return
	case *json.RawMessage:
		*p = json.RawMessage(raws[rnd.IntN(len(raws))])
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[rnd.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(rnd.Int64N(1e12) - 5e11)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fillValue(rnd, field)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(rnd, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fillValue(rnd, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rnd.IntN(4) {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fillValue(rnd, k)
			fillValue(rnd, e)
			v.SetMapIndex(k, e)
		}
	default:
		panic("a member of a kind that the encoder does not know: " + v.Type().String())
	}
}
