package emulator_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func statusOf(t *testing.T, s *emulator.Server, id string) string {
	t.Helper()
	return want(t, 200, s, "GET", "/v4/assets/"+id, "").text("status")
}

func TestAnAssetFromCreateToActive(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true})
	id := create(t, s, "deck.pptx", "SP-1", "")
	a := want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if a.text("status") != "prepared" || a.json["currentFile"] != nil || a.json["checksum"] != nil || a.json["size"] != nil {
		t.Errorf("before the upload: %s", a.body)
	}
	if b := s.Books(); len(b.Orphans) != 1 || b.Orphans[0] != id {
		t.Errorf("orphans before the upload: %v", b.Orphans)
	}
	k := upload(t, s, id, "hello")
	a = want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if a.text("status") != "active" || a.text("checksum") != "5d41402abc4b2a76b9719d911017c592" || a.json["size"] != 5.0 {
		t.Errorf("after the upload: %s", a.body)
	}
	if got := a.json["currentFile"].(map[string]any)["id"]; got != k.fileID {
		t.Errorf("current file %v, want %s", got, k.fileID)
	}
	if b := s.Books(); b.API != 4 || b.Puts != 1 || b.Unknown != 0 || len(b.Orphans) != 0 || len(b.Duplicates) != 0 || b.FileVersions[id] != 1 {
		t.Errorf("books: %+v", b)
	}
	r, err := s.Open(k.fileID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "hello" || err != nil {
		t.Errorf("kept bytes: %q, %v", b, err)
	}
	if _, err := s.Open("no-such-file"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening what is not there: %v", err)
	}
}

func TestProcessingMovesOnTheClock(t *testing.T) {
	s := newServer(t, emulator.Options{Processing: 40 * time.Second})
	id := create(t, s, "deck.pdf", "SP-1", "")
	k := upload(t, s, id, "hello")
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "queued"}, {11 * time.Second, "processing"}, {28 * time.Second, "processing"}, {2 * time.Second, "active"}} {
		s.Advance(step.after)
		if got := statusOf(t, s, id); got != step.want {
			t.Errorf("%s later: %s, want %s", step.after, got, step.want)
		}
		file := want(t, 200, s, "GET", "/v4/assets/"+id+"/files/"+k.fileID, "")
		if got := file.text("status"); got != step.want {
			t.Errorf("the file, %s later: %s, want %s", step.after, got, step.want)
		}
	}
}

func TestAnActiveAssetStaysActiveWhileANewVersionIsProcessed(t *testing.T) {
	s := newServer(t, emulator.Options{Processing: time.Minute})
	id := create(t, s, "deck.pdf", "SP-1", "")
	first := upload(t, s, id, "one")
	s.Advance(time.Minute)
	second := upload(t, s, id, "three")
	current := func() (string, any) {
		a := want(t, 200, s, "GET", "/v4/assets/"+id, "")
		if a.text("status") != "active" {
			t.Errorf("status %s", a.text("status"))
		}
		return a.json["currentFile"].(map[string]any)["id"].(string), a.json["size"]
	}
	if id, size := current(); id != first.fileID || size != 3.0 {
		t.Errorf("while processing: %s %v", id, size)
	}
	s.Advance(time.Minute)
	if id, size := current(); id != second.fileID || size != 5.0 {
		t.Errorf("afterwards: %s %v", id, size)
	}
	files := want(t, 200, s, "GET", "/v4/assets/"+id+"/files", "")
	if files.json["count"] != 2.0 {
		t.Errorf("files: %s", files.body)
	}
}

func TestAnOlderVersionThatEndsLaterDoesNotReplaceANewerOne(t *testing.T) {
	s := newServer(t, emulator.Options{Processing: time.Hour})
	id := create(t, s, "deck.pdf", "SP-1", "")
	upload(t, s, id, "slow")
	s.Switch(func(sw *emulator.Switches) {
		sw.Processing = []emulator.ProcessingTime{{Pattern: "*.pdf", Time: emulator.Duration(time.Second)}}
	})
	quick := upload(t, s, id, "quick!")
	for _, d := range []time.Duration{time.Second, time.Hour} {
		s.Advance(d)
		if got := s.Assets()[0]; got.CurrentFile != quick.fileID || got.Size != 6 {
			t.Errorf("%s later: %+v", d, got)
		}
	}
}

func TestFailedAndStuckProcessing(t *testing.T) {
	s := newServer(t, emulator.Options{Switches: emulator.Switches{FailProcessing: "bad*", StuckProcessing: "slow*"}})
	bad, slow := create(t, s, "bad.pdf", "A", ""), create(t, s, "slow.pdf", "B", "")
	k := upload(t, s, bad, "x")
	upload(t, s, slow, "y")
	s.Advance(time.Hour)
	if got := statusOf(t, s, bad); got != "failed" {
		t.Errorf("bad: %s", got)
	}
	file := want(t, 200, s, "GET", "/v4/assets/"+bad+"/files/"+k.fileID, "")
	if file.text("status") != "failed" || file.text("error") == "" {
		t.Errorf("the reason stands on the file: %s", file.body)
	}
	if got := statusOf(t, s, slow); got != "processing" {
		t.Errorf("slow: %s", got)
	}
	s.Switch(func(sw *emulator.Switches) { sw.FailProcessing, sw.StuckProcessing = "", "" })
	if got := statusOf(t, s, slow); got != "active" {
		t.Errorf("slow, once the outage is over: %s", got)
	}
	upload(t, s, bad, "better")
	if got := statusOf(t, s, bad); got != "active" {
		t.Errorf("bad, with a new version: %s", got)
	}
}

func TestAURLAssetIsActiveAtOnceAndTakesNoBytes(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "pricing.url", "SP-1", `,"url":"https://www.example.com/pricing"`)
	a := want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if a.text("status") != "active" || a.text("type") != "url" || a.text("url") != "https://www.example.com/pricing" {
		t.Errorf("%s", a.body)
	}
	want(t, 400, s, "POST", "/v4/assets/"+id+"/files", "{}")
	if b := s.Books(); len(b.Orphans) != 0 {
		t.Errorf("a link is no orphan: %v", b.Orphans)
	}
}

func TestDeleteIsFinal(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true})
	id := create(t, s, "a.pdf", "SP-1", "")
	k := ask(t, s, id, "x")
	keep := create(t, s, "b.pdf", "SP-2", "")
	want(t, 204, s, "DELETE", "/v4/assets/"+id, "")
	want(t, 404, s, "GET", "/v4/assets/"+id, "")
	want(t, 404, s, "DELETE", "/v4/assets/"+id, "")
	want(t, 200, s, "PUT", k.url, "x", k.header...) // storage knows nothing of assets
	if _, err := s.Open(k.fileID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bytes of a deleted asset: %v", err)
	}
	for _, query := range []string{"", "?externalIds=SP-1,SP-2", "?ids=" + id + "," + keep} {
		r := want(t, 200, s, "GET", "/v4/assets"+query, "")
		if r.json["count"] != 1.0 || r.items()[0]["id"] != keep {
			t.Errorf("%s: %s", query, r.body)
		}
	}
}

func TestManyDeletesKeepTheOrder(t *testing.T) {
	s := newServer(t, emulator.Options{})
	var ids []string
	for range 200 {
		ids = append(ids, create(t, s, "a.pdf", "X", ""))
	}
	for i, id := range ids {
		if i%10 != 0 {
			want(t, 204, s, "DELETE", "/v4/assets/"+id, "")
		}
	}
	r := want(t, 200, s, "GET", "/v4/assets", "")
	if r.json["count"] != 20.0 {
		t.Fatalf("count %v", r.json["count"])
	}
	for i, a := range r.items() {
		if a["id"] != ids[i*10] {
			t.Errorf("place %d: %v", i, a["id"])
		}
	}
}

func TestNewAssetsLag(t *testing.T) {
	s := newServer(t, emulator.Options{
		ListLag: 700 * time.Millisecond, Switches: emulator.Switches{ReadLag: emulator.Duration(300 * time.Millisecond)},
		Now: func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) },
	})
	id := create(t, s, "a.pdf", "SP-1", "")
	count := func() any { return want(t, 200, s, "GET", "/v4/assets?externalIds=SP-1", "").json["count"] }
	want(t, 404, s, "GET", "/v4/assets/"+id, "")
	s.Advance(400 * time.Millisecond)
	want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if got := count(); got != 0.0 {
		t.Errorf("in lists after 400 ms: %v", got)
	}
	s.Advance(400 * time.Millisecond)
	if got := count(); got != 1.0 {
		t.Errorf("in lists after 800 ms: %v", got)
	}
	s.Switch(func(sw *emulator.Switches) { sw.ListLag = emulator.Duration(2 * time.Second) })
	create(t, s, "b.pdf", "SP-1", "")
	s.Advance(time.Second)
	if got := count(); got != 1.0 {
		t.Errorf("in lists after 1 s of 2: %v", got)
	}
}

func TestDefaultsOfACreate(t *testing.T) {
	s := newServer(t, emulator.Options{})
	r := want(t, 201, s, "POST", "/v4/assets", `{"name":"a.pdf","division":{"id":"`+emulator.DivisionSales+`"}}`)
	p := r.json["permissions"].(map[string]any)
	if p["isAnnotatable"] != true || p["isShareable"] != true || p["isEditable"] != false {
		t.Errorf("permissions: %v", p)
	}
	for name, want := range map[string]any{
		"externalId": nil, "description": nil, "expiresAt": nil, "url": nil, "enforcedPages": nil, "localization": nil, "lastUploadedAt": nil,
		"isProcessedUsed": true, "isArchived": false, "isSensitive": false, "isDivisionShared": false, "type": "document", "status": "prepared",
	} {
		if got, ok := r.json[name]; !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if authors := r.json["authors"].([]any); len(authors) != 1 {
		t.Errorf("the caller is the author: %v", authors)
	}
	if _, ok := r.json["origin"]; ok {
		t.Error("origin is never returned")
	}
}

func TestTypesByExtension(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for name, kind := range map[string]string{
		"a.PDF": "document", "a.pptx": "document", "a.jpg": "photo", "a.mp4": "video", "a.mp3": "audio", "a.glb": "3d-model", "a.zip": "raw", "a": "raw",
	} {
		r := want(t, 201, s, "POST", "/v4/assets", createBody(name, "x", ""))
		if got := r.text("type"); got != kind {
			t.Errorf("%s: %s, want %s", name, got, kind)
		}
	}
}

func TestHandlerIsTheSameAsRoundTripper(t *testing.T) {
	var _ http.Handler = (*emulator.Server)(nil)
	s := newServer(t, emulator.Options{})
	rt, url := serve(t, s)
	id := want(t, 201, rt, "POST", url+"/v4/assets", createBody("a.pdf", "SP-1", "")).text("id")
	sum := want(t, 201, rt, "POST", url+"/v4/assets/"+id+"/files", "")
	target := sum.json["uploadMeta"].(map[string]any)["uploadUrl"].(string)
	want(t, 200, rt, "PUT", target, "hello", "Content-Type", "application/pdf", "x-amz-meta-asset-id", id, "x-amz-meta-origin", "showpad")
	r := want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if r.text("status") != "active" || r.json["size"] != 5.0 {
		t.Errorf("%s", r.body)
	}
}
