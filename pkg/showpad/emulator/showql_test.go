package emulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func ask4(query string, more string) string {
	b, _ := json.Marshal(query) // a string
	return `{"query":` + string(b) + more + `}`
}

func TestShowQL(t *testing.T) {
	s := newServer(t, emulator.Options{})
	tag := want(t, 201, s, "POST", "/v4/tags", `{"name":"T","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	create(t, s, "Deck old.pptx", "A", `,"languages":[{"code":"en"},{"code":"de"}],"isArchived":true`)
	s.Advance(10 * 24 * time.Hour)
	create(t, s, "film.mp4", "B", `,"tags":[{"id":"`+tag+`"}],"expiresAt":"`+s.Now().Add(100*time.Hour).UTC().Format(time.RFC3339)+`"`)
	want(t, 201, s, "POST", "/v4/assets", `{"name":"a deck.pdf","division":{"id":"`+emulator.DivisionSales+`"},"permissions":{"isShareable":false},"countries":[{"code":"BE"}]}`)

	for query, names := range map[string]string{
		`name ~ "DECK"`:                   "Deck old.pptx, a deck.pdf",
		`name = "film.mp4"`:               "film.mp4",
		`name != "film.mp4"`:              "Deck old.pptx, a deck.pdf",
		`name IN ("film.mp4", "x")`:       "film.mp4",
		`type = "video" OR type="raw"`:    "film.mp4",
		`type IN ("video","document")`:    "Deck old.pptx, film.mp4, a deck.pdf",
		`archivedAt IS EMPTY`:             "film.mp4, a deck.pdf",
		`archivedAt IS NOT EMPTY`:         "Deck old.pptx",
		`createdAt >= -1w`:                "film.mp4, a deck.pdf",
		`createdAt < -1w`:                 "Deck old.pptx",
		`createdAt <= 0d AND views < 1`:   "Deck old.pptx, film.mp4, a deck.pdf",
		`expiresAt > 0d AND expiresAt<1w`: "film.mp4",
		`expiresAt > 5d`:                  "",
		`likes > -1 AND views = 0`:        "Deck old.pptx, film.mp4, a deck.pdf",
		`languages ~ "de"`:                "Deck old.pptx",
		`languages != "de"`:               "film.mp4, a deck.pdf",
		`languages IS EMPTY`:              "film.mp4, a deck.pdf",
		`countries = "BE"`:                "a deck.pdf",
		`isShareable = false`:             "a deck.pdf",
		`isDivisionShared != true`:        "Deck old.pptx, film.mp4, a deck.pdf",
		`tags ~ "` + tag + `"`:            "film.mp4",
		`tags ~ "T"`:                      "", // by id, not by name
		`division = "Sales EMEA"`:         "", // likewise
		`name ~ "deck" AND archivedAt IS EMPTY OR type = "video"`:   "film.mp4, a deck.pdf",
		`name ~ "deck" AND (archivedAt IS EMPTY OR type = "video")`: "a deck.pdf",
		`likes = 0 ORDER BY name ASC`:                               "Deck old.pptx, a deck.pdf, film.mp4",
		`likes = 0 ORDER BY createdAt DESC`:                         "a deck.pdf, film.mp4, Deck old.pptx",
		`likes = 0 ORDER BY expiresAt ASC`:                          "film.mp4, Deck old.pptx, a deck.pdf",
		`division IN ("` + emulator.DivisionSales + `")`:            "a deck.pdf",
	} {
		r := want(t, 200, s, "POST", "/v4/assets/query", ask4(query, ""))
		var got []string
		for _, a := range r.items() {
			got = append(got, a["name"].(string))
		}
		if strings.Join(got, ", ") != names || r.json["count"] != float64(len(got)) || r.json["next"] != nil {
			t.Errorf("%s found %q, count %v, next %v; want %s", query, got, r.json["count"], r.json["next"], names)
		}
	}
}

func TestWhatIsNoShowQL(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for query, at := range map[string]int{
		``: 1, `ORDER BY name ASC`: 1, `nam ~ "x"`: 1, `"x"`: 1, `name`: 5, `name ~`: 7, `name ~ x`: 8, `name ~ "x`: 8, `name ~ 'x'`: 8,
		`name > "x"`: 6, `name !~ "x"`: 6, `views ~ 1`: 7, `views > "1"`: 9, `views > 1.5`: 10, `isShareable = "true"`: 15,
		`createdAt > "2026-01-01"`: 13, `createdAt > 1h`: 13, `createdAt IN (0d)`: 11, `archivedAt IS NULL`: 15, `archivedAt is EMPTY`: 12,
		`name ~ "x" and name ~ "y"`: 12, `NOT name ~ "x"`: 1, `(name ~ "x"`: 12, `name ~ "x")`: 11, `name IN "x"`: 9, `name IN ("x" "y")`: 14,
		`name IN ()`: 10, `name ~ "x" ORDER name ASC`: 18, `name ~ "x" ORDER BY name`: 25, `name ~ "x" ORDER BY tags ASC`: 21,
		`name ~ "x" ORDER BY name ASC, type ASC`: 29, `name ~ "ä" ; x`: 12, `externalId = "A"`: 1, `status = "active"`: 1,
		`name ~ "a\"b"`: 13, strings.Repeat("(", 200): 101,
	} {
		r := want(t, 400, s, "POST", "/v4/assets/query", ask4(query, ""))
		finding := r.json["meta"].([]any)[0].(map[string]any)
		if !strings.HasPrefix(finding["reason"].(string), fmt.Sprintf("Syntax error at character %d:", at)) || finding["category"] != "ParseError" || finding["name"] != "query" {
			t.Errorf("%s: %v, want character %d", query, finding, at)
		}
	}
	for _, body := range []string{
		`{}`, `{"query":1}`, ask4(strings.Repeat("x", 20_001), ""), ask4("likes = 0", `,"limit":101`), ask4("likes = 0", `,"limit":-1`), ask4("likes = 0", `,"offset":100000`),
		ask4("likes = 0", `,"offset":0,"cursor":"x"`), ask4("likes = 0", `,"cursor":"x"`), ask4("likes = 0", `,"sort":"name"`), ask4("likes = 0", `,"offset":9990,"limit":20`),
	} {
		want(t, 400, s, "POST", "/v4/assets/query", body)
	}
	want(t, 400, s, "POST", "/v4/assets/query?limit=1", ask4("likes = 0", "")) // paging stands in the body
	want(t, 200, s, "POST", "/v4/assets/query", ask4("likes = 0", `,"offset":9980`))
}

func TestACursorWalksThroughAQuery(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for i := range 45 {
		create(t, s, fmt.Sprintf("%02d.txt", i), fmt.Sprint("id", i), "")
	}
	const query = `likes = 0 ORDER BY name DESC`
	page := func(status int, query, more string) ([]string, string, reply) {
		t.Helper()
		r := want(t, status, s, "POST", "/v4/assets/query", ask4(query, more))
		var names []string
		for _, a := range r.items() {
			names = append(names, a["name"].(string))
		}
		return names, r.text("next"), r
	}
	first, next, _ := page(200, query, "")
	if len(first) != 20 || first[0] != "44.txt" || next == "" {
		t.Fatalf("first page %q, next %q", first, next)
	}
	create(t, s, "99.txt", "99", "") // would move what offsets count
	second, after, _ := page(200, query, `,"limit":10,"cursor":"`+next+`"`)
	third, end, _ := page(200, query, `,"limit":100,"cursor":"`+after+`"`)
	if all := slices.Concat(first, second, third); len(all) != 45 || len(second) != 10 || all[44] != "00.txt" || end != "" {
		t.Errorf("%d, %d and %d assets, then %q", len(first), len(second), len(third), end)
	}
	page(400, `likes = 0`, `,"cursor":"`+next+`"`) // of another query
	if past, _, r := page(200, query, `,"offset":100`); len(past) != 0 || r.json["count"] != float64(46) {
		t.Errorf("past the end: %s", r.body)
	}
	if none, more, r := page(200, query, `,"limit":0`); len(none) != 0 || more != "" || r.json["count"] != float64(46) {
		t.Errorf("none: %s", r.body)
	}
	s.Switch(func(sw *emulator.Switches) { sw.CursorLife = 1 })
	_, next, _ = page(200, query, "")
	create(t, s, "a.txt", "a", "")
	page(200, query, `,"cursor":"`+next+`"`)
	create(t, s, "b.txt", "b", "")
	page(400, query, `,"cursor":"`+next+`"`)
}

// A new asset is not found at once where lists lag.
func TestAQueryLags(t *testing.T) {
	s := newServer(t, emulator.Options{ListLag: time.Minute})
	create(t, s, "a.txt", "a", "")
	if r := want(t, 200, s, "POST", "/v4/assets/query", ask4("likes = 0", "")); len(r.items()) != 0 {
		t.Errorf("%s", r.body)
	}
	s.Advance(2 * time.Minute)
	if r := want(t, 200, s, "POST", "/v4/assets/query", ask4("likes = 0", "")); len(r.items()) != 1 {
		t.Errorf("%s", r.body)
	}
}
