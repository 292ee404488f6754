package state

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func export(t *testing.T, r Reader) string {
	t.Helper()
	var b bytes.Buffer
	if err := Export(t.Context(), r, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The names and the order of what an export has are a contract.
func TestTheExportIsTheGoldenOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	goldenState(t, path)
	r, _ := openReader(t, path)
	got, golden := export(t, r), filepath.Join("testdata", "export.ndjson")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s:\n%s", golden, d)
	}
}

// An export has all that is needed to make the same state again, but for the
// stories.
func TestAnExportReadsBack(t *testing.T) {
	s := openNew(t, noSync)
	fill(t, s, 2300)
	for _, run := range []string{"r2", "r3"} {
		if err := s.SetRun(t.Context(), Run{ID: run}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 { // a whole page
		w := rec(fmt.Sprintf("é<&>%04d", i), Create, Done)
		w.Record.Unconfirmed, w.Change, w.ChangeRun = true, &Change{Op: Update, After: map[string]json.RawMessage{"name": json.RawMessage(`"<b>"`)}}, "r2"
		if err := s.Queue(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	text := export(t, s)
	r, _ := openReader(t, s.Path())
	if live := export(t, r); live != text {
		t.Error("the holder says otherwise than the store")
	}

	back := openNew(t, noSync)
	var head exportHead
	var end, read exportEnd
	read.Type = "end"
	lines := bufio.NewScanner(strings.NewReader(text))
	decode := func(v any) {
		t.Helper()
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
	}
	records := map[string]Record{}
	var order []string
	for lines.Scan() {
		var line struct{ Type string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if n := len(order); n == 0 || order[n-1] != line.Type {
			order = append(order, line.Type)
		}
		var err error
		switch line.Type {
		case "state":
			decode(&head)
		case "run":
			var l exportRun
			decode(&l)
			read.Runs++
			err = back.SetRun(t.Context(), l.Run)
		case "record":
			var l exportRecord
			decode(&l)
			l.Record.ExternalID = l.ExternalID
			records[l.ExternalID] = l.Record
			read.Records++
		case "change":
			var l exportChange
			decode(&l)
			read.Changes++
			err = back.Queue(t.Context(), Write{Record: records[l.ExternalID], Change: &l.Change, ChangeRun: l.Run})
			delete(records, l.ExternalID)
		case "tag":
			var l exportTag
			decode(&l)
			read.Tags++
			err = back.AddMadeTag(t.Context(), l.Run, l.MadeTag)
		case string(Share):
			var l exportExtra
			decode(&l)
			read.Extras++
			if l.Extra.Kind, l.Extra.Key = Share, l.Key; l.Secret != nil {
				t.Errorf("an export has the links: %s", lines.Text())
			}
			err = back.PutExtra(t.Context(), l.Extra)
		case "end":
			decode(&end)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if end != read || read.Records != 3300 || read.Changes != 3300 || read.Tags != 3 || read.Extras != 1533 || read.Runs != 3 {
		t.Errorf("end %+v, read %+v", end, read)
	}
	if want := []string{"state", "run", "record", "change", "tag", "change", "share", "end"}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
	if head.Tenant != "acme" || head.Schema != Schema || head.Version != ExportVersion || head.Serial == 0 || head.Meta[MetaDigest] != "d" {
		t.Errorf("head %+v", head)
	}
	if err := back.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	withoutStory := regexp.MustCompile(`"updated":"[^"]*"|"serial":\d+|,"meta":{[^}]*}`)
	if got := export(t, back); withoutStory.ReplaceAllString(got, "") != withoutStory.ReplaceAllString(text, "") {
		t.Error("the state that was read back exports otherwise")
	}
}

func TestAnExportOfNothingIsWhole(t *testing.T) {
	r, _ := openReader(t, filepath.Join(t.TempDir(), "none.db"))
	const want = `{"type":"state","version":1,"schema":0,"tenant":"","serial":0}
{"type":"end","runs":0,"records":0,"changes":0,"tags":0,"extras":0}
`
	if got := export(t, r); got != want {
		t.Errorf("%s", got)
	}
}

// failingWriter fails after n bytes.
type failingWriter struct{ n int }

var errFull = errors.New("no space left on device")

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.n -= len(b); w.n < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAnExportThatCannotBeWrittenFails(t *testing.T) {
	s := openNew(t, noSync)
	fill(t, s, 300)
	whole := len(export(t, s))
	for n := 0; n < whole; n += whole / 10 {
		if err := Export(t.Context(), s, &failingWriter{n}); !errors.Is(err, errFull) {
			t.Errorf("after %d of %d bytes: %v", n, whole, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Export(ctx, s, &failingWriter{whole}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Each key of the store is in an export, and each member of an export is
// described.
func TestTheExportIsCompleteAndDescribed(t *testing.T) {
	code, err := os.ReadFile("meta.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`(?m)^\t([mM]eta\w+) += "([^"]+)"`).FindAllSubmatch(code, -1)
	if len(keys) < 8 {
		t.Errorf("found %d keys", len(keys))
	}
	for _, k := range keys {
		if name := string(k[1]); slices.Contains(metaKeys, string(k[2])) == (name == "metaCounts") {
			t.Errorf("%s is missing in metaKeys", name)
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "state.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []any{exportHead{}, exportRun{}, exportRecord{}, exportChange{}, exportTag{}, exportExtra{}, exportEnd{}, Base{}, Failure{}} {
		for _, name := range members(reflect.TypeOf(line)) {
			if !bytes.Contains(page, []byte("`"+name+"`")) {
				t.Errorf("docs/state.md does not describe `%s` of %T", name, line)
			}
		}
	}
	if !bytes.Contains(page, fmt.Appendf(nil, "This page is about schema %d.", Schema)) {
		t.Errorf("docs/state.md is not about schema %d", Schema)
	}
	for _, key := range metaKeys {
		if !reserved(key) && !bytes.Contains(page, []byte("`"+key+"`")) {
			t.Errorf("docs/state.md does not describe the key `%s`", key)
		}
	}
}

// members are the names of a struct's members in JSON.
func members(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, members(f.Type)...)
		case name != "-":
			names = append(names, name)
		}
	}
	return names
}
