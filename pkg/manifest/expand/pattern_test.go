package expand

import "testing"

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		glob, file string
		want       bool
	}{
		{"**/*.pdf", "a.pdf", true},
		{"**/*.pdf", "x/y/a.pdf", true},
		{"**/*.pdf", "x/y/A.PDF", true},
		{"**/*.PDF", "x/y/a.pdf", true},
		{"**/*.pdf", "x/y/a.Pdf", true},
		{"**/*.pdf", "x/y/a.pdfx", false},
		{"**/Sales*.pdf", "x/sales.pdf", false},
		{"**/v1.Final*.pdf", "x/v1.Final 2.PDF", true},
		{"q3/*", "q3/a.pdf", true},
		{"q3/*", "q3/x/a.pdf", false},
		{"q3/*", "Q3/a.pdf", false},
		{"*", "a", true},
		{"**", "x/y/a", true},
		{"**/*.{pdf,pptx}", "x/a.PPTX", true},
		{"{emea,apac}/**/*.pdf", "apac/a.pdf", true},
		{"{emea,apac}/**/*.pdf", "us/a.pdf", false},
		{"caf\u00e9/*", "cafe\u0301/a.pdf", true},
		{"cafe\u0301/*", "caf\u00e9/a.pdf", true},
		{"Report [[]final].docx", "Report [final].docx", true},
	} {
		if got := newPattern(c.glob).match(nfc(c.file)); got != c.want {
			t.Errorf("%q takes %q: %v", c.glob, c.file, got)
		}
	}
}

func TestExcludedFoldersTakeWhatIsInThem(t *testing.T) {
	for _, c := range []struct {
		glob, file string
		want       bool
	}{
		{"old", "old/a/b.pdf", true},
		{"old/", "old/a/b.pdf", true},
		{"**/Archive", "x/Archive/y/b.pdf", true},
		{"**/Archive/**", "x/Archive/y/b.pdf", true},
		{"**/Archive/*", "x/Archive/y/b.pdf", true},
		{"**/Archive", "x/Archives/b.pdf", false},
		{"*.tmp", "x/a.tmp", false},
		{"**/*.tmp", "x/a.TMP", true},
	} {
		if got := newPattern(c.glob).takes(nfc(c.file)); got != c.want {
			t.Errorf("%q excludes %q: %v", c.glob, c.file, got)
		}
	}
}

func TestPatternsThatNameWhatIsLeftOut(t *testing.T) {
	for _, c := range []struct {
		glob, file string
		want       bool
	}{
		{"**/*", ".git/config", false},
		{".git/**", ".git/config", true},
		{".git/**", ".git/.hidden/config", false},
		{"**/.*", "x/.profile", true},
		{"**/~$*", "x/~$deck.pptx", true},
		{"x/**", "x/Thumbs.db", false},
	} {
		if got := newPattern(c.glob).names(c.file); got != c.want {
			t.Errorf("%q names %q: %v", c.glob, c.file, got)
		}
	}
}

func TestFoldersThatAPatternReaches(t *testing.T) {
	for _, c := range []struct {
		glob, dir string
		want      bool
	}{
		{"*.pdf", "x", false},
		{"x/*.pdf", "x", true},
		{"x/*.pdf", "x/y", false},
		{"**/*.pdf", "x/y", true},
		{"{a,b/c}/*.pdf", "b/c", true},
	} {
		if got := newPattern(c.glob).mayReach(c.dir); got != c.want {
			t.Errorf("%q reaches %q: %v", c.glob, c.dir, got)
		}
	}
}
