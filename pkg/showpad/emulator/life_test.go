package emulator_test

import (
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestAnAssetFromCreateToActive(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true})
	id := create(t, s, "deck.pptx", "SP-1", "")
	a := want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if a.text("status") != "prepared" || a.json["currentFile"] != nil || a.json["checksum"] != nil || a.json["size"] != nil {
		t.Errorf("before the upload: %s", a.body)
	}
	k := upload(t, s, id, "hello")
	a = want(t, 200, s, "GET", "/v4/assets/"+id, "")
	if a.text("status") != "active" || a.text("checksum") != "5d41402abc4b2a76b9719d911017c592" || a.json["size"] != 5.0 {
		t.Errorf("after the upload: %s", a.body)
	}
	if got := a.json["currentFile"].(map[string]any)["id"]; got != k.fileID {
		t.Errorf("current file %v, want %s", got, k.fileID)
	}
	if b := s.Books(); b.API != 4 || b.Puts != 1 || b.Unknown != 0 || len(b.Orphans) != 0 || len(b.Duplicates) != 0 {
		t.Errorf("books: %+v", b)
	}
}
