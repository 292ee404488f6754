package pipeline_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// lint are the problems of a lint that may read assets if ask says so.
func (w *world) lint(ask func(int) bool, files ...source.Source) []manifest.Problem {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	in := w.input(st)
	in.Options.Twins = ask
	for _, f := range files {
		in.Sources = map[string]source.Source{pipeline.SourceName(w.items[0].Location): f}
	}
	var ps []manifest.Problem
	s, err := pipeline.Lint(w.t.Context(), in, func(p manifest.Problem) { ps = append(ps, p) })
	if err != nil {
		w.t.Fatal(err)
	}
	if n := s.Stop + s.Block + s.Warn; n != len(ps) {
		w.t.Errorf("%d problems reported, %d counted", len(ps), n)
	}
	return ps
}

// alike are the items that assets are like, with what is said of them.
func alike(ps []manifest.Problem, ids map[string]string) []string {
	var got []string
	for _, p := range ps {
		if p.Code != "M131" {
			continue
		}
		text := p.What + " | " + p.Fix
		for id, name := range ids {
			text = strings.ReplaceAll(text, id, name)
		}
		text = strings.NewReplacer(" of this Division", "", ": a run makes a second one", "", "if it is the same, ", "").Replace(text)
		got = append(got, p.ExternalID+": "+text)
	}
	return got
}

func TestLintFindsAssetsThatItemsEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		ids := map[string]string{}
		hand := func(name, file, content, externalID string, more ...func(*showpad.AssetFields)) {
			f := named(file, externalID)
			for _, m := range more {
				m(&f)
			}
			ids[w.byHand(content, f)] = name
		}
		inSales := func(f *showpad.AssetFields) {
			f.Division = showpad.Some(showpad.Ref{ID: emulator.DivisionSales})
		}
		hand("#bytes", "other name.txt", "the same bytes", "")
		hand("#name", "name.TXT", "other bytes", "")
		hand("#both", "both.txt", "both", "")
		hand("#keyed", "keyed.txt", "keyed", "THEIRS")
		hand("#ours", "ours.txt", "ours", "ours")
		hand("#trash", "trash.txt", "trash", "", func(f *showpad.AssetFields) { f.IsArchived = showpad.Some(true) })
		hand("#sales", "sales.txt", "sales", "", inSales)
		hand("#nobody", "nobody.txt", "nobody's", "")
		hand("#linked", "linked.txt", "linked", "")
		hand("#once", "once.txt", "once", "")

		for id, content := range map[string]string{"bytes": "the same bytes", "both": "both", "keyed": "keyed", "ours": "ours", "trash": "trash", "sales": "sales", "linked": "linked", "once": "once"} {
			w.files.put(id+".txt", content)
		}
		for _, id := range []string{"bytes", "copy of both", "both", "keyed", "ours", "trash", "sales", "linked", "once", "twice", "name", "new"} {
			content := string(w.files.get(id + ".txt").data)
			switch id {
			case "copy of both":
				content = "both"
			case "name", "new":
				content = "of its own"
			case "twice":
				content = "once"
			}
			w.add(id, content)
		}
		for i := range w.items {
			switch w.items[i].ExternalID {
			case "linked":
				for id, name := range ids {
					if name == "#linked" {
						w.items[i].ID = id
					}
				}
			case "twice": // the same file as once, under its name
				w.items[i].Fields.Name = manifest.Some("once")
			}
		}
		want := []string{
			"bytes: asset #bytes has these bytes (its name is \"other name.txt\") and is no item's | write id: #bytes on the item",
			"both: asset #both has these bytes and is no item's | write id: #both on the item",
			`keyed: asset #keyed has these bytes and the external ID "THEIRS" | let the item have that external ID, or clear it in Showpad and write id: #keyed on the item`,
			"once: asset #once has these bytes and is no item's | write id: #once on the item",
			"name: asset #name has this name (but other bytes) and is no item's | write id: #name on the item",
		}
		w.options.Hash = true
		asked := 0
		w.tenant.ResetBooks()
		got := alike(w.lint(func(n int) bool { asked = n; return true }), ids)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if n := w.tenant.Books().Requests["getAssets"]; asked != 9 || n != 2 {
			t.Errorf("%d assets told before they were read, in %d requests", asked, n)
		}

		// Checksums that are known tell without reading, and without them names do.
		w.options.Hash = false
		w.files.trouble = func(path string) (time.Duration, error) {
			t.Errorf("%s was opened", path)
			return 0, nil
		}
		w.cache.m = maps.Collect(func(yield func(string, string) bool) {
			for path, f := range w.files.m {
				if !yield(cacheKey(path, int64(len(f.data)), f.mod), md5Hex(string(f.data))) {
					return
				}
			}
		})
		if d := cmp.Diff(want, alike(w.lint(func(int) bool { return true }), ids)); d != "" {
			t.Error(d)
		}
		// Of this machine, files are read that have the size of such an asset, and no others.
		w.cache = cache{}
		opened := map[string]bool{}
		w.files.trouble = func(path string) (time.Duration, error) {
			opened[path] = true
			return 0, nil
		}
		if d := cmp.Diff(want, alike(w.lint(func(int) bool { return true }), ids)); d != "" {
			t.Error(d)
		}
		if opened["ours.txt"] || opened["linked.txt"] || opened["new.txt"] || !opened["bytes.txt"] {
			t.Errorf("opened: %v", opened)
		}

		// Elsewhere none is: names tell, and that bytes were not compared.
		w.cache, opened = cache{}, map[string]bool{}
		for i := range w.items {
			w.items[i].Location.Root, w.items[i].Location.Kind = "far", manifest.RootRclone
		}
		names := []string{
			"both: asset #both has this name and is no item's | write id: #both on the item",
			`keyed: asset #keyed has this name and the external ID "THEIRS" | let the item have that external ID, or clear it in Showpad and write id: #keyed on the item`,
			"once: asset #once has this name and is no item's | write id: #once on the item",
			"name: asset #name has this name (but other bytes) and is no item's | write id: #name on the item",
			": 5 files have the size of assets of the Division, and may have the same bytes | lint with --hash, which reads them",
		}
		if d := cmp.Diff(names, alike(w.lint(func(int) bool { return true }, w.files), ids)); d != "" {
			t.Error(d)
		}
		if len(opened) > 0 {
			t.Errorf("opened: %v", opened)
		}

		// Asked and told not to, or not asked: nothing is read.
		for _, ask := range []func(int) bool{nil, func(int) bool { return false }} {
			w.tenant.ResetBooks()
			if got := alike(w.lint(ask), ids); len(got) > 0 {
				t.Errorf("asked for nothing: %q", got)
			}
			if n := w.tenant.Books().Requests["getAssets"]; n > 1 || ask == nil && n > 0 {
				t.Errorf("%d requests for assets", n)
			}
		}
	})
}

func TestAnItemThatWasLinkedIsNotToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		var ids []string
		for i := range 3 {
			w.add(fmt.Sprint("A", i), "content")
			ids = append(ids, w.byHand("content", named(fmt.Sprintf("A%d.txt", i), "")))
		}
		yes := func(int) bool { return true }
		told := w.lint(yes)
		if len(told) != 3 {
			t.Fatalf("told of %d", len(told))
		}
		for i, p := range told {
			if !strings.Contains(p.Fix, ids[i]) || p.Pos != w.items[i].Pos || p.ExternalID != w.items[i].ExternalID {
				t.Errorf("%s: %s", p.ExternalID, p)
			}
			w.items[i].ID = ids[i]
		}
		if again := w.lint(yes); len(again) > 0 {
			t.Errorf("told again: %v", again)
		}
		w.mustRun(0)
		w.check()
		for i := range w.items {
			w.items[i].ID = ""
		}
		if again := w.lint(yes); len(again) > 0 {
			t.Errorf("told after they were linked: %v", again)
		}
	})
}

func TestASizeThatNobodyKnowsTellsLintNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.Hash = true
		w.add("A", "content")
		id := w.byHand("content", named("A.txt", ""))
		ps := w.lint(func(int) bool { return true }, &lister{Source: w.files, size: source.UnknownSize, opens: true})
		want := []string{"A: asset # has this name and is no item's | write id: # on the item"}
		if d := cmp.Diff(want, alike(ps, map[string]string{id: "#"})); d != "" {
			t.Error(d)
		}
	})
}
