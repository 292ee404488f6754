package expand

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUnusedColumnsAreTold(t *testing.T) {
	const head = "ID,F,Owner,Expiry,,Old,ID,A,B,C,D,E,G,H\n"
	s := tableSet(t, "t.csv", head+"a,x,,,,,,,,,,,,\n", "  columns: {externalId: ID, file: F}\n  keep: [Old]\n")
	got, _ := check(t, s)
	want := []string{`t.csv:1:7: M073: two columns are named "ID", also at t.csv:1:1 (rename one of them)`,
		`warning t.csv:1:3: M097: 9 columns are not used: "Owner", "Expiry", "A", "B", "C", "D", "E", "G" and 1 more (map them, perhaps {authors: "Owner", expiresAt: "Expiry"}, or list them under keep:)`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for name, s := range map[string]*Set{
		"all used": tableSet(t, "t.csv", "ID,F\na,x\n", "  columns: {externalId: ID, file: F}\n"),
		"fields":   tableSet(t, "t.csv", "externalId,file,Old\na,x,\n", "  keep: [Old]\n"),
	} {
		if got, _ := check(t, s); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestConstantsAndSpans(t *testing.T) {
	const include = `  columns:
    externalId: ID
    file: F
    languages: {value: [en, de]}
    description: {value: null}
    permissions.isShareable: {value: false}
    expiresAt: {column: M, add: 24 months}
`
	want := []string{"a: [en de] 2028-12-01T23:59:59Z false", "b: [en de] 2028-02-28T23:59:59Z false", "c: [en de] 0001-01-01T00:00:00Z false"}
	for name, text := range map[string]string{
		"t.csv":    "ID,F,M\na,x,1.12.2026\nb,y,28.2.2026\nc,z,\n",
		"t.tsv":    "ID\tF\tM\na\tx\t2026/12/1\nb\ty\t28.2.2026\nc\tz\t\n",
		"t.ndjson": `{"ID":"a","F":"x","M":"2026-12-01"}` + "\n" + `{"ID":"b","F":"y","M":"2026-02-28"}` + "\n" + `{"ID":"c","F":"z","M":""}` + "\n",
	} {
		var got []string
		for _, it := range items(t, tableSet(t, name, text, include)) {
			f := it.Fields
			if !f.Description.Set || !f.Description.Null {
				t.Errorf("%s: description %+v", name, f.Description)
			}
			got = append(got, fmt.Sprintf("%s: %v %s %v", it.ExternalID, f.Languages.Value, f.ExpiresAt.Value.At.Format(time.RFC3339), f.IsShareable.Value))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestProblemsNameTheirColumn(t *testing.T) {
	s := tableSet(t, "t.csv", "ID,F,Ablauf,Teilbar,languages\na,x,bald,evtl,e n\n", "  columns: {externalId: ID, file: F, expiresAt: Ablauf, isSensitive: Teilbar, languages: languages}\n")
	got, _ := check(t, s)
	want := []string{
		`t.csv:2:3: M040: expiresAt: "bald" is no date, in column "Ablauf" (write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months")`,
		`t.csv:2:4: M007: isSensitive is "evtl", in column "Teilbar" (write true or false (or yes, no, 1, 0))`,
		`t.csv:2:5: M034: "e n" in languages is no code (write codes: [en, de])`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestIDsThatASpreadsheetBroke(t *testing.T) {
	many := func(n int, form string, more ...string) []string {
		for i := range n {
			more = append(more, fmt.Sprintf(form, i+1))
		}
		return more
	}
	const rounded = ": a spreadsheet keeps no more digits of a number (format the column as text and export again)"
	const zeros = ": a spreadsheet may have dropped their leading zeros (format the column as text, restore the zeros and export again)"
	for name, tt := range map[string]struct {
		ids  []string
		want string
	}{
		"rounded":              {[]string{"1234567890123450", "9876543210987650000", "7"}, `warning t.csv:2:1: M023: all 2 external IDs of more than 15 digits end in zeros after the 15th, such as "1234567890123450"` + rounded},
		"one rounded":          {[]string{"1234567890123450"}, `warning t.csv:2:1: M023: externalId "1234567890123450" ends in zeros after its 15th digit` + rounded},
		"long":                 {[]string{"1234567890123450", "1234567890123456"}, ""},
		"scientific":           {[]string{"1.23E+15"}, `warning t.csv:2:1: M023: externalId "1.23E+15" looks like a number that a spreadsheet has rounded (format the column as text and export again)`},
		"zeros lost":           {[]string{"00042", "43", "123", "00044", "10000"}, `warning t.csv:3:1: M099: 2 external IDs are shorter than others, such as "43" beside "00042"` + zeros},
		"one lost":             {[]string{"00042", "12345", "43"}, `warning t.csv:4:1: M099: externalId "43" is shorter than others, such as "00042"` + zeros},
		"no zeros lost":        {[]string{"00042", "00043", "10000", "123456"}, ""},
		"zeros of two lengths": {[]string{"0042", "043", "7"}, ""},
		"counted":              {many(120, "%d"), ""},
		"article numbers":      {many(20, "40123450%05d", "123450000017"), `warning t.csv:2:1: M099: externalId "123450000017" is shorter than others, such as "4012345000001"` + zeros},
		"few article numbers":  {many(8, "40123450%05d", "123450000017"), ""},
		"of all lengths":       {many(20, "40123450%05d", many(20, "1234567890%d")...), ""},
		"letters":              {[]string{"00042", "a", "1a"}, ""},
	} {
		var text strings.Builder
		text.WriteString("externalId,file\n")
		for _, id := range tt.ids {
			fmt.Fprintf(&text, "%s,f%[1]s\n", id)
		}
		got, _ := check(t, tableSet(t, "t.csv", text.String(), ""))
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// A report that a run wrote is read back: its items, and what their manifest
// kept, with the cells as they were before they were made harmless.
func TestReportsAreTables(t *testing.T) {
	const text = "\xef\xbb\xbfexternalId,source,code,message,status,action,name,division,assetId,attempts,warnings,Old URL,keep.name,'=x\r\n" +
		"'=1,decks:a.pdf,M111,gone,blocked,blocked,a.pdf,D,,0,,'@old,N,'''=y\r\n" +
		"b,https://x.example/p?q=1,T1,failed,failed,create,p.url,D,a1,3,W1,,,\r\n" +
		"c,decks:c.pdf,T1,failed,failed,create,C.pdf,E,,3,,,,\"'\r\n=z\"\r\n"
	s := open(t, folder(t, "m.yaml\n"+header+"roots: {decks: .}\ninclude: [{table: runs/1/failures.csv}]\n", "runs/1/failures.csv\n"+text))
	var got []string
	for _, it := range items(t, s) {
		got = append(got, fmt.Sprintf("%s %s%s %s %s %q", it.ExternalID, it.File, it.URL, it.Fields.Name.Value, it.Division, it.Keep))
	}
	want := []string{
		`=1 decks:a.pdf a.pdf D [{"Old URL" "@old"} {"name" "N"} {"=x" "''=y"}]`,
		`b https://x.example/p?q=1 p.url D [{"Old URL" ""} {"name" ""} {"=x" ""}]`,
		`c decks:c.pdf C.pdf E [{"Old URL" ""} {"name" ""} {"=x" "\r\n=z"}]`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	problems, _ := check(t, s)
	if len(problems) != 1 || !strings.HasPrefix(problems[0], "warning runs/1/failures.csv:1: M098: ") || !strings.HasSuffix(problems[0], "runs/1/failures.csv)") {
		t.Errorf("%q", problems)
	}
}
