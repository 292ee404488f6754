package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestFix(t *testing.T) {
	const header = "version: 1\ndivision: Sales\n"
	item := func(lines string) string { return header + "assets:\n- externalId: A\n  file: a.pdf\n" + lines }
	for name, c := range map[string]struct{ in, want string }{
		"nothing": {item("  name: a\n"), item("  name: a\n")},
		"keys": {
			"version: 1\nDivison: Sales # ours\nasets:\n- externalID: A\n  file: a.pdf\n  permissions: {isSharable: true}\n",
			"version: 1\ndivision: Sales # ours\nassets:\n- externalId: A\n  file: a.pdf\n  permissions: {isShareable: true}\n",
		},
		"key that is there":   {item("  name: a\n  nane: b\n"), item("  name: a\n  nane: b\n")},
		"two keys for one":    {item("  nane: a\n  naem: b\n"), item("  name: a\n  naem: b\n")},
		"key of two meanings": {"update: {tags: keep}\nmap: {tag: {}}\n" + item("  is: true\n"), "update: {tags: keep}\nmap: {tags: {}}\n" + item("  is: true\n")},
		"key of another system": {
			item("  title: a\n"), item("  title: a\n"),
		},
		"words":                {"createTags: All\n" + header, "createTags: all\n" + header},
		"words of lists":       {item("  downloadableExternal: [Orignal, \"pdf\", doc]\n"), item("  downloadableExternal: [original, \"pdf\", doc]\n")},
		"true and false":       {item("  isSensitive: yes # really\n  isArchived: 'No'\n  isProcessedUsed: 1\n"), item("  isSensitive: true # really\n  isArchived: false\n  isProcessedUsed: true\n")},
		"a single value":       {item("  languages: en\n  tags: 'Sales, EMEA'\n  authors: \"jane@example.com\"\n"), item("  languages: [en]\n  tags: 'Sales, EMEA'\n  authors: [\"jane@example.com\"]\n")},
		"a value with a mark":  {item("  tags: Who are we? # ask\n  authors: \"a?\"\n"), item("  tags: ['Who are we?'] # ask\n  authors: [\"a?\"]\n")},
		"codes":                {item("  languages: [EN, pt-br, nl, English]\n  countries:\n  - be\n  - 'us'\n  - uk\n"), item("  languages: [en, pt-BR, nl, English]\n  countries:\n  - BE\n  - 'US'\n  - GB\n")},
		"mapped codes":         {"map: {languages: {EN: en}}\n" + item("  languages: [EN]\n  countries: [be]\n"), "map: {languages: {EN: en}}\n" + item("  languages: [EN]\n  countries: [BE]\n")},
		"tags, in a line":      {item("  tags: [Sales, \"EMEA\" , sales,Q3, EMEA]\n"), item("  tags: [Sales, \"EMEA\" ,Q3]\n")},
		"tags, on lines":       {item("  tags:\n  - Sales\n  # the next one is ours\n  - EMEA\n  - sales\n  - EMEA # too\n"), item("  tags:\n  - Sales\n  # the next one is ours\n  - EMEA\n  - EMEA # too\n")},
		"white space":          {strings.Replace(item(""), "externalId: A", "externalId: ' A\u00a0'", 1), strings.Replace(item(""), "externalId: A", "externalId: 'A'", 1)},
		"version":              {strings.Replace(item(""), "version: 1", "version: '1'", 1), item("")},
		"subdomain":            {"target: {subdomain: https://Acme.showpad.biz/}\n" + item(""), "target: {subdomain: acme}\n" + item("")},
		"further documents":    {header + "---\nexternalId: A\nfile: a.pdf\nisSensitive: yes\n---\nexternalId: B\nfile: b.pdf\nisSensitive: no\n", header + "---\nexternalId: A\nfile: a.pdf\nisSensitive: true\n---\nexternalId: B\nfile: b.pdf\nisSensitive: false\n"},
		"ends of lines, mark":  {"\xef\xbb\xbfversoin: 1\r\nDivision: Sales\r\n", "\xef\xbb\xbfversion: 1\r\ndivision: Sales\r\n"},
		"other ends of lines":  {item("  description: \"a\u2028b\u0085c\u2029d\"\n  isSensitive: yes\n"), item("  description: \"a\u2028b\u0085c\u2029d\"\n  isSensitive: true\n")},
		"carriage returns":     {strings.ReplaceAll(item("  isSensitive: yes\n  isArchived: no\n"), "\n", "\r"), strings.ReplaceAll(item("  isSensitive: true\n  isArchived: false\n"), "\n", "\r")},
		"a line of its own":    {item("  description: Note: a\u2028  name: b\n"), item("  description: 'Note: a'\u2028  name: b\n")},
		"characters before it": {item("  keep: {\u00e4\U0001f600: \u00e9}\n  permissions: {isShareable: yes, 'isSharebale': no}\n"), item("  keep: {\u00e4\U0001f600: \u00e9}\n  permissions: {isShareable: true, 'isSharebale': no}\n")},
		"values that YAML wants quoted": {
			item("  name: Customer X: Jane's deck\n  description: Note: read this\n"),
			item("  name: 'Customer X: Jane''s deck'\n  description: 'Note: read this'\n"),
		},
		"backslashes in double quotes": {
			strings.Replace(item("  isSensitive: no\n"), "file: a.pdf", `file: "decks\q3\new.pdf" # ours`, 1),
			strings.Replace(item("  isSensitive: false\n"), "file: a.pdf", `file: 'decks\q3\new.pdf' # ours`, 1),
		},
		"tabs":                  {"version: 1\ntarget:\n\tsubdomain: acme\nassets:\n-\texternalId: A\n\tfile: a.pdf\n\tpermissions:\n\t\tisShareable: yes\n", "version: 1\ntarget:\n  subdomain: acme\nassets:\n-\texternalId: A\n  file: a.pdf\n  permissions:\n    isShareable: yes\n"},
		"tabs and blanks":       {"version: 1\ntarget:\n\tsubdomain: acme\nroots:\n  decks: ./decks\n", "version: 1\ntarget:\n\tsubdomain: acme\nroots:\n  decks: ./decks\n"},
		"not YAML at all":       {"version: 1\nassets: [\n", "version: 1\nassets: [\n"},
		"empty":                 {"", ""},
		"not UTF-8":             {"version: '1'\nid: \xff\n", "version: '1'\nid: \xff\n"},
		"not YAML further down": {"version: '1'\nassets:\n- {externalId: A, file: a.pdf, isArchived: no}\n---\n[", "version: 1\nassets:\n- {externalId: A, file: a.pdf, isArchived: false}\n---\n["},
		"over several lines":    {item("  isSensitive: >\n    yes\n"), item("  isSensitive: >\n    yes\n")},
		"escapes":               {item("  isSensitive: \"\\u0079es\"\n"), item("  isSensitive: \"\\u0079es\"\n")},
	} {
		t.Run(name, func(t *testing.T) {
			got, repairs, err := manifest.Fix(t.Context(), []byte(c.in), "m.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (len(repairs) > 0) != (c.in != c.want) {
				t.Errorf("repairs %v", repairs)
			}
			again, repairs, err := manifest.Fix(t.Context(), got, "m.yaml")
			if err != nil || len(repairs) > 0 || !bytes.Equal(got, again) {
				t.Errorf("a second time: %v, %v", repairs, err)
			}
		})
	}
}

func TestFixOfDates(t *testing.T) {
	const before, after = "version: 1\ntimezone: UTC\ndefaults: {expiresAt: ", "}\n"
	for in, want := range map[string]string{
		"2027/1/5": "2027-01-05", "2027.12.31": "2027-12-31", "2027-1-5": "2027-01-05", "'31.12.2027'": "'2027-12-31'", "12/31/2027": "2027-12-31",
		"3.4.2027": "2027-04-03", "5/5/2027": "2027-05-05", "31 December 2027": "2027-12-31", `"Dec 31, 2027"`: `"2027-12-31"`, "2027-12-31T10:00:00+0100": "2027-12-31T10:00:00+01:00",
		"2027-12-31 10:00:00Z": "2027-12-31T10:00:00Z",
		// Nobody knows what these mean.
		"03/04/2027": "", "3-4-2027": "", "12.31.2027": "", "31.12.27": "", "2027-12-31 10:00:00": "", "2027-31-12": "", "31.02.2027": "", "soon": "",
	} {
		t.Run(in, func(t *testing.T) {
			if want == "" {
				want = in
			}
			got, _, err := manifest.Fix(t.Context(), []byte(before+in+after), "m.yaml")
			if err != nil || string(got) != before+want+after {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		})
	}
}

func TestFixEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	broken := errors.New("stop")
	cancel(broken)
	if _, _, err := manifest.Fix(ctx, []byte("version: '1'\n"), "m.yaml"); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

// Whatever stands in a manifest: what is repaired is YAML if it was, has no key
// twice that it had once, and nothing is left to repair.
func FuzzFix(f *testing.F) {
	for _, s := range []string{
		"version: '1'\nDivison: Sales\nassets:\n- externalID: ' A'\n  file: a.pdf\n  isSensitive: yes\n  tags: [a, 'a', b]\n",
		"version: 1\ndefaults: {languages: EN, expiresAt: 31.12.2027}\n", "version: 1\ntarget:\n\tsubdomain: acme\n",
		"version: 1\nassets:\n- name: a: b\n  file: \"a\\q\"\n", "\xef\xbb\xbfversion: \"1\"\r\n---\ntags: a\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		got, repairs, err := manifest.Fix(t.Context(), []byte(src), "m.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if len(repairs) == 0 && string(got) != src {
			t.Errorf("changed without a word: %q", got)
		}
		before, after := stops(t, src), stops(t, string(got))
		if before[manifest.CodeSyntax] == 0 && (after[manifest.CodeSyntax] > 0 || after[manifest.CodeDuplicateKey] > before[manifest.CodeDuplicateKey]) {
			t.Errorf("problems %v became %v: %q", before, after, got)
		}
	})
}

// stops counts the problems of a manifest by code.
func stops(t *testing.T, src string) map[string]int {
	n := map[string]int{}
	count := func(ps []manifest.Problem) {
		for _, p := range ps {
			n[p.Code]++
		}
	}
	m, ps, err := manifest.ReadHeader(strings.NewReader(src), "m.yaml")
	if count(ps); err == nil {
		for p, ierr := range manifest.NewBuilder(m, manifest.Options{}).YAML(t.Context(), strings.NewReader(src)) {
			count(p.Problems)
			err = ierr
		}
	}
	if ps, ok := errors.AsType[manifest.Problems](err); ok {
		count(ps)
	}
	return n
}
