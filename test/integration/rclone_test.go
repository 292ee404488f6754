//go:build integration && unix

package integration_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/rclone"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
	"github.com/showpad-migrate/migrate/test/harness"
)

// far is a remote with a library, and a manifest that takes all of it.
type far struct {
	*harness.Remote
	*harness.Library
	tn *harness.Tenant
}

// newFar makes a library of n files. put puts one there.
func newFar(t *testing.T, r *harness.Remote, place string, n int, put func(at string, data []byte)) *far {
	t.Helper()
	f := &far{Remote: r, Library: &harness.Library{Dir: t.TempDir(), Items: map[string]*harness.Item{}}, tn: harness.NewTenant(t).With(r.Env...)}
	for i := range n {
		at, data := fmt.Sprintf("team %d/deck %03d, ü+%%.pdf", i%7, i), sourcetest.Pattern(1000 + 17*i)[i:]
		put("our library/"+at, data)
		sum := md5.Sum(data)
		f.Items[strings.ReplaceAll(at, ",", "%2C")] = &harness.Item{Name: path.Base(at), MD5: hex.EncodeToString(sum[:]), Size: int64(len(data))}
	}
	harness.Write(t, filepath.Join(f.Library.Dir, "campaign.yaml"), []byte(strings.Join([]string{
		"version: 1", "target: {subdomain: acme}", "division: Marketing", "roots: {sp: '" + place + "our library'}",
		"include:", "  - files: sp:**", `    externalId: "{path}"`, "",
	}, "\n")))
	return f
}

func served(t *testing.T, kind string, n int) *far {
	r := harness.NewRemote(t, kind)
	return newFar(t, r, "far:", n, func(at string, data []byte) { writeAt(t, r.Dir, at, data, time.Now().Add(-time.Hour)) })
}

func writeAt(t *testing.T, dir, at string, data []byte, when time.Time) {
	t.Helper()
	name := filepath.Join(dir, filepath.FromSlash(at))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	harness.Write(t, name, data)
	if when.IsZero() {
		return
	}
	if err := os.Chtimes(name, when, when); err != nil {
		t.Fatal(err)
	}
}

// TestRemotesArriveAndASecondRunChangesNothing: from SFTP and WebDAV, which
// tell no MD5 for nothing, and from S3 by way of rclone, which does.
func TestRemotesArriveAndASecondRunChangesNothing(t *testing.T) {
	for name, newLibrary := range map[string]func(t *testing.T) *far{
		"sftp":   func(t *testing.T) *far { return served(t, "sftp", 500) },
		"webdav": func(t *testing.T) *far { return served(t, "webdav", 60) },
		"s3": func(t *testing.T) *far {
			b := harness.NewBucket(t)
			return newFar(t, harness.NewBucketRemote(t, b), "far:content/", 60, func(at string, data []byte) { b.Put(t, at, data, time.Now().Add(-time.Hour)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, temp := newLibrary(t), t.TempDir()
			tn, dir := f.tn.With("TMPDIR="+temp), f.Library.Dir
			tn.Run(t, 0, dir, "lint", "campaign.yaml")
			tn.Run(t, 8, dir, "plan", "campaign.yaml", "--exit-code")
			if gets := f.Gets(); len(gets) > 0 {
				t.Errorf("planning read %v", gets)
			}
			run := tn.Run(t, 0, dir, "run", "campaign.yaml", "--log-level", "trace", "--log-file", "run.log")
			f.Arrived(t, tn)
			gets := f.Gets()
			for at, n := range gets {
				if n != 1 {
					t.Errorf("%s was read %d times", at, n)
				}
			}
			if name == "webdav" && len(gets) != len(f.Items) {
				t.Errorf("%d files were read", len(gets))
			}
			again := tn.Run(t, 0, dir, "run", "campaign.yaml")
			tn.Run(t, 0, dir, "plan", "campaign.yaml", "--exit-code")
			tn.Run(t, 0, dir, "verify", "campaign.yaml")
			if gets := f.Gets(); len(gets) > 0 {
				t.Errorf("the second run read %v", gets)
			}
			harness.NoSecrets(t, tn, dir, run, again)
			if log, err := os.ReadFile(filepath.Join(dir, "run.log")); err != nil || strings.Contains(string(log), harness.RemoteSecret) || !strings.Contains(string(log), "rclone runs") {
				t.Errorf("the log: %v\n%.2000s", err, log)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("in the temporary folder: %v, %v", left, err)
			}
		})
	}
}

// TestARemoteThatIsNotThere is told before anything is sent.
func TestARemoteThatIsNotThere(t *testing.T) {
	f := served(t, "local", 1)
	manifest := func(place string) []byte {
		return []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\nroots: {sp: '" + place + "'}\nassets:\n  - {externalId: a, file: 'sp:a.pdf'}\n")
	}
	dir := f.Library.Dir
	for place, words := range map[string]string{"near:x": `rclone's configuration has no remote "near"; it has far`, "far:nothing": "there is no such folder"} {
		harness.Write(t, filepath.Join(dir, "none.yaml"), manifest(place))
		if p := f.tn.Run(t, 2, dir, "plan", "none.yaml"); !strings.Contains(p.Stderr.String(), words) || !strings.Contains(p.Stderr.String(), "none.yaml:4:") {
			t.Errorf("%s: %s", place, &p.Stderr)
		}
	}
	none := f.tn.With("MIGRATE_RCLONE=" + filepath.Join(dir, "nothing"))
	if p := none.Run(t, 2, dir, "plan", "campaign.yaml"); !strings.Contains(p.Stderr.String(), "install rclone") || !strings.Contains(p.Stderr.String(), "--rclone") {
		t.Errorf("%s", &p.Stderr)
	}
	harness.Write(t, filepath.Join(dir, "whole.yaml"), []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\nassets:\n  - {externalId: a, file: 'far:our library/team 0/deck 000, ü+%.pdf'}\n  - {externalId: b, file: 'far:none.pdf'}\n"))
	if p := f.tn.Run(t, 3, dir, "plan", "whole.yaml"); !strings.Contains(p.Stdout.String(), "far:none.pdf") || strings.Contains(p.Stdout.String(), "deck 000, ü+%.pdf: ") {
		t.Errorf("%s%s", &p.Stderr, &p.Stdout)
	}
}

// TestRemotesPassTheSuite holds the source to its promises with a real rclone.
func TestRemotesPassTheSuite(t *testing.T) {
	for _, kind := range []string{"local", "sftp"} {
		place := func(t *testing.T, files map[string]sourcetest.File) sourcetest.Place {
			r := harness.NewRemote(t, kind)
			sp, err := spool.Open(t.TempDir(), 64<<20)
			if err != nil {
				t.Fatal(err)
			}
			program := rclone.New(rclone.Options{Path: r.Program, Env: append(os.Environ(), r.Env...), Spool: sp, Log: zerolog.Nop()})
			t.Cleanup(func() {
				if err := program.Close(); err != nil {
					t.Error(err)
				}
				if err := sp.Close(); err != nil {
					t.Error(err)
				}
			})
			set := func(at string, f sourcetest.File) {
				data, err := io.ReadAll(f.Reader())
				if err != nil {
					t.Fatal(err)
				}
				name := filepath.Join(r.Dir, "some", "where", filepath.FromSlash(at))
				writeAt(t, filepath.Dir(name), ".new", data, f.ModTime)
				if err := os.Rename(filepath.Join(filepath.Dir(name), ".new"), name); err != nil {
					t.Fatal(err)
				}
			}
			for at, f := range files {
				set(at, f)
			}
			src, err := program.Root(t.Context(), "far:some/where")
			if err != nil {
				t.Fatal(err)
			}
			return sourcetest.Place{Source: src, Set: set, Remove: func(at string) {
				if err := os.Remove(filepath.Join(r.Dir, "some", "where", filepath.FromSlash(at))); err != nil {
					t.Error(err)
				}
			}}
		}
		t.Run(kind, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T, files map[string]sourcetest.File) source.Source { return place(t, files).Source })
			sourcetest.RunChanging(t, place)
		})
	}
}
