package showpad

import (
	"bytes"
	"encoding/json"
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
