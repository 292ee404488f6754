package emulator_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// killed copies the folder of a Server that is still running, which is what a
// process finds that starts after the first was killed.
func killed(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestEverythingSurvivesAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "sandbox")
	opts := emulator.Options{Dir: dir, Processing: time.Hour}
	s := newServer(t, opts)
	tag := func(name string) string {
		return want(t, 201, s, "POST", "/v4/tags", `{"name":"`+name+`","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	}
	one, two := tag("One"), tag("Two")
	a := create(t, s, "a.pdf", "A", `,"description":"d","tags":[{"id":"`+one+`"},{"id":"`+two+`"}],"expiresAt":"2027-01-01T00:00:00Z","enforcedPages":{"prepend":[{"start":1,"end":2}],"append":null}`)
	ka := upload(t, s, a, "hello")
	b := create(t, s, "b.pdf", "B", "")
	kb := ask(t, s, b, "later")
	gone := create(t, s, "c.pdf", "C", "")
	kg := upload(t, s, gone, "gone")
	want(t, 204, s, "DELETE", "/v4/assets/"+gone, "")
	want(t, 200, s, "POST", "/v4/assets/"+b, `{"description":"changed"}`)
	want(t, 204, s, "DELETE", "/v4/tags/"+two, "")
	want(t, 200, s, "POST", "/v4/tags/"+one, `{"name":"Uno"}`)
	category := func(name, more string) string {
		return want(t, 201, s, "POST", "/v4/tag-categories", `{"name":"`+name+`","division":{"id":"`+emulator.DivisionMarketing+`"}`+more+`}`).text("id")
	}
	region := category("Region", "")
	category("EMEA", `,"parent":{"id":"`+region+`"},"tags":[{"id":"`+one+`"}]`)
	closed := category("Closed", `,"isPublished":false`)
	want(t, 200, s, "POST", "/v4/tag-categories/"+closed, `{"name":"Ended"}`)
	want(t, 204, s, "DELETE", "/v4/tag-categories/"+category("Gone", ""), "")
	tree := s.Categories()
	want(t, 201, s, "POST", "/v4/shares", `{"title":"S","origin":"o","assets":[],"isDownloadAllowed":false,"expiresAt":"2027-01-01T00:00:00Z"}`)
	shares := s.Shares()
	give(t, s, 201, "", "a.pdf", "hello", map[string]*string{"isShareable": new("true")})
	ticket := give(t, s, 201, "", "b.pdf", "hello", nil)["id"].(string)
	want(t, 200, s, "POST", v3Base+"/tickets/"+ticket+"/cancel", "")
	token := refresh(t, s, 200, emulator.DefaultRefreshToken)
	s.Advance(2 * time.Hour)
	was, personal := s.Assets(), s.PersonalFiles()

	opts.Dir = killed(t, dir)
	for round := range 3 {
		s = newServer(t, opts)
		if diff := cmp.Diff(was, s.Assets()); diff != "" {
			t.Fatalf("start %d (-before +after):\n%s", round+1, diff)
		}
		if diff := cmp.Diff(shares, s.Shares()); diff != "" || len(shares) != 1 {
			t.Fatalf("start %d, shares (-before +after):\n%s", round+1, diff)
		}
		if diff := cmp.Diff(tree, s.Categories()); diff != "" || len(tree) != 3 {
			t.Fatalf("start %d, categories (-before +after):\n%s", round+1, diff)
		}
		if diff := cmp.Diff(personal, s.PersonalFiles()); diff != "" || len(personal) != 2 {
			t.Fatalf("start %d, My Files (-before +after):\n%s", round+1, diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = newServer(t, opts)
	if b, err := s.Open(personal[0].ID); err != nil {
		t.Error(err)
	} else if err := b.Close(); err != nil {
		t.Error(err)
	}
	if got := statusOf(t, s, a); got != "active" {
		t.Errorf("a: %s", got)
	}
	if got := want(t, 200, s, "GET", "/v4/assets?tagIds="+one+"&externalIds=A", "").json["count"]; got != 1.0 {
		t.Errorf("by tag and external id: %v", got)
	}
	if got := want(t, 200, s, "GET", "/v4/tags", ""); got.json["count"] != 1.0 || got.items()[0]["name"] != "Uno" {
		t.Errorf("tags: %s", got.body)
	}
	r, err := s.Open(ka.fileID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); string(b) != "hello" || err != nil {
		t.Errorf("bytes: %q %v", b, err)
	}
	if _, err := s.Open(kg.fileID); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("bytes of a deleted asset: %v", err)
	}
	refresh(t, s, 400, emulator.DefaultRefreshToken)
	refresh(t, s, 200, token.text("refresh_token"))
	list(t, s, 401, token.text("access_token")) // two hours have passed on its clock

	// New ids are new, and an upload URL of before is still good.
	s.Advance(-2 * time.Hour)
	want(t, 200, s, "PUT", kb.url, "later", kb.header...)
	if id := create(t, s, "d.pdf", "D", ""); id == gone || id == a || id == b {
		t.Errorf("the id %s is given twice", id)
	}
}

func TestALineThatWasBeingWrittenIsDropped(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, emulator.Options{Dir: dir})
	create(t, s, "a.pdf", "A", "")
	copied := killed(t, dir)
	journal := filepath.Join(copied, "journal.ndjson")
	b, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journal, append(b, `{"asset":{"ID":"half`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "blobs", "x.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = newServer(t, emulator.Options{Dir: copied})
	if got := s.Assets(); len(got) != 1 || got[0].ExternalID != "A" {
		t.Errorf("%+v", got)
	}
	create(t, s, "b.pdf", "B", "")
	if left, err := os.ReadDir(filepath.Join(copied, "blobs")); len(left) != 0 || err != nil {
		t.Errorf("left: %v %v", left, err)
	}
	s = newServer(t, emulator.Options{Dir: killed(t, copied)})
	if got := s.Assets(); len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestFoldersThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, emulator.Options{Dir: dir})
	create(t, s, "a.pdf", "A", "")
	if _, err := emulator.New(emulator.Options{Dir: dir}); !errors.Is(err, emulator.ErrInUse) {
		t.Errorf("a folder that is open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, 500, s, "POST", "/v4/assets", createBody("b.pdf", "B", "")) // closed: nothing is promised that is not kept
	_, err := emulator.New(emulator.Options{Dir: dir, Subdomain: "other"})
	if err == nil || !strings.Contains(err.Error(), "belongs to the tenant acme") {
		t.Errorf("another tenant: %v", err)
	}
	journal := filepath.Join(dir, "journal.ndjson")
	for content, want := range map[string]string{"{}\nnonsense\n{}\n": ":2:", `{"meta":{"Version":99}}` + "\n": "version 99"} {
		if err := os.WriteFile(journal, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := emulator.New(emulator.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := emulator.New(emulator.Options{Dir: file}); err == nil {
		t.Error("a file is accepted as a folder")
	}
}

func TestARefusedUploadLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, emulator.Options{Dir: dir})
	k := ask(t, s, create(t, s, "a.pdf", "A", ""), "hello")
	want(t, 400, s, "PUT", k.url, "hallo", k.header...)
	s.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindResetMid})
	if _, err := send(t, s, "PUT", k.url, "hello", k.header...); err == nil {
		t.Error("answered")
	}
	if left, err := os.ReadDir(filepath.Join(dir, "blobs")); len(left) != 0 || err != nil {
		t.Errorf("left: %v %v", left, err)
	}
}
