package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSharesSayEverything(t *testing.T) {
	m, _, ps := read(t, `version: 1
shares:
  - key: customer-x-q3
    title: " Customer X: Q3 "
    assets: [{externalId: SP-1042, page: 3}, {id: abc}]
    expiresAt: 2027-08-24
    isDownloadAllowed: false
    theme: " Marketing 2026 "
    origin: portal
  - {key: 7, title: 2026, assets: [{externalId: 12}], expiresAt: "+6 months", isDownloadAllowed: null, theme: null, origin: null}
timezone: Europe/Brussels
`)
	if ps != nil {
		t.Fatalf("problems: %q", ps)
	}
	at := func(line, col int) Pos { return Pos{"m.yaml", line, col} }
	day := time.Date(2027, 8, 24, 21, 59, 59, 0, time.UTC) // the last second of the day in Brussels
	want := []Share{
		{
			Pos: at(3, 5), Key: "customer-x-q3", Title: "Customer X: Q3", ExpiresAt: Some(Instant{At: day}), IsDownloadAllowed: Some(false), Theme: "Marketing 2026", Origin: "portal",
			Assets: []ShareAsset{{Pos: at(5, 27), ExternalID: "SP-1042", Page: 3}, {Pos: at(5, 51), ID: "abc"}},
		},
		{
			Pos: at(10, 5), Key: "7", Title: "2026", ExpiresAt: Some(Instant{Relative: "+6 months", Months: 6}), Origin: ShareOrigin,
			Assets: []ShareAsset{{Pos: at(10, 49), ExternalID: "12"}},
		},
	}
	got := m.Shares
	if len(got) == 2 && (got[0].FieldPos("theme") != at(8, 12) || got[1].FieldPos("nothing") != got[1].Pos) {
		t.Errorf("places %v", got[0].At)
	}
	for i := range got {
		got[i].At = nil
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"shares"}, m.Extras()); d != "" {
		t.Error(d)
	}
}

func TestShareProblems(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("{id: a}, ", 301), ", ")
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"everything at once", `version: 1
shares:
  - {title: T, assets: [{externalId: SP-1}]}
  - {key: "a,b", title: "", assets: []}
  - {key: a, titel: T, assets: [{page: 1}, {externalId: SP-1, id: b}, SP-2, {externalid: SP-3}]}
  - text
  - {key: A, title: T, assets: [{id: a, page: 0}, {id: "a b"}, {externalId: " x"}], expiresAt: 2027-01-01}
  - {key: c, title: T, assets: [{id: a}], isDownloadAllowed: maybe, theme: " ", origin: an origin that is long}
`, []string{
			`3:5: M140: the share has no key (write key: in it, as in key: customer-x-q3; a share is made once for each key)`,
			`4:11: M140: key "a,b" holds a comma (write 1 to 128 characters without comma, control characters or white space around them)`,
			`4:25: M142: title "" is unusable (write 1 to 200 characters on one line)`,
			`4:37: M143: the share has no assets (write one at least: [{externalId: SP-1042, page: 3}, {id: ...}])`,
			`5:14: M012: unknown key "titel" (did you mean "title"?)`,
			`5:33: M143: an entry of assets names no asset (write {externalId: ...} or {id: ...})`,
			`5:44: M143: an entry of assets names its asset by both externalId and id (write {externalId: ...} or {id: ...})`,
			`5:71: M007: shares.assets is a text (write {externalId: ...} or {id: ...})`,
			`5:78: M012: unknown key "externalid" (did you mean "externalId"?)`,
			`6:5: M007: shares is a text (write a share: {key: customer-x-q3, title: "Customer X: Q3", assets: [{externalId: SP-1042, page: 3}]})`,
			`7:11: M141: key "A" is used twice, or differs from another one in upper and lower case only, also at 5:11 (give one of the shares another key, or remove it)`,
			`7:47: M050: page 0 (pages count from 1)`,
			`7:56: M143: "a b" is no asset id (write the id as the service shows it, or {externalId: ...})`,
			`7:77: M143: externalId " x" has white space around it (write the external ID of an item)`,
			`7:96: M041: shares.expiresAt: the date has no time, and the header names no timezone (write timezone: Europe/Brussels in the header, or the date with its time: 2027-01-01T23:59:59Z)`,
			`8:62: M007: shares.isDownloadAllowed is a text (write true or false, without quotes)`,
			`8:76: M054: theme is empty (write the theme's title or id; leave it out for the Global Theme)`,
			`8:89: M145: origin "an origin that is long" has 22 characters (write 1 to 20, or leave it out: it names the program that made the share)`,
		}},
		{"no list", "version: 1\nshares: {key: a}\n", []string{
			`2:9: M007: shares is a mapping (write a list: [{key: customer-x-q3, title: "Customer X: Q3", assets: [{externalId: SP-1042, page: 3}]}])`,
		}},
		{"too long", "version: 1\nshares: [{key: a, title: T, assets: [" + many + "]}]\n", []string{
			`2:37: M144: the share has 301 assets; one link holds 300 at most (make 2 shares of it, of about 151 each, with a key of their own, and say in the titles which part each is)`,
		}},
		{"a long title", "version: 1\nshares: [{key: a, title: " + strings.Repeat("é", 201) + ", assets: [{id: a}]}]\n", []string{
			`2:26: M142: title "` + strings.Repeat("é", 60) + `..." is unusable (write 1 to 200 characters on one line)`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _, ps := read(t, tt.text)
			if d := cmp.Diff(tt.want, ps); d != "" {
				t.Error(d)
			}
			if len(m.Shares) > 0 {
				t.Errorf("shares with problems are there: %+v", m.Shares)
			}
		})
	}
}

// 300 assets are fine, also the same one with two pages.
func TestALongShare(t *testing.T) {
	m, _, ps := read(t, "version: 1\nshares: [{key: a, title: "+strings.Repeat("é", 200)+", assets: ["+strings.TrimSuffix(strings.Repeat("{id: a}, {id: a, page: 2}, ", 150), ", ")+"]}]\n")
	if ps != nil || len(m.Shares) != 1 || len(m.Shares[0].Assets) != 300 {
		t.Errorf("%q, %s", ps, fmt.Sprint(len(m.Shares)))
	}
}
