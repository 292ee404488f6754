package expand

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestFileID(t *testing.T) {
	for path, want := range map[string]string{
		"decks/emea/Q3 sales.pptx":    "decks/emea/Q3 sales.pptx",
		"decks/cafe\u0301.pdf":        "decks/caf\u00e9.pdf",
		"decks/a,b.pdf":               "decks/a%2Cb.pdf",
		"decks/a%2Cb.pdf":             "decks/a%252Cb.pdf",
		"decks/100% growth.pdf":       "decks/100% growth.pdf",
		"decks/100%.pdf":              "decks/100%.pdf",
		" lead/and trail.pdf ":        "%20lead/and trail.pdf%20",
		"decks/line\nbreak.pdf":       "decks/line%0Abreak.pdf",
		"decks/\u00a0":                "decks/%C2%A0",
		"decks/\u65e5\u672c\u8a9e.md": "decks/\u65e5\u672c\u8a9e.md",
	} {
		if got := FileID(path); got != want {
			t.Errorf("FileID(%+q) = %+q, want %+q", path, got, want)
		}
	}
}

func TestALongFileIDHasAReadableHeadAndAHash(t *testing.T) {
	exact := strings.Repeat("é", manifest.MaxExternalID)
	if got := FileID(exact); got != exact {
		t.Errorf("%d characters are not too many: %q", manifest.MaxExternalID, got)
	}
	long := "decks/" + strings.Repeat("a folder/", 20) + "é.pdf"
	// Stable for ever: IDs of assets that exist depend on it.
	const want = "decks/a folder/a folder/a folder/a folder/a folder/a folder/a folder/a folder/a folder/a folder/a folder/a fold~"
	got := FileID(long)
	if utf8.RuneCountInString(got) != manifest.MaxExternalID || !strings.HasPrefix(got, want) || got != want+"4e03e1616ae70364" {
		t.Errorf("%q", got)
	}
	if other := FileID(strings.Replace(long, "é", "e\u0301", 1)); other != got {
		t.Errorf("another Unicode form makes %q of what is %q", other, got)
	}
}

func FuzzFileID(f *testing.F) {
	f.Add("a,b", "a%2Cb")
	f.Add("%", "%25")
	f.Add(strings.Repeat("x", 200), strings.Repeat("x", 201))
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || a == "" || b == "" {
			return
		}
		x, y := FileID(a), FileID(b)
		if wrong := manifest.ExternalIDWrong(x); wrong != "" {
			t.Errorf("FileID(%q) = %q %s", a, x, wrong)
		}
		if FileID(nfc(a)) != x {
			t.Errorf("%q depends on its Unicode form", a)
		}
		if x == y && nfc(a) != nfc(b) {
			t.Errorf("%q and %q share the ID %q", a, b, x)
		}
	})
}

func TestLeftOut(t *testing.T) {
	for path, want := range map[string]string{
		"deck.pptx":                  "",
		"a.b/c.tmp.pdf":              "",
		"~notes.txt":                 "",
		"$5 offer.pdf":               "",
		"party.ts":                   "",
		"emea/~$deck.pptx":           manifest.LeftTemporary,
		"emea/Thumbs.db":             manifest.LeftTemporary,
		"emea/DESKTOP.INI":           manifest.LeftTemporary,
		".DS_Store":                  manifest.LeftTemporary,
		"emea/._deck.pptx":           manifest.LeftTemporary,
		"video.mp4.CRDOWNLOAD":       manifest.LeftTemporary,
		"~WRL0001.tmp":               manifest.LeftTemporary,
		".~lock.deck.odp#":           manifest.LeftTemporary,
		"__MACOSX/deck.pptx":         manifest.LeftTemporary,
		"$Recycle.Bin/S-1/x.pdf":     manifest.LeftTemporary,
		"emea/Icon\r":                manifest.LeftTemporary,
		".git/config":                manifest.LeftHidden,
		"a/.secret/deck.pptx":        manifest.LeftHidden,
		"a/.profile":                 manifest.LeftHidden,
		"a/__MACOSX":                 "",
		"System Volume Information1": "",
	} {
		if got := LeftOut(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
