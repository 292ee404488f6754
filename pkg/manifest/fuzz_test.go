package manifest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever a manifest holds, reading it ends with items and problems, each
// with a code, a place and something to do; never with a panic.
func FuzzManifest(f *testing.F) {
	files, err := filepath.Glob("../../examples/manifests/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	more, err := filepath.Glob("../../testdata/manifests/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(files, more...) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	for _, s := range []string{
		"? {x: 1}\n: 2\n<<: {a: 1}\n", "version: 1\nassets:\n- ? {x: 1}\n  : 2\n  <<: {a: 1}\n", "version: 1\n---\n<<: [*a, *b]\n",
		"a: &a [*a]\n", "version: 1\nassets: &x\n- *x\n", "%YAML 1.1\n---\nversion: 1\n", "version: !!int 1\nassets: !!set {a, b}\n",
		"version: 1\ndefaults: {tags: [a]}\n---\nexternalId: 1\nfile: C:\n", "\xff\xfe", "version: 1\nid: \xe9\n", strings.Repeat("[", 200), strings.Repeat("- ", 200),
		"version: 1\n---\nexternalId: a\nurl: http://%zz\n", "version: 1\n...\n---\n...\n", "0: [:!00 \xef",
		everyInclude, "version: 1\nmap: {people: p.csv, tags: {a: b, A: }, fallback: {authors: x}}\n---\nexternalId: a\nfile: s3://b/c\ntags: [a, A]\nid: x\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, ps, err := ReadHeader(strings.NewReader(text), "m.yaml")
		if err != nil {
			ps = asProblems(t, err)
		}
		if m != nil {
			mapper, bad := NewMapper(&m.Maps)
			ps = append(ps, bad...)
			b := NewBuilder(m, Options{Now: time.Unix(1_800_000_000, 0), Mapper: mapper})
			for p, err := range b.YAML(t.Context(), strings.NewReader(text)) {
				if err != nil {
					ps = append(ps, asProblems(t, err)...)
					continue
				}
				ps = append(ps, p.Problems...)
				if p.Stopped() {
					continue
				}
				it := p.Item
				if what := ExternalIDWrong(it.ExternalID); what != "" {
					t.Errorf("an item passes whose external ID %s", what)
				}
				if (it.File == "") == (it.URL == "") || it.Division == "" {
					t.Errorf("an item passes without its place or Division: %+v", it)
				}
				if what := nameWrong(AssetName(it)); what != "" {
					t.Errorf("an item passes whose name %s", what)
				}
			}
		}
		for _, p := range ps {
			c, ok := CodeOf(p.Code)
			if !ok || c.Class != p.Class || p.What == "" || p.Pos.Line < 1 || p.Pos.File != "m.yaml" {
				t.Errorf("problem %+v", p)
			}
			if strings.ContainsAny(p.String(), "\x00\x1b") {
				t.Errorf("control characters reach the terminal: %q", p.String())
			}
		}
	})
}
