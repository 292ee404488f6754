package showpad

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExportedRows(t *testing.T) {
	s := newScript(says(200, fixture(t, "v3-export-assets.json")))
	rows, err := collect(newClient(t, s).ExportAssets(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 10, 15, 43, 25, 0, time.UTC)
	old := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []ExportedAsset{
		{ID: "aa11aa11aa11aa11aa11aa11aa11aa11", DivisionID: "d1", Name: "Q3 sales deck.pptx", Status: "active", Source: "shared", Type: "document",
			ExternalID: "SP-1042", Slug: "11111111-1111-4111-a111-111111111111", Size: 5368709121, CreatedAt: at.Add(250 * time.Millisecond), UpdatedAt: at},
		{ID: "bb22", DivisionID: "d1", Name: "old.pdf", Status: "active", Source: "shared", Type: "document", Size: -1, CreatedAt: old, UpdatedAt: old,
			ArchivedAt: old.AddDate(1, 0, 0), DeletedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)},
		{ID: "cc33", DivisionID: "p1", Name: "mine.pdf", Status: "active", Source: "personal", Type: "document", Size: 7, CreatedAt: old},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if q := s.seen[0].URL.RawQuery; s.count() != 1 || q != "limit=100000" {
		t.Errorf("%d requests, the first with %s", s.count(), q)
	}
}

// exporter serves rows by limit and offset, and past the end what past says.
type exporter struct {
	rows   []string
	count  bool // tell it
	most   int  // rows a page
	repeat bool // rows instead of nothing past the end
	more   int  // rows that are counted and not there
	asked  int
}

func (e *exporter) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked++
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	if e.repeat && offset >= len(e.rows) {
		offset = 0
	}
	items := []string{}
	for _, id := range e.rows[min(offset, len(e.rows)):min(offset+e.most, len(e.rows))] {
		items = append(items, `{"assetId":"`+id+`","aMemberOfTomorrow":{"x":[1]}}`)
	}
	head := ""
	if e.count {
		head = `"count":` + strconv.Itoa(len(e.rows)+e.more) + `,`
	}
	return answer(200, `{"meta":{"code":200},"tomorrow":[{}],"response":{`+head+`"more":[1,{"a":2}],"items":[`+strings.Join(items, ",")+`]}}`), nil
}

func TestExportsArePaged(t *testing.T) {
	for name, tc := range map[string]struct {
		e     *exporter
		want  string
		asked int
	}{
		"nothing":               {&exporter{count: true, most: 2}, "", 1},
		"nothing, no count":     {&exporter{most: 2}, "", 1},
		"one page":              {&exporter{rows: []string{"a", "b"}, count: true, most: 2}, "a b", 1},
		"three pages":           {&exporter{rows: []string{"a", "b", "c", "d", "e"}, count: true, most: 2}, "a b c d e", 3},
		"no count":              {&exporter{rows: []string{"a", "b", "c"}, most: 2}, "a b c", 3},
		"it repeats at the end": {&exporter{rows: []string{"a", "b", "c"}, most: 2, repeat: true}, "a b c", 3},
		"a row that has moved":  {&exporter{rows: []string{"a", "b", "b", "c"}, count: true, most: 2}, "a b c", 2},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := collect(newClient(t, tc.e).ExportAssets(t.Context()))
			var got []string
			for _, r := range rows {
				got = append(got, r.ID)
			}
			if err != nil || strings.Join(got, " ") != tc.want || tc.e.asked != tc.asked {
				t.Errorf("%q, %d requests, %v", got, tc.e.asked, err)
			}
		})
	}
	e := &exporter{rows: []string{"a", "b", "c"}, count: true, most: 2}
	for range newClient(t, e).ExportAssets(t.Context()) {
		break
	}
	if e.asked != 1 {
		t.Errorf("%d requests for one row", e.asked)
	}
}

func TestAnExportThatCannotBeReadIsAskedAgain(t *testing.T) {
	whole := `{"response":{"count":1,"items":[{"assetId":"a"}]}}`
	for name, first := range map[string]func(*http.Request) (*http.Response, error){
		"cut off": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: int64(len(whole)), Body: io.NopCloser(strings.NewReader(whole[:30]))}, nil
		},
		"broken in the middle": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1,
				Body: &slowBody{r.Context(), []string{whole[:30]}, 0, errReset}}, nil
		},
		"half a document":   says(200, whole[:30]),
		"more than it":      says(200, whole+"<html>"),
		"a page":            says(200, "<html>"),
		"a list":            says(200, "[]"),
		"no items":          says(200, `{"response":{"count":1}}`),
		"items are no list": says(200, `{"response":{"count":1,"items":{}}}`),
		"nothing":           says(200, ""),
		"503":               says(503, ""),
		"429 inside a 200":  says(200, `{"response":{"code":1,"name":"TooManyRequestsError","message":"slower"},"meta":{"code":429}}`),
		"it never goes on": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: &slowBody{r.Context(), []string{whole[:30]}, time.Hour, nil}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(first, says(200, whole))
				rows, err := collect(newClient(t, s).ExportAssets(t.Context()))
				if err != nil || len(rows) != 1 || s.count() != 2 {
					t.Errorf("%d rows, %d requests, %v", len(rows), s.count(), err)
				}
			})
		})
	}
}

func TestARefusedExportSaysWhy(t *testing.T) {
	for name, step := range map[string]func(*http.Request) (*http.Response, error){
		"status":       says(403, `{"response":{"code":2001,"name":"ForbiddenError","message":"no such scope"}}`),
		"inside a 200": says(200, `{"meta":{"code":403},"response":{"code":2001,"name":"ForbiddenError","message":"no such scope"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(step)
			_, err := collect(newClient(t, s).ExportAssets(t.Context()))
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Status != 403 || e.Code != "ForbiddenError" || e.Detail != "no such scope" || s.count() != 1 {
				t.Errorf("%d requests, %v", s.count(), err)
			}
		})
	}
	_, err := collect(newClient(t, newScript(says(200, "{}")), func(c *Config) { c.V3URL = "" }).ExportAssets(t.Context()))
	if err == nil || Classify(KindRead, err) != StopItem {
		t.Errorf("without a v3 URL: %v", err)
	}
}

// TestASlowExportIsNotCutOff: a page of 100,000 rows takes longer than other answers.
func TestASlowExportIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parts := []string{`{"response":{"items":[`}
		for i := range 10 {
			row, _ := json.Marshal(map[string]string{"assetId": fmt.Sprint(i)})
			parts = append(parts, string(row)+strings.Repeat(",", min(1, 9-i)))
		}
		parts = append(parts, `],"count":10}}`)
		rows, err := collect(newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: &slowBody{r.Context(), parts, 30 * time.Second, io.EOF}}, nil
		})).ExportAssets(t.Context()))
		if err != nil || len(rows) != 10 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
}

// TestTheGateIsFreeWhileRowsAreGivenOut: who walks the export may call the service.
func TestTheGateIsFreeWhileRowsAreGivenOut(t *testing.T) {
	c := newClient(t, newScript(says(200, fixture(t, "v3-export-assets.json")), says(200, okAsset)), func(c *Config) { c.Gate = NewGate(1) })
	for row, err := range c.ExportAssets(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Asset(t.Context(), row.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAStreamedExport: page after page, whatever the service says of the end; a page
// that breaks off gives its rows again, and fewer rows than announced are an error.
func TestAStreamedExport(t *testing.T) {
	ids := func(t *testing.T, c *Client, asked *int) (string, error) {
		var got []string
		for a, err := range c.StreamAssets(t.Context(), func() { *asked++ }) {
			if err != nil {
				return strings.Join(got, " "), err
			}
			got = append(got, a.ID)
		}
		return strings.Join(got, " "), nil
	}
	for name, tc := range map[string]struct {
		e     *exporter
		want  string
		asked int
		err   string
	}{
		"nothing":                  {e: &exporter{count: true, most: 2}, asked: 1},
		"nothing, no count":        {e: &exporter{most: 2}, asked: 1},
		"three pages":              {e: &exporter{rows: []string{"a", "b", "c", "d", "e"}, count: true, most: 2}, want: "a b c d e", asked: 3},
		"no count":                 {e: &exporter{rows: []string{"a", "b", "c"}, most: 2}, want: "a b c", asked: 3},
		"it repeats at the end":    {e: &exporter{rows: []string{"a", "b", "c"}, most: 2, repeat: true}, want: "a b c", asked: 3},
		"a row that has moved":     {e: &exporter{rows: []string{"a", "b", "b", "c"}, count: true, most: 2}, want: "a b b c", asked: 2},
		"fewer than it says":       {e: &exporter{rows: []string{"a", "b", "c"}, more: 1, count: true, most: 2}, want: "a b c", asked: 3, err: "3 rows of 4"},
		"fewer, and then a repeat": {e: &exporter{rows: []string{"a", "b", "c"}, more: 1, repeat: true, count: true, most: 2}, want: "a b c", asked: 3, err: "3 rows of 4"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			got, err := ids(t, newClient(t, tc.e), &asked)
			if got != tc.want || asked != tc.asked || tc.e.asked != tc.asked || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%q, asked %d and %d times, %v", got, asked, tc.e.asked, err)
			}
		})
	}
	e := &exporter{rows: []string{"a", "b", "c"}, count: true, most: 2}
	for a := range newClient(t, e).StreamAssets(t.Context(), nil) {
		if a.ID == "b" {
			break
		}
	}
	if e.asked != 1 {
		t.Errorf("%d requests for two rows", e.asked)
	}

	whole := `{"response":{"count":2,"items":[{"assetId":"a"},{"assetId":"b"}]}}`
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		got, err := ids(t, newClient(t, newScript(says(200, whole[:50]), says(200, whole))), &asked)
		if got != "a a b" || err != nil || asked != 1 {
			t.Errorf("a page that broke off: %q, asked %d times, %v", got, asked, err)
		}
	})
	asked := 0
	_, err := ids(t, newClient(t, newScript(says(200, `{"meta":{"code":403},"response":{"code":2001,"name":"ForbiddenError","message":"no such scope"}}`))), &asked)
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != 403 {
		t.Errorf("refused: %v", err)
	}
	if _, err := ids(t, newClient(t, newScript(), func(c *Config) { c.V3URL = "" }), &asked); err == nil {
		t.Error("without a v3 URL it is read")
	}
}
