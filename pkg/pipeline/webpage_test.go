package pipeline_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/local"
)

const loginPage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"

// fileAt gives an item's file another name.
func fileAt(w *world, path, content string) func(*manifest.Item) {
	return func(i *manifest.Item) {
		w.files.put(path, content)
		i.File, i.Location = path, manifest.Location{Path: path}
	}
}

// A page in place of a file makes nothing at the service, whoever read it before;
// an .html file, and others beside it, go.
func TestAWebPageInPlaceOfAFileIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("page", "", fileAt(w, "deck.pdf", loginPage))
		w.add("known", "", fileAt(w, "known.docx", loginPage+" "))
		w.add("html", "", fileAt(w, "a.html", loginPage))
		w.add("deck", "", fileAt(w, "b.pdf", "%PDF-1.4"))
		// A version of the program that did not look has left its checksum.
		info, _ := w.files.Stat(t.Context(), "known.docx")
		if err := w.cache.Store(t.Context(), "known.docx", info.Size, info.ModTime, w.clock(), strings.Repeat("a", 32)); err != nil {
			t.Fatal(err)
		}
		out := w.mustRun(3)
		if out.Status["blocked"] != 2 || len(w.assets()) != 2 {
			t.Errorf("%v, assets %v", out.Status, w.assets())
		}
		for _, r := range w.results {
			if r.Status == "blocked" && (r.Reason != pipeline.BlockedWebPage || !strings.Contains(r.Error.Message, "a web page came in place of the file (open it")) {
				t.Errorf("%s: %s: %s", r.ExternalID, r.Reason, r.Error.Message)
			}
		}
		// The right file in its place is sent without more ado.
		w.files.put("deck.pdf", "%PDF-1.5")
		w.files.put("known.docx", "PK\x03\x04")
		w.mustRun(0)
		// A page that comes later is a version that is not sent: the plan has to read it.
		w.files.put("deck.pdf", strings.Repeat(" ", 2)+"<html>")
		if row := w.action("page"); row.Action != pipeline.ActionCheck {
			t.Errorf("%s %s", row.Action, row.Reason)
		}
		w.options.Hash = true
		if row := w.action("page"); row.Action != pipeline.ActionBlocked || row.Reason != pipeline.BlockedWebPage {
			t.Errorf("%s %s", row.Action, row.Reason)
		}
	})
}

// A file that becomes a page while it is sent ends there: the asset is there.
func TestAFileThatBecomesAWebPageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("deck", "", fileAt(w, "deck.pdf", "%PDF-1.4"))
		opened := 0
		w.files.trouble = func(string) (time.Duration, error) {
			if opened++; opened == 2 { // to send it
				w.files.put("deck.pdf", loginPage)
				return 0, source.ErrChanged
			}
			return 0, nil
		}
		w.mustRun(3)
		if r := w.results[0]; r.Status != "failed" || r.Error.Code != pipeline.BlockedWebPage {
			t.Errorf("%s %+v", r.Status, r.Error)
		}
	})
}

// Lint looks into the files of this machine, and into no others.
func TestLintLooksIntoFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"deck.pdf": loginPage, "a.html": loginPage, "b.pdf": "%PDF-1.4", "secret.zip": "PK\x03\x04\x14\x00\x01\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, err := local.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	w := newWorld(t, emulator.Options{})
	at := func(path string) func(*manifest.Item) {
		return func(i *manifest.Item) { i.File, i.Location = path, manifest.Location{Root: "disk", Path: path} }
	}
	w.add("page", "", at("deck.pdf"))
	w.add("html", "", at("a.html"))
	w.add("deck", "", at("b.pdf"))
	w.add("secret", "", at("secret.zip"))
	w.add("online", "", fileAt(w, "online.pdf", loginPage))
	w.files.mu.Lock()
	f := w.files.m["online.pdf"]
	f.offline = true
	w.files.m["online.pdf"] = f
	w.files.mu.Unlock()
	w.add("far", "", func(i *manifest.Item) {
		fileAt(w, "far.pdf", loginPage)(i)
		i.Location.Kind, i.Location.Root = manifest.RootWeb, "far"
	})
	w.add("memory", "", fileAt(w, "memory.pdf", loginPage)) // a source that cannot read at any place
	st := w.open()
	defer func() { _ = st.Close() }()
	in := w.input(st)
	in.API = nil
	in.Sources["disk"], in.Sources["far"] = src, w.files
	var got []string
	sum, err := pipeline.Lint(t.Context(), in, func(p manifest.Problem) { got = append(got, p.ExternalID+" "+p.Code+" "+p.Class.String()) })
	if err != nil || sum.Block != 2 || sum.Warn != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	slices.Sort(got)
	if want := []string{"memory M116 blocked", "page M116 blocked", "secret M117 warning"}; !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
}
