package expand_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
)

// TestCheckAgain: the digest of the bytes alone is that of a whole check, and only
// what cannot have changed need not be checked.
func TestCheckAgain(t *testing.T) {
	const header = "version: 1\ndivision: Marketing\nroots: {decks: ./decks}\nmap: {tags: tags.csv}\n"
	const table = "include:\n  - table: a.csv\n  - table: sub/b.csv\n"
	again := func(t *testing.T, header string, change func(dir string)) (same bool, stops int) {
		t.Helper()
		dir := t.TempDir()
		for name, text := range map[string]string{
			"m.yaml": header, "a.csv": "externalId,file,tags\nA,a.txt,Old\n", "sub/b.csv": "externalId,file\nB,b.txt\n", "tags.csv": "from,to\nOld,New\n", "decks/x.txt": "x",
		} {
			put(t, dir, name, text)
		}
		open := func() *expand.Set {
			s, err := expand.Open(filepath.Join(dir, "m.yaml"), expand.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		first, err := open().Check(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(dir)
		}
		checked, same, err := open().CheckAgain(t.Context(), first, func(p manifest.Problem) {
			if p.Class == manifest.Stop {
				stops++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if same && (checked.Digest != first.Digest || len(checked.Files) != len(first.Files) || checked.Items != first.Items) {
			t.Errorf("%+v after %+v", checked, first)
		}
		return same, stops
	}
	if same, stops := again(t, header+table, nil); !same || stops > 0 {
		t.Errorf("same %v, %d stops", same, stops)
	}
	for _, name := range []string{"m.yaml", "a.csv", "sub/b.csv", "tags.csv"} {
		same, _ := again(t, header+table, func(dir string) {
			f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("\n")
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		})
		if same {
			t.Errorf("%s has changed and nothing was checked", name)
		}
	}
	if same, _ := again(t, header+table, func(dir string) { _ = os.Remove(filepath.Join(dir, "a.csv")) }); same {
		t.Error("a table is gone and nothing was checked")
	}
	if same, stops := again(t, header+table, func(dir string) { _ = os.RemoveAll(filepath.Join(dir, "decks")) }); !same || stops != 1 {
		t.Errorf("a root is gone: same %v, %d stops", same, stops)
	}
	if same, _ := again(t, header+"assets: [{externalId: C, file: c.txt}]\ninclude:\n  - files: \"decks:**\"\n    externalId: \"{path}\"\n", nil); same {
		t.Error("a folder may have changed and nothing was checked")
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
