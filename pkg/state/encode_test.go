package state

import (
	"bytes"
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

// What the writer wrote is read as encoding/json reads it; so is whatever
// decodeWritten takes for that.
func TestWhatIsWrittenIsReadAsJSONReadsIt(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	same := func(content []byte) bool {
		var got, want Record
		if !decodeWritten(&got, content) {
			return false
		}
		if err := json.Unmarshal(content, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nis read as %+v\nwant      %+v, %v", content, got, want, err)
		}
		return true
	}
	read := 0
	for range 3000 {
		content, err := encode(filled(rnd, &Record{}).(*Record))
		if err != nil {
			t.Fatal(err)
		}
		if same(content) {
			read++
		}
		for range 8 {
			b := bytes.Clone(content)
			switch i := rnd.IntN(len(b)); rnd.IntN(3) {
			case 0:
				b[i] = "{}[]:,\"\\ 0-a\xc3"[rnd.IntN(13)]
			case 1:
				b = append(b[:i], b[i+1:]...)
			default:
				j := rnd.IntN(len(b))
				b = append(b[:i:i], b[j:]...)
			}
			same(b)
		}
	}
	if read < 30 {
		t.Errorf("%d records were read", read)
	}
	usual := Record{
		Op: Create, Status: Done, Owner: "w", AssetID: "a", FileID: "f", Source: "Größe.pdf", MD5: "0", Size: 1, Listed: 2, ModTime: -3, Run: "r", Attempts: 1,
		Fields:   map[string]Base{"name": {Sent: json.RawMessage(`"é"`)}, "tags": {Sent: json.RawMessage(`["a","b"]`), Seen: json.RawMessage(`[]`)}},
		Intent:   map[string]json.RawMessage{"x": json.RawMessage("null")},
		Relative: map[string]string{"expiresAt": "+1 day"}, SentAt: time.Unix(1, 5).UTC(), Updated: time.Unix(2, 0).UTC(), Replaced: "m", CreateRun: "r", Shown: "s",
	}
	if content, err := encode(&usual); err != nil || !same(content) {
		t.Errorf("%s is left to encoding/json, %v", content, err)
	}
}

// filled sets about half of the members of what v points to.
func filled(rnd *rand.Rand, v any) any {
	fillValue(rnd, reflect.ValueOf(v).Elem())
	return v
}

func fillValue(rnd *rand.Rand, v reflect.Value) {
	texts := []string{"plain", "two words", "é", `q"uote`, `back\slash`, "<&>", "tab\t", "\u2028", "\xff", "", "Größe é \u00a0", "é\u2028", "é\"", "é\x7f\u0085", "日本\xff"}
	raws := []string{`"plain"`, `null`, `[]`, `true`, `["a", "b"]`, ` {"a" : 1}`, `"\u00e9<"`, `12`, `"ü"`, `["a","é"]`, `["a",1]`, "\"\xff\"", "\"\x7f\"", `false`, `""`}
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
