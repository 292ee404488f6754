package manifest

import (
	"slices"
	"strings"
	"testing"
)

// TestLater holds what is refused until its work is done: by the parser and
// the schema alike, and by the list of parts alone. What left the list is
// accepted by both.
func TestLater(t *testing.T) {
	const head = "version: 1\ndivision: D\ntimezone: UTC\nroots: {decks: x}\n"
	const body = "---\nexternalId: a\nfile: b\n"
	samples := map[string]string{
		"tagCategories":     head + "tagCategories: []\n",
		"myFiles":           head + "myFiles: []\n",
		"shares":            head + "shares: []\n",
		"prune: archive":    head + "prune: archive\n",
		"prune: delete":     head + "prune: delete\n",
		"item.id":           head + body + "id: df391e1da6ed4db8a8085838f7abd130\n",
		"item.localization": head + body + "localization: {primary: x}\n",
		"include.files":     head + "include: [{files: 'decks:**/*.pdf'}]\n",
		"include.join":      head + "include: [{files: '**', join: {table: a.csv, on: '{Path}'}}]\n",
		"include.sheet":     head + "include: [{table: a.xlsx, sheet: One}]\n",
		"include.encoding":  head + "include: [{table: a.csv, encoding: cp1252}]\n",
		"table.tsv":         head + "include: [{table: a.tsv}]\n",
		"table.xlsx":        head + "include: [{table: a.XLSX}]\n",
		"column.add":        head + "include: [{table: a.csv, columns: {expiresAt: {column: M, add: 24 months}}}]\n",
		"column.value":      head + "include: [{table: a.csv, columns: {languages: {value: [en]}}}]\n",
		"place.web":         "version: 1\nroots: {site: 'https://x.example/files/'}\n",
		"place.s3":          "version: 1\nroots: {bucket: 's3://b'}\n",
		"place.rclone":      "version: 1\nroots: {sp: 'sharepoint:Marketing'}\n",
	}
	// A sample may need another part of the list; and places are no matter of the schema.
	needs := map[string]string{"include.join": "include.files", "include.sheet": "table.xlsx"}
	header, item := schemas(t)
	for part, text := range samples {
		t.Run(part, func(t *testing.T) {
			refused := isLater(part) || isLater(needs[part])
			_, _, ps := readAll(t, text)
			for _, p := range ps {
				if p.Code != CodeNotYet || p.Class != Stop {
					t.Errorf("another problem: %s", p)
				}
			}
			if got := len(ps) > 0; got != refused {
				t.Errorf("the parser refuses: %v, want %v", got, refused)
			}
			if strings.HasPrefix(part, "place.") {
				return
			}
			if err := validate(t, header, item, text); (err != nil) != refused {
				t.Errorf("the schema says %v, want refused: %v", err, refused)
			}
		})
	}
	for _, l := range later {
		if samples[l.part] == "" {
			t.Errorf("no sample of %s", l.part)
		}
		if !slices.Contains(Later(), l.what) {
			t.Errorf("Later does not say %q", l.what)
		}
	}
}

func TestFilesAtPlacesThatAreNotReadYet(t *testing.T) {
	for part, file := range map[string]string{"place.web": "https://x.example/a.pdf", "place.s3": "s3://b/a.pdf", "place.rclone": "sp:a.pdf"} {
		_, items, ps := readAll(t, "version: 1\ndivision: D\n---\nexternalId: a\nfile: "+file+"\n")
		if refused := len(ps) == 1 && ps[0].Code == CodeNotYet; refused != isLater(part) || len(items) != 1 {
			t.Errorf("%s: %v", file, ps)
		}
	}
	// A root that is refused is not refused at each item again.
	if !isLater("place.s3") {
		return
	}
	if _, _, ps := readAll(t, "version: 1\ndivision: D\nroots: {bucket: 's3://b'}\n---\nexternalId: a\nfile: bucket:a.pdf\n"); len(ps) != 1 {
		t.Errorf("problems: %v", ps)
	}
}
