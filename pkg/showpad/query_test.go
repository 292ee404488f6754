package showpad

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// queryPageOf is an answer with the assets from low to below high; next is the member
// as JSON, "" leaves it out.
func queryPageOf(count, low, high int, next string) func(*http.Request) (*http.Response, error) {
	var items []string
	for i := low; i < high; i++ {
		items = append(items, fmt.Sprintf(`{"id":"a%d"}`, i))
	}
	if next != "" {
		next = `,"next":` + next
	}
	return says(http.StatusOK, fmt.Sprintf(`{"count":%d,"items":[%s]%s}`, count, strings.Join(items, ","), next))
}

var deadCursor = says(http.StatusBadRequest, `{"title":"Bad Request","status":400,"detail":"x","meta":[{"name":"cursor","reason":"not valid","category":"x"}]}`)

func TestAQueryFollowsTheCursor(t *testing.T) {
	s := newScript(queryPageOf(5, 0, 2, `"c1"`), queryPageOf(5, 2, 4, `"c2"`), queryPageOf(5, 4, 5, "null"))
	var totals []int
	all, err := collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "q", Counted: func(n int) { totals = append(totals, n) }}))
	if err != nil || len(all) != 5 || all[4].ID != "a4" || !slices.Equal(totals, []int{5, 5, 5}) {
		t.Fatalf("%d assets, %v, totals %v", len(all), err, totals)
	}
	want := []string{`{"query":"q","limit":100}`, `{"query":"q","cursor":"c1","limit":100}`, `{"query":"q","cursor":"c2","limit":100}`}
	if !slices.Equal(s.sent, want) {
		t.Errorf("sent %q", s.sent)
	}
}

func TestAQueryWithoutACursorCountsOffsets(t *testing.T) {
	for _, next := range []string{"", "null"} {
		s := newScript(queryPageOf(5, 0, 3, next), queryPageOf(5, 2, 4, next), queryPageOf(5, 4, 5, next))
		all, err := collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "q"}))
		if err != nil || len(all) != 4 { // five rows were passed; a2 came twice
			t.Fatalf("%d assets, %v", len(all), err)
		}
		if want := []string{`{"query":"q","limit":100}`, `{"query":"q","offset":3,"limit":100}`}; !slices.Equal(s.sent, want) {
			t.Errorf("sent %q", s.sent)
		}
	}
}

// Offsets lead to 10,000 results. What lies beyond must not be left out silently.
func TestAQueryThatOffsetsDoNotReachSaysSo(t *testing.T) {
	page := 0
	s := newScript(func(r *http.Request) (*http.Response, error) {
		page++
		return queryPageOf(10_050, (page-1)*100, page*100, "")(r)
	})
	all, err := collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "q"}))
	if err == nil || !strings.Contains(err.Error(), "more than 10000 results") || len(all) != 10_000 {
		t.Errorf("%d assets, %v", len(all), err)
	}
}

func TestADeadCursorBeginsTheWalkAnew(t *testing.T) {
	s := newScript(queryPageOf(4, 0, 2, `"c1"`), deadCursor, queryPageOf(4, 1, 3, `"c2"`), queryPageOf(4, 3, 4, "null"))
	all, err := collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "q"}))
	if err != nil || len(all) != 4 {
		t.Fatalf("%d assets, %v", len(all), err)
	}
	// One that always dies is an error, not an endless walk.
	odd := 0
	s = newScript(func(r *http.Request) (*http.Response, error) {
		if odd++; odd%2 == 0 {
			return deadCursor(r)
		}
		return queryPageOf(4, 0, 2, `"c1"`)(r)
	})
	all, err = collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "q"}))
	if err == nil || len(all) != 2 || s.count() != 8 {
		t.Errorf("%d assets, %d requests, %v", len(all), s.count(), err)
	}
	// ... and so are cursors that go round.
	s = newScript(queryPageOf(4, 0, 2, `"c1"`))
	if all, err = collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "q"})); err == nil || len(all) != 2 {
		t.Errorf("%d assets, %v", len(all), err)
	}
}

func TestAQueryAsksForNoMoreThanItGives(t *testing.T) {
	s := newScript(queryPageOf(500, 0, 7, `"c1"`))
	all, err := collect(newClient(t, s).QueryDocuments(t.Context(), AssetQuery{ShowQL: "q", Max: 7}))
	if err != nil || len(all) != 7 || string(all[6]) != `{"id":"a6"}` || s.count() != 1 || s.sent[0] != `{"query":"q","limit":7}` {
		t.Errorf("%d documents, %v, sent %q", len(all), err, s.sent)
	}
}

func TestAQueryThatCannotBeRead(t *testing.T) {
	for _, file := range []string{"problem-query.json", "problem-odd.json"} {
		s := newScript(says(http.StatusBadRequest, fixture(t, file)))
		_, err := collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: "nonsense"}))
		var wrong *QueryError
		if want := map[string]int{"problem-query.json": 50, "problem-odd.json": 12}[file]; !errors.As(err, &wrong) || wrong.At != want || wrong.Query != "nonsense" || s.count() != 1 {
			t.Errorf("%s: %#v, %d requests", file, err, s.count())
		}
	}
	s := newScript(says(http.StatusOK, "{}"))
	if _, err := collect(newClient(t, s).QueryAssets(t.Context(), AssetQuery{ShowQL: strings.Repeat("ä", MaxQuery+1)})); !IsWrongRequest(err) || s.count() != 0 {
		t.Errorf("too long: %v, %d requests", err, s.count())
	}
	if _, err := collect(newClient(t, newScript(says(http.StatusForbidden, "{}"))).QueryAssets(t.Context(), AssetQuery{ShowQL: "q"})); errors.As(err, new(*QueryError)) || err == nil {
		t.Errorf("403: %v", err)
	}
}
