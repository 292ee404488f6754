package report

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// withShares is a state with shares of two manifests, one of them never answered.
func withShares(t *testing.T) *state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "x.state.db"), state.Options{Tenant: "acme", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	put := func(e state.Extra, data pipeline.ShareData, links *pipeline.ShareLinks) {
		t.Helper()
		e.Kind = state.Share
		if e.Run = "r1"; e.Owner != "m" {
			e.Run = "r2"
		}
		var err error
		if e.Data, err = json.Marshal(data); err != nil {
			t.Fatal(err)
		}
		if links != nil {
			if e.Secret, err = json.Marshal(links); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutExtra(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2027, 8, 24, 14, 15, 22, 0, time.UTC)
	put(state.Extra{Key: "q3", Owner: "m", Status: state.ExtraDone, ID: "s1"},
		pipeline.ShareData{Name: "=Q3", Assets: []string{"SP-1#3", "SP-2"}, ExpiresAt: at, CreatedAt: at},
		&pipeline.ShareLinks{Anonymous: "https://acme.example.com/share/a", Untracked: "https://acme.example.com/share/u", Trackable: "https://acme.example.com/link/t?x=1"})
	put(state.Extra{Key: "lost", Owner: "m", Status: state.ExtraSending}, pipeline.ShareData{Name: "Lost", Assets: []string{"SP-2"}}, nil)
	put(state.Extra{Key: "other", Owner: "m2", Status: state.ExtraDone, ID: "s3"}, pipeline.ShareData{Name: "Other"}, nil)
	return s
}

const wantShares = "\ufeffkey,title,status,id,anonymous,untracked,trackable,expiresAt,createdAt,assets,run\r\n" +
	"lost,Lost,unknown,,,,,,,SP-2,r1\r\n" +
	"q3,'=Q3,done,s1,https://acme.example.com/share/a,https://acme.example.com/share/u,https://acme.example.com/link/t?x=1,2027-08-24T14:15:22Z,2027-08-24T14:15:22Z,SP-1#3 SP-2,r1\r\n"

func TestSharesAreInTheEvidence(t *testing.T) {
	st := withShares(t)
	for _, killed := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "r1")
		w, err := Create(dir, Info{Run: "r1", Start: time.Now(), Manifest: ManifestInfo{Path: "m.yaml"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []pipeline.Result{{ExternalID: "SP-1", Status: "done"}, {Kind: state.Share, Key: "q3", Status: "done", Run: "r1"}} {
			if err := w.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if killed {
			if err := w.Abandon(); err != nil {
				t.Fatal(err)
			}
			if _, err := Recover(t.Context(), dir, st, state.Run{ID: "r1", Manifest: "m"}); err != nil {
				t.Fatal(err)
			}
		} else {
			if err := w.Shares(t.Context(), st, "m"); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Close(pipeline.Outcome{Run: "r1"}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(filepath.Join(dir, SharesFile))
		if err != nil || string(got) != wantShares {
			t.Errorf("killed %v: %s, %v", killed, got, err)
		}
		if info, err := os.Stat(filepath.Join(dir, SharesFile)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		sums, err := os.ReadFile(filepath.Join(dir, SumsFile))
		if err != nil || !strings.Contains(string(sums), "  "+SharesFile) {
			t.Errorf("%s, %v", sums, err)
		}
		if v, err := Verify(dir); err != nil || !v.OK() {
			t.Errorf("%+v, %v", v, err)
		}
		var s Summary
		if err := readJSON(dir, SummaryFile, &s); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"done": 1}
		if killed { // the other one is known by its record alone
			want["unknown"] = 1
		}
		if s.Items != 1 || len(s.Extras[state.Share]) != len(want) || s.Extras[state.Share]["done"] != 1 {
			t.Errorf("killed %v: %+v", killed, s)
		}
		for _, name := range []string{SuccessFile, FailuresFile, MappingFile} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.Contains(string(b), "q3") {
				t.Errorf("%s: %s, %v", name, b, err)
			}
		}
		noLinks(t, dir)
	}
}

// noLinks looks for links in all files but shares.csv.
func noLinks(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "acme.example.com") != (e.Name() == SharesFile) {
			t.Errorf("%s: %s", e.Name(), b)
		}
	}
}

func TestNoSharesNoFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r1")
	w, err := Create(dir, Info{Run: "r1", Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Shares(context.Background(), withShares(t), "nobody"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(pipeline.Outcome{Run: "r1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, SharesFile)); err == nil {
		t.Error("there is a file")
	}
}

func TestTrackableLinks(t *testing.T) {
	for _, c := range []struct{ link, recipient, platform, want string }{
		{"https://x.example.com/l/t", "", "", "https://x.example.com/l/t"},
		{"https://x.example.com/l/t", "a+b@example.com", "e-mail & more", "https://x.example.com/l/t?platform=e-mail+%26+more&recipient=a%2Bb%40example.com"},
		{"https://x.example.com/l/t?x=1", "a@example.com", "", "https://x.example.com/l/t?recipient=a%40example.com&x=1"},
		{"", "a@example.com", "", ""},
	} {
		if got, err := Trackable(c.link, c.recipient, c.platform); err != nil || got != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
	if _, err := Trackable("https://x.example.com/%zz-secret", "a", ""); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
