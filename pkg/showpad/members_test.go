package showpad

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"testing"
)

// FuzzMembers: an object that is read at all is read as encoding/json reads it.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{
		fixture(f, "asset.json"), fixture(f, "asset-prepared.json"), `{}`, ` { "a" : 1 } `, `{"a":[1,{"b":"]}"}],"c":"\\\"","d":-1.5e3,"e":null,"f":true}`,
		`{"a":1,"a":{"b":2}}`, `{"\u0061":1}`, `{"é":"é"}`, `{"a":"\ud800"}`, `[]`, `null`, `"{"`, `{"":{}}`, "{\"a\"\t:\r\n[ ]\n,\"b\":0}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := members(b, 0)
		if !json.Valid(b) {
			return // must not panic, and may say anything
		}
		if o, whole := readObject(b); ok != whole || ok && !maps.EqualFunc(got, maps.Collect(o.All()), func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%s: %s and %v, %v", b, got, o, whole)
		}
		want := map[string]json.RawMessage{}
		if json.Unmarshal(b, &want) != nil || want == nil {
			if ok {
				t.Errorf("%s is no object, and was read as %s", b, got)
			}
			return
		}
		if !ok {
			for name := range want {
				if quoted, err := json.Marshal(name); err == nil && !bytes.Contains(b, quoted) {
					return // a name with escapes
				}
				if _, simple := plain([]byte(`"` + name + `"`)); !simple {
					return
				}
			}
			t.Fatalf("%s was not read", b)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d members, want %d", b, len(got), len(want))
		}
		for name, raw := range want {
			if !bytes.Equal(got[name], raw) {
				t.Errorf("%s: %s is %s, want %s", b, name, got[name], raw)
			}
		}
	})
}

// Members of other shapes than expected are read as encoding/json reads them.
func TestAssetReadsWhatEncodingReads(t *testing.T) {
	for _, in := range []string{
		`{"id":"\u0061\n","name":"Größe.pdf","division":{"\u0069d":"d"},"currentFile":{"id":"f","x":[1]}}`,
		`{"id":1,"name":null,"division":null,"currentFile":"f","isArchived":"yes","size":"x","checksum":true}`,
		`{"id":"a","isArchived":true,"createdAt":null,"updatedAt":"2026-03-10T15:43:25Z","size":7,"division":["d"],"currentFile":null,"id":"b"}`,
		` {"id" : "a" , "status":"active","type":"document","slug":"s","checksum":"ABCDEF","externalId":"SP-1" } `,
	} {
		type plainAsset Asset
		var p struct {
			plainAsset
			Size lenientInt `json:"size"`
		}
		if err := lenient(json.Unmarshal([]byte(in), &p)); err != nil {
			t.Fatal(err)
		}
		want := Asset(p.plainAsset)
		var a Asset
		if err := json.Unmarshal([]byte(in), &a); err != nil {
			t.Fatal(err)
		}
		wantFile, file := "", ""
		if want.CurrentFile != nil {
			wantFile = want.CurrentFile.ID
		}
		if a.CurrentFile != nil {
			file = a.CurrentFile.ID
		}
		if a.ID != want.ID || a.Name != want.Name || a.Status != want.Status || a.Type != want.Type || a.Slug != want.Slug || a.ExternalID != want.ExternalID ||
			a.Division != want.Division || file != wantFile || a.IsArchived != want.IsArchived || !a.UpdatedAt.Equal(want.UpdatedAt.Time) || !a.CreatedAt.Equal(want.CreatedAt.Time) {
			t.Errorf("%s\ngot  %+v\nwant %+v", in, a, want)
		}
	}
}

// Lists and upload answers are read as encoding/json reads them, whatever shape
// they have.
func TestWhatIsCutIsWhatEncodingReads(t *testing.T) {
	for _, in := range []string{
		`{"count":2,"items":[{"id":"a","name":"]}"}, {"id":"b"}],"next":null}`, `{"count":0,"items":[]}`, `{"count":"1","items":[ {"id":"a"} ]}`,
		`{"count":0,"items":null}`, `{"count":0}`, `{"items":[{"id":"a"}]}`, `{"count":1,"items":{"id":"a"}}`, `{"count":null,"items":[7,"x",{"id":"a"}]}`,
		`{"\u0063ount":1,"items":[{"id":"a"}]}`, `{"count":1,"items":[{"id":"a"}]`, `{"count":3.0,"items":[[],{}]}`,
	} {
		var want page
		wantErr := lenient(json.Unmarshal([]byte(in), &want))
		if wantErr == nil && want.Items == nil && !want.Count.isZero() {
			wantErr = errors.New("it has no items")
		}
		got, refs, err := decodePage[Ref]([]byte(in))
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v, want %v", in, err, wantErr)
			continue
		} else if err != nil {
			continue
		}
		n, known := got.Count.get()
		if wantN, wantKnown := want.Count.get(); n != wantN || known != wantKnown || len(got.Items) != len(want.Items) || len(refs) != len(want.Items) {
			t.Errorf("%s: %d %v, %s", in, n, known, got.Items)
			continue
		}
		for i := range want.Items {
			if !bytes.Equal(bytes.TrimSpace(want.Items[i]), got.Items[i]) {
				t.Errorf("%s: %s, want %s", in, got.Items[i], want.Items[i])
			}
		}
	}
	for _, in := range []string{
		`{"id":"f","uploadMeta":{"uploadUrl":"https://x/?a=1&b=2","suggestedContentType":"text/plain","metadata":{"x-amz-meta-a":"1","b":"\u0061"}}}`,
		`{"id":"f","uploadMeta":{"uploadUrl":"u\u0026v","metadata":{}}}`, `{"uploadMeta":{"metadata":null,"uploadUrl":"u"}}`, `{"uploadMeta":null,"id":"f"}`, `{}`,
		`{"\u0069d":"f","uploadMeta":{"uploadUrl":"u","suggestedContentType":null}}`,
	} {
		type usual uploadAnswer
		var want usual
		if err := json.Unmarshal([]byte(in), &want); err != nil {
			t.Fatal(err)
		}
		var got uploadAnswer
		if err := json.Unmarshal([]byte(in), &got); err != nil || got.ID != want.ID || got.UploadMeta.UploadURL != want.UploadMeta.UploadURL ||
			got.UploadMeta.SuggestedContentType != want.UploadMeta.SuggestedContentType || !maps.Equal(got.UploadMeta.Metadata, want.UploadMeta.Metadata) {
			t.Errorf("%s: %+v, %v, want %+v", in, got, err, want)
		}
	}
}
