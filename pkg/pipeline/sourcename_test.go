package pipeline_test

import (
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestSourceName(t *testing.T) {
	roots := []manifest.Root{{Name: "decks"}, {Name: "site", Kind: manifest.RootWeb}, {Name: "bucket", Kind: manifest.RootS3}, {Name: "sp", Kind: manifest.RootRclone}}
	for address, want := range map[string]string{
		"a/b.pdf": "", "decks:a.pdf": "decks", "/a/b.pdf": pipeline.AbsoluteRoot, `C:\a\b.pdf`: pipeline.AbsoluteRoot,
		"site:a.pdf": "site", "bucket:a.pdf": "bucket", "sp:a.pdf": "sp",
		"https://x.example/a.pdf": "https:", "http://127.0.0.1/a.pdf": "https:", "s3://b/a.pdf": "s3:", "other:a/b.pdf": "remote:",
	} {
		l, p := manifest.ParseLocation(address, roots, manifest.Pos{})
		if got := pipeline.SourceName(l); p != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", address, got, want, p)
		}
	}
}
