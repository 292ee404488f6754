//go:build integration && unix

package integration_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/s3"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/test/harness"
)

// store is a bucket with a library, and a manifest that takes all of it.
type store struct {
	*harness.Bucket
	*harness.Library
	tn *harness.Tenant
}

func newStore(t *testing.T, n int, flags ...string) *store {
	t.Helper()
	b := harness.NewBucket(t)
	s := &store{Bucket: b, Library: &harness.Library{Dir: t.TempDir(), Items: map[string]*harness.Item{}}, tn: harness.NewTenant(t, flags...).With(b.Env...)}
	for i := range n {
		s.put(t, fmt.Sprintf("team %d/deck %03d, ü+%%.pdf", i%7, i), sourcetest.Pattern(1000 + 17*i)[i:])
	}
	harness.Write(t, filepath.Join(s.Dir, "campaign.yaml"), []byte(strings.Join([]string{
		"version: 1", "target: {subdomain: acme}", "division: Marketing", "roots: {store: 's3://content/our library'}",
		"include:", "  - files: store:**", `    externalId: "{path}"`, "",
	}, "\n")))
	return s
}

// put makes an object below the root, and says what is to become of it.
func (s *store) put(t *testing.T, at string, data []byte) {
	t.Helper()
	s.Put(t, "our library/"+at, data, time.Now().Add(-time.Hour)) // old enough to be known by its time
	s.expect(at, data)
}

func (s *store) expect(at string, data []byte) {
	sum := md5.Sum(data)
	s.Items[strings.ReplaceAll(at, ",", "%2C")] = &harness.Item{Name: path.Base(at), MD5: hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

// once demands that each of n objects was read whole once, and that heads of
// them had a look at their beginning.
func once(t *testing.T, r harness.Reads, n, heads int) {
	t.Helper()
	if len(r.Whole) != n || r.Total() != n || r.Heads != heads {
		t.Errorf("%d objects were read, in %d requests, and %d beginnings; want %d once, and %d", len(r.Whole), r.Total(), r.Heads, n, heads)
	}
}

// TestObjectsOfS3GoThroughWithoutACopy migrates 500 objects, whose MD5 the store
// knows: planning reads none of their bytes; a run reads each once, after a look
// at its beginning for a web page in its place; and nothing lies on the disk.
func TestObjectsOfS3GoThroughWithoutACopy(t *testing.T) {
	const n = 500
	s := newStore(t, n)
	s.Put(t, "our library/team 1/.DS_Store", []byte("left out"), time.Time{})
	s.Put(t, "our library/team 1/", nil, time.Time{}) // the mark of a folder
	temp := t.TempDir()
	s.tn = s.tn.With("TMPDIR=" + temp)
	s.tn.Run(t, 0, s.Dir, "lint", "campaign.yaml")
	s.tn.Run(t, 8, s.Dir, "plan", "campaign.yaml", "--hash", "--exit-code")
	once(t, s.Reads(), 0, 0)
	run := s.tn.Start(t, s.Dir, "run", "campaign.yaml")
	most := int64(0)
	harness.Until(t, "the run's end", func() bool {
		most = max(most, largest(temp))
		return run.Ended()
	})
	run.Demand(t, 0)
	once(t, s.Reads(), n, n)
	s.Arrived(t, s.tn)
	if most > 500_000 { // the list of paths, and no 2.5 MB of bytes
		t.Errorf("there were %d bytes in the temporary folder", most)
	}
	if text, err := os.ReadFile(filepath.Join(s.Runs(t)[0], "not-included.csv")); err != nil || !strings.Contains(string(text), "store:team 1/.DS_Store") || strings.Count(string(text), "\r\n") != 2 {
		t.Errorf("not included: %s, %v", text, err)
	}
	again := s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml")
	s.tn.Run(t, 0, s.Dir, "plan", "campaign.yaml", "--exit-code")
	s.tn.Run(t, 0, s.Dir, "verify", "campaign.yaml")
	once(t, s.Reads(), 0, 0)
	harness.NoSecrets(t, s.tn, s.Dir, run, again)
	if text := run.Stderr.String() + run.Stdout.String(); strings.Contains(text, "integration-secret") {
		t.Error("the store's secret is told")
	}
}

// largest is how many bytes lie in a folder.
func largest(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// TestAKilledRunFromS3IsContinued fetches again what was under way, and nothing
// else.
func TestAKilledRunFromS3IsContinued(t *testing.T) {
	const n, uploads = 60, 2
	s := newStore(t, n)
	p := s.tn.Start(t, s.Dir, "run", "campaign.yaml", "--settle-time", "1s", "--requests", "2", "--uploads", fmt.Sprint(uploads))
	harness.Until(t, "20 creates", func() bool { return p.Ended() || s.tn.Books(t).Commits["postAssets"] >= 20 })
	if !p.Kill(t) {
		t.Fatal("the run was not killed in time")
	}
	s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml", "--settle-time", "1s")
	s.Arrived(t, s.tn)
	if r := s.Reads(); len(r.Whole) != n || r.Total() > n+uploads {
		t.Errorf("%d objects were read, in %d requests; want all %d, and %d again at most", len(r.Whole), r.Total(), n, uploads)
	}
}

// TestAnObjectThatChangesBetweenPlanAndSending is sent as it is then, never
// half; by a saved plan, not at all.
func TestAnObjectThatChangesBetweenPlanAndSending(t *testing.T) {
	s := newStore(t, 3)
	const key = "team 1/deck 001, ü+%.pdf"
	s.tn.Run(t, 0, s.Dir, "plan", "campaign.yaml", "--out", "plan.ndjson")
	s.tn.Hold(t, "postAssetFiles", 1, "before")
	p := s.tn.Start(t, s.Dir, "run", "campaign.yaml", "--uploads", "1", "--requests", "1")
	if !s.tn.Held(t, p) {
		t.Fatalf("no upload URL was asked for\n%s", &p.Stderr)
	}
	for at := range s.Items { // whichever is held
		at = strings.ReplaceAll(at, "%2C", ",")
		s.put(t, at, []byte("other bytes of "+at))
	}
	s.tn.Release(t, false)
	p.Demand(t, 0)
	s.Arrived(t, s.tn)

	s.put(t, key, []byte("planned"))
	s.tn.Run(t, 0, s.Dir, "plan", "campaign.yaml", "--out", "plan.ndjson")
	before := s.tn.Books(t).Puts
	s.put(t, key, []byte("changed")) // of the same size and time
	stale := s.tn.Run(t, 3, s.Dir, "run", "--plan", "plan.ndjson", "campaign.yaml")
	if now := s.tn.Books(t).Puts; now != before || !strings.Contains(stale.Stdout.String(), "stale-file") {
		t.Errorf("%d uploads\n%s", now-before, &stale.Stdout)
	}
	s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml")
	s.Arrived(t, s.tn)
}

// TestObjectsWithoutAnMD5AreReadTwice hashes what came to the store in parts.
func TestObjectsWithoutAnMD5AreReadTwice(t *testing.T) {
	s := newStore(t, 2)
	data := sourcetest.Pattern(6 << 20)
	s.PutInParts(t, "our library/video.mp4", data, time.Now().Add(-time.Hour))
	s.expect("video.mp4", data)
	s.tn.Run(t, 0, s.Dir, "plan", "campaign.yaml")
	once(t, s.Reads(), 0, 0)
	s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml")
	s.Arrived(t, s.tn)
	if r := s.Reads(); r.Whole["our library/video.mp4"] != 2 {
		t.Errorf("read: %v", r.Whole)
	}
	s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml")
	once(t, s.Reads(), 0, 0)
}

// TestAnETagThatLiesDoesNoHarm makes the store tell a wrong MD5 of an object:
// its bytes arrive all the same, and the next run knows better.
func TestAnETagThatLiesDoesNoHarm(t *testing.T) {
	s := newStore(t, 3)
	s.Answer = func(r *http.Response) {
		if strings.Contains(r.Request.URL.Path, "deck 001") {
			r.Header.Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		}
	}
	s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml")
	s.Arrived(t, s.tn)
	before := s.tn.Books(t).Puts
	s.Reads()
	s.tn.Run(t, 0, s.Dir, "run", "campaign.yaml")
	s.Arrived(t, s.tn)
	once(t, s.Reads(), 0, 0)
	if now := s.tn.Books(t).Puts; now != before {
		t.Errorf("the second run sent %d files", now-before)
	}
}

// TestAWebPageInPlaceOfAnObjectIsNotSent has a look at it before anything is made.
func TestAWebPageInPlaceOfAnObjectIsNotSent(t *testing.T) {
	s := newStore(t, 2)
	s.Put(t, "our library/sign in.pdf", []byte("<!DOCTYPE html><html><body>Please sign in</body></html>"), time.Time{})
	s.tn.Run(t, 3, s.Dir, "run", "campaign.yaml")
	s.Arrived(t, s.tn)
	once(t, s.Reads(), 2, 3)
}

// TestWhatTheStoreRefuses is told before anything is sent to the service.
func TestWhatTheStoreRefuses(t *testing.T) {
	s := newStore(t, 1)
	for name, tt := range map[string]struct {
		env   string
		words string
	}{
		"another key":    {"AWS_ACCESS_KEY_ID=AKIDNOBODY", "access key"},
		"another secret": {"AWS_SECRET_ACCESS_KEY=wrong", "SignatureDoesNotMatch"},
		"another region": {"AWS_REGION=eu-west-1", "set AWS_REGION=us-east-1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.tn.With(tt.env).Run(t, 2, s.Dir, "plan", "campaign.yaml")
			if !strings.Contains(p.Stderr.String(), tt.words) || !strings.Contains(p.Stderr.String(), "campaign.yaml:6:12: M064: store: cannot be listed") {
				t.Errorf("%s", &p.Stderr)
			}
		})
	}
	harness.Write(t, filepath.Join(s.Dir, "none.yaml"), []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\nroots: {store: 's3://nothing'}\ninclude:\n  - files: store:**\n"))
	if p := s.tn.Run(t, 2, s.Dir, "lint", "none.yaml"); !strings.Contains(p.Stderr.String()+p.Stdout.String(), `no bucket "nothing"`) {
		t.Errorf("%s%s", &p.Stderr, &p.Stdout)
	}
	harness.Write(t, filepath.Join(s.Dir, "whole.yaml"), []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\nassets:\n  - {externalId: a, file: 's3://content/our library/team 0/deck 000, ü+%.pdf'}\n  - {externalId: b, file: 's3://content/none.pdf'}\n"))
	if p := s.tn.Run(t, 3, s.Dir, "plan", "whole.yaml"); !strings.Contains(p.Stdout.String(), "s3://content/none.pdf") {
		t.Errorf("%s%s", &p.Stderr, &p.Stdout)
	}
}

// TestARealStorePassesTheSuite holds the source to its promises at a server
// that checks signatures.
func TestARealStorePassesTheSuite(t *testing.T) {
	place := func(t *testing.T, files map[string]sourcetest.File) sourcetest.Place {
		b := harness.NewBucket(t)
		for _, v := range b.Env {
			name, value, _ := strings.Cut(v, "=")
			t.Setenv(name, value)
		}
		put := func(at string, f sourcetest.File) {
			data, err := io.ReadAll(f.Reader())
			if err != nil {
				t.Fatal(err)
			}
			b.Put(t, "some/where/"+at, data, f.ModTime)
		}
		for at, f := range files {
			put(at, f)
		}
		b.Put(t, "some/whereelse.txt", []byte("x"), time.Time{})
		store, err := s3.New(s3.FromEnv(os.Getenv))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		src, err := store.Root(t.Context(), "s3://content/some/where")
		if err != nil {
			t.Fatal(err)
		}
		return sourcetest.Place{Source: src, Set: put, Remove: func(at string) { b.Remove(t, "some/where/"+at) }}
	}
	t.Run("still", func(t *testing.T) {
		sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source { return place(t, files).Source })
	})
	t.Run("changing", func(t *testing.T) { sourcetest.RunChanging(t, place) })
}
