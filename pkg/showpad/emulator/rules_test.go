package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestRequestsAreCheckedAsTheSpecificationHasThem sends what is wrong, a rule a
// line, and looks for the status and the member that is blamed.
func TestRequestsAreCheckedAsTheSpecificationHasThem(t *testing.T) {
	s := newServer(t, emulator.Options{Divisions: []emulator.Division{
		{ID: emulator.DivisionMarketing, Name: "Marketing", SharingEnabled: true},
		{ID: emulator.DivisionSales, Name: "Sales EMEA"},
		{ID: "locked", Name: "Locked", Denied: true},
		{ID: "hidden", Name: "Hidden", Hidden: true},
	}})
	tag := want(t, 201, s, "POST", "/v4/tags", `{"name":"Sales","division":{"id":"`+emulator.DivisionSales+`"}}`).text("id")
	pdf, deck := create(t, s, "a.pdf", "A", ""), create(t, s, "b.pptx", "B", "")
	link := create(t, s, "c.url", "C", `,"url":"https://example.com"`)

	post := func(more string) string { return createBody("x.pdf", "X", more) }
	in := func(division string) string { return `{"name":"x.pdf","division":{"id":"` + division + `"}}` }
	long := strings.Repeat("é", 129)
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		blamed                     string // name of a meta entry; "" for none
	}{
		{"unknown property", "POST", "/v4/assets", post(`,"fileName":"x"`), 400, "fileName"},
		{"unknown nested property", "POST", "/v4/assets", post(`,"permissions":{"isDownloadable":true}`), 400, "permissions.isDownloadable"},
		{"wrong type", "POST", "/v4/assets", post(`,"isSensitive":"yes"`), 400, "isSensitive"},
		{"no body", "POST", "/v4/assets", "", 415, ""},
		{"not JSON", "POST", "/v4/assets", "{", 400, "body"},
		{"null body", "POST", "/v4/assets", "null", 400, "body"},
		{"array body", "POST", "/v4/assets", "[]", 400, "body"},
		{"no name", "POST", "/v4/assets", `{"division":{"id":"` + emulator.DivisionMarketing + `"}}`, 400, "name"},
		{"empty name", "POST", "/v4/assets", createBody(" ", "X", ""), 400, "name"},
		{"no division", "POST", "/v4/assets", `{"name":"x.pdf"}`, 400, "division"},
		{"unknown division", "POST", "/v4/assets", in("nowhere"), 404, ""},
		{"hidden division", "POST", "/v4/assets", in("hidden"), 404, ""},
		{"division without the right", "POST", "/v4/assets", in("locked"), 403, ""},
		{"externalId too long", "POST", "/v4/assets", createBody("x.pdf", long, ""), 400, "externalId"},
		{"externalId at its limit", "POST", "/v4/assets", createBody("x.pdf", long[2:], ""), 201, ""},
		{"externalId empty", "POST", "/v4/assets", createBody("x.pdf", "", ""), 400, "externalId"},
		{"isEditable on a PDF", "POST", "/v4/assets", post(`,"permissions":{"isEditable":false}`), 400, "permissions.isEditable"},
		{"isEditable on a deck", "POST", "/v4/assets", createBody("x.pptx", "X", `,"permissions":{"isEditable":true}`), 201, ""},
		{"shared where sharing is on", "POST", "/v4/assets", post(`,"isDivisionShared":true`), 201, ""},
		{"shared where sharing is off", "POST", "/v4/assets", `{"name":"x.pdf","division":{"id":"` + emulator.DivisionSales + `"},"isDivisionShared":true}`, 400, "isDivisionShared"},
		{"unknown tag", "POST", "/v4/assets", post(`,"tags":[{"id":"none"}]`), 400, "tags"},
		{"tag of another division", "POST", "/v4/assets", post(`,"tags":[{"id":"` + tag + `"}]`), 400, "tags"},
		{"tag by name", "POST", "/v4/assets", post(`,"tags":[{"name":"Sales"}]`), 400, "tags[0].id tags[0].name"},
		{"tags null", "POST", "/v4/assets", post(`,"tags":null`), 400, "tags"},
		{"unknown author", "POST", "/v4/assets", post(`,"authors":[{"id":"none"}]`), 400, "authors"},
		{"unknown language", "POST", "/v4/assets", post(`,"languages":[{"code":"xx"}]`), 400, "languages"},
		{"region form of a language", "POST", "/v4/assets", post(`,"languages":[{"code":"pt-BR"}]`), 201, ""},
		{"unknown country", "POST", "/v4/assets", post(`,"countries":[{"code":"XX"}]`), 400, "countries"},
		{"UK is in the list", "POST", "/v4/assets", post(`,"countries":[{"code":"UK"}]`), 201, ""},
		{"download choice", "POST", "/v4/assets", post(`,"downloadableExternal":["zip"]`), 400, "downloadableExternal[0]"},
		{"date", "POST", "/v4/assets", post(`,"expiresAt":"tomorrow"`), 400, "expiresAt"},
		{"date without a time", "POST", "/v4/assets", post(`,"expiresAt":"2027-01-01"`), 400, "expiresAt"},
		{"page range", "POST", "/v4/assets", post(`,"lockedPages":[{"start":2}]`), 400, "lockedPages[0].end"},
		{"page range backwards", "POST", "/v4/assets", post(`,"lockedPages":[{"start":2,"end":1}]`), 400, "lockedPages[0].start"},
		{"enforced pages", "POST", "/v4/assets", post(`,"enforcedPages":{"prepend":[{"start":1,"end":1}],"append":null}`), 201, ""},
		{"url without .url", "POST", "/v4/assets", post(`,"url":"https://example.com"`), 400, "name"},
		{"url that is none", "POST", "/v4/assets", createBody("x.url", "X", `,"url":"example"`), 400, "url"},
		{"localization on create", "POST", "/v4/assets", post(`,"localization":null`), 400, "localization"},
		{"origin local", "POST", "/v4/assets", post(`,"origin":{"type":"local","id":"showpad"}`), 201, ""},
		{"origin local without id", "POST", "/v4/assets", post(`,"origin":{"type":"local"}`), 400, "origin"},
		{"origin client with id", "POST", "/v4/assets", post(`,"origin":{"type":"oauth2client","id":"showpad"}`), 400, "origin"},
		{"origin client by a personal token", "POST", "/v4/assets", post(`,"origin":{"type":"oauth2client"}`), 400, "origin"},
		{"origin without type", "POST", "/v4/assets", post(`,"origin":{}`), 400, "origin.type"},
		{"query on create", "POST", "/v4/assets?dryRun=true", post(""), 400, "dryRun"},

		{"division is fixed", "POST", "/v4/assets/" + pdf, `{"division":{"id":"` + emulator.DivisionSales + `"}}`, 400, "division"},
		{"update makes a PDF editable", "POST", "/v4/assets/" + pdf, `{"permissions":{"isEditable":true}}`, 400, "permissions.isEditable"},
		{"update of a deck", "POST", "/v4/assets/" + deck, `{"permissions":{"isEditable":true}}`, 200, ""},
		{"a link keeps its ending", "POST", "/v4/assets/" + link, `{"name":"c.pdf"}`, 400, "name"},
		{"update name null", "POST", "/v4/assets/" + pdf, `{"name":null}`, 400, "name"},
		{"update isSensitive null", "POST", "/v4/assets/" + pdf, `{"isSensitive":null}`, 400, "isSensitive"},
		{"update isArchived null", "POST", "/v4/assets/" + pdf, `{"isArchived":null}`, 200, ""},
		{"update nulls", "POST", "/v4/assets/" + pdf, `{"externalId":null,"description":null,"expiresAt":null,"releasedAt":null,"draftedAt":null,"url":null,"enforcedPages":null,"localization":null}`, 200, ""},
		{"update nothing", "POST", "/v4/assets/" + pdf, `{}`, 200, ""},
		{"update unknown asset", "POST", "/v4/assets/none", `{}`, 404, ""},
		{"localization without variants", "POST", "/v4/assets/" + pdf, `{"localization":{"primary":{"asset":{"id":"` + deck + `"}}}}`, 400, "localization.variants"},
		{"localization of nothing", "POST", "/v4/assets/" + pdf, `{"localization":{"primary":{"asset":{"id":"none"}},"variants":[]}}`, 400, "localization.primary.asset.id"},

		{"PATCH", "PATCH", "/v4/assets/" + pdf, `{}`, 405, ""},
		{"PUT", "PUT", "/v4/assets/" + pdf, `{}`, 405, ""},
		{"tags of an asset", "POST", "/v4/assets/" + pdf + "/tags", `{}`, 404, ""},
		{"unknown route", "GET", "/v4/folders", "", 404, ""},
		{"trailing slash", "GET", "/v4/assets/", "", 404, ""},
		{"v5", "GET", "/v5/assets", "", 404, ""},
		{"body on a read", "GET", "/v4/assets", `{}`, 400, "body"},
		{"body on a delete", "DELETE", "/v4/assets/" + pdf, `{}`, 400, "body"},

		{"limit", "GET", "/v4/assets?limit=1001", "", 400, "limit"},
		{"limit below", "GET", "/v4/assets?limit=-1", "", 400, "limit"},
		{"limit that is none", "GET", "/v4/assets?limit=all", "", 400, "limit"},
		{"offset", "GET", "/v4/assets?offset=-1", "", 400, "offset"},
		{"unknown filter", "GET", "/v4/assets?status=active", "", 400, "status"},
		{"filter given twice", "GET", "/v4/assets?ids=a&ids=b", "", 400, "ids"},
		{"filter on one asset", "GET", "/v4/assets/" + pdf + "?fields=id", "", 400, "fields"},
		{"query that cannot be read", "GET", "/v4/assets?name=%zz", "", 400, "query"},
		{"filter on languages", "GET", "/v4/languages?limit=1", "", 400, "limit"},

		{"contentMD5 in hex", "POST", "/v4/assets/" + pdf + "/files", `{"contentMD5":"5d41402abc4b2a76b9719d911017c592"}`, 400, "contentMD5"},
		{"fileName", "POST", "/v4/assets/" + pdf + "/files", `{"fileName":"x"}`, 400, "fileName"},
		{"files of nothing", "POST", "/v4/assets/none/files", `{}`, 404, ""},
		{"file of nothing", "GET", "/v4/assets/" + pdf + "/files/none", "", 404, ""},

		{"tag name too long", "POST", "/v4/tags", `{"name":"` + strings.Repeat("x", 256) + `","division":{"id":"` + emulator.DivisionSales + `"}}`, 400, "name"},
		{"tag name empty", "POST", "/v4/tags", `{"name":" ","division":{"id":"` + emulator.DivisionSales + `"}}`, 400, "name"},
		{"tag name with a tab", "POST", "/v4/tags", `{"name":"a\tb","division":{"id":"` + emulator.DivisionSales + `"}}`, 400, "name"},
		{"tag without division", "POST", "/v4/tags", `{"name":"a"}`, 400, "division"},
		{"tag in no division", "POST", "/v4/tags", `{"name":"a","division":{"id":"none"}}`, 400, "division.id"},
		{"tag in a locked division", "POST", "/v4/tags", `{"name":"a","division":{"id":"locked"}}`, 403, ""},
		{"tag that exists", "POST", "/v4/tags", `{"name":" Sales ","division":{"id":"` + emulator.DivisionSales + `"}}`, 409, ""},
		{"tag that exists elsewhere", "POST", "/v4/tags", `{"name":"Sales","division":{"id":"` + emulator.DivisionMarketing + `"}}`, 201, ""},
		{"tag moves", "POST", "/v4/tags/" + tag, `{"name":"a","division":{"id":"x"}}`, 400, "division"},
		{"unknown tag read", "GET", "/v4/tags/none", "", 404, ""},
		{"unknown division read", "GET", "/v4/divisions/hidden", "", 404, ""},
		{"unknown user read", "GET", "/v4/users/none", "", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := want(t, c.status, s, c.method, c.target, c.body)
			if c.status < 400 {
				return
			}
			if got := r.header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %s", got)
			}
			if r.json["status"] != float64(c.status) || r.text("title") == "" || r.text("detail") == "" {
				t.Errorf("no problem document: %s", r.body)
			}
			var names []string
			meta, _ := r.json["meta"].([]any)
			for _, m := range meta {
				m := m.(map[string]any)
				if m["reason"] == "" || m["category"] == "" {
					t.Errorf("meta without reason or category: %v", m)
				}
				names = append(names, m["name"].(string))
			}
			if got := strings.Join(names, " "); got != c.blamed {
				t.Errorf("blamed %q, want %q: %s", got, c.blamed, r.body)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	s := newServer(t, emulator.Options{})
	r := want(t, 400, s, "POST", "/v4/assets", createBody("", "", `,"isSensitive":1,"zip":1,"zap":2`))
	if meta := r.json["meta"].([]any); len(meta) != 5 {
		t.Errorf("%d findings: %s", len(meta), r.body)
	}
}

func TestContentTypeMustBeJSON(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for kind, status := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "text/plain": 415,
		"multipart/form-data; boundary=x": 415, "application/x-www-form-urlencoded": 415, "": 415,
	} {
		want(t, status, s, "POST", "/v4/assets", createBody("a.pdf", "X", ""), "Content-Type", kind)
	}
	if got := s.Books().Unknown; got != 4 {
		t.Errorf("noted %d requests that the specification does not know", got)
	}
}

func TestLongURLsAndBodies(t *testing.T) {
	s := newServer(t, emulator.Options{})
	want(t, 200, s, "GET", "/v4/assets?ids="+strings.Repeat("x", 8<<10-len("/v4/assets?ids=")), "")
	want(t, 414, s, "GET", "/v4/assets?ids="+strings.Repeat("x", 8<<10), "")
	want(t, 413, s, "POST", "/v4/assets", createBody(strings.Repeat("x", 1<<20), "X", ""))
}

func TestUnknownRequestsAreBooked(t *testing.T) {
	s := newServer(t, emulator.Options{})
	want(t, 400, s, "POST", "/v4/assets", createBody("a.pdf", "X", `,"a":1,"b":2`))
	want(t, 400, s, "GET", "/v4/assets?status=active", "")
	want(t, 404, s, "GET", "/v4/folders", "")
	want(t, 405, s, "PATCH", "/v4/assets/x", "{}")
	want(t, 400, s, "GET", "/v4/assets?limit=2000", "") // known, and wrong
	b := s.Books()
	if b.Unknown != 5 || len(b.UnknownNotes) != 5 || b.Requests["unknown"] != 2 || b.API != 5 {
		t.Errorf("books: %+v", b)
	}
	s.ResetBooks()
	if b := s.Books(); b.Unknown != 0 || b.API != 0 {
		t.Errorf("after a reset: %+v", b)
	}
}

func TestUpdatesReplaceArraysAndKeepWhatIsNotNamed(t *testing.T) {
	s := newServer(t, emulator.Options{})
	tag := func(name string) string {
		return want(t, 201, s, "POST", "/v4/tags", `{"name":"`+name+`","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	}
	one, two := tag("One"), tag("Two")
	id := create(t, s, "a.pptx", "X", fmt.Sprintf(`,"description":"d","tags":[{"id":%q},{"id":%q},{"id":%q}],"languages":[{"code":"en"}]`, one, two, one))
	if got := s.Assets()[0].Tags; fmt.Sprint(got) != "[One Two]" {
		t.Errorf("tags are a set: %v", got)
	}
	want(t, 200, s, "POST", "/v4/assets/"+id, fmt.Sprintf(`{"tags":[{"id":%q}],"permissions":{"isShareable":false}}`, two))
	a := s.Assets()[0]
	if fmt.Sprintf("%v %v %s %t %t", a.Tags, a.Languages, a.Description, a.IsShareable, a.IsAnnotatable) != "[Two] [en] d false true" {
		t.Errorf("%+v", a)
	}
	for query, count := range map[string]float64{"tagIds=" + one: 0, "tagIds=" + two: 1, "tagIds=" + one + "," + two: 0} {
		if got := want(t, 200, s, "GET", "/v4/assets?"+query, "").json["count"]; got != count {
			t.Errorf("%s: %v", query, got)
		}
	}
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"tags":[],"description":null}`)
	if a := s.Assets()[0]; len(a.Tags) != 0 || a.Description != "" {
		t.Errorf("%+v", a)
	}
}

func TestLocalizationLinksAssets(t *testing.T) {
	s := newServer(t, emulator.Options{})
	primary, variant := create(t, s, "a.pdf", "A", ""), create(t, s, "b.pdf", "B", "")
	body := fmt.Sprintf(`{"localization":{"primary":{"asset":{"id":%q}},"variants":[{"asset":{"id":%q}},{"asset":{"languages":[{"code":"de"}],"countries":[]}}]}}`, primary, variant)
	r := want(t, 200, s, "POST", "/v4/assets/"+primary, body)
	variants := r.json["localization"].(map[string]any)["variants"].([]any)
	if len(variants) != 2 || variants[0].(map[string]any)["status"] != "localized" || variants[1].(map[string]any)["status"] != "to-be-localized" {
		t.Errorf("%s", r.body)
	}
}

// TestLocalizationIsOneForAll: the primary and its variants answer the same, and an
// update replaces the list, whichever of them it is sent to.
func TestLocalizationIsOneForAll(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, emulator.Options{Dir: dir})
	p, a, b := create(t, s, "p.pdf", "P", ""), create(t, s, "a.pdf", "A", `,"languages":[{"code":"de"}]`), create(t, s, "b.pdf", "B", "")
	body := func(primary string, variants ...string) string {
		list := make([]string, len(variants))
		for i, v := range variants {
			list[i] = `{"asset":{"id":"` + v + `"}}`
		}
		return `{"localization":{"primary":{"asset":{"id":"` + primary + `"}},"variants":[` + strings.Join(list, ",") + `]}}`
	}
	shows := func(want map[string]string) {
		t.Helper()
		for _, x := range s.Assets() {
			if x.Primary != want[x.ExternalID] {
				t.Errorf("%s is a variant of %q, want %q", x.ExternalID, x.Primary, want[x.ExternalID])
			}
		}
	}
	want(t, 200, s, "POST", "/v4/assets/"+a, body(p, a))
	want(t, 200, s, "POST", "/v4/assets/"+b, body(p, a, b))
	shows(map[string]string{"A": p, "B": p})
	for _, id := range []string{p, a, b} {
		l := want(t, 200, s, "GET", "/v4/assets/"+id, "").json["localization"].(map[string]any)
		first := l["variants"].([]any)[0].(map[string]any)["asset"].(map[string]any)
		if l["primary"].(map[string]any)["asset"].(map[string]any)["id"] != p || len(l["variants"].([]any)) != 2 || fmt.Sprint(first["languages"]) != "[map[code:de]]" {
			t.Errorf("of %s: %v", id, l)
		}
	}
	want(t, 200, s, "POST", "/v4/assets/"+b, body(p, b))
	shows(map[string]string{"B": p})
	want(t, 400, s, "POST", "/v4/assets/"+a, body(b, a)) // a variant is no primary
	want(t, 400, s, "POST", "/v4/assets/"+a, body(a, p)) // nor the other way round
	want(t, 400, s, "POST", "/v4/assets/"+a, body(p, b)) // and the asset is one of them
	want(t, 400, s, "POST", "/v4/assets/"+p, body(p, p))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newServer(t, emulator.Options{Dir: dir})
	shows(map[string]string{"B": p})
	want(t, 200, s, "POST", "/v4/assets/"+b, `{"localization":null}`)
	shows(nil)
	want(t, 200, s, "POST", "/v4/assets/"+p, body(p, a, b))
	want(t, 204, s, "DELETE", "/v4/assets/"+a, "")
	shows(map[string]string{"B": p})
	want(t, 200, s, "POST", "/v4/assets/"+p, `{"localization":null}`)
	shows(nil)
}

func TestDuplicatesAreAcceptedAndBooked(t *testing.T) {
	s := newServer(t, emulator.Options{})
	a, b := create(t, s, "a.pdf", "SP-1", ""), create(t, s, "a.pdf", "SP-1", "")
	create(t, s, "a.pdf", "SP-2", "")
	if got := fmt.Sprint(s.Books().Duplicates); got != fmt.Sprintf("map[SP-1:[%s %s]]", a, b) {
		t.Errorf("duplicates: %s", got)
	}
	want(t, 204, s, "DELETE", "/v4/assets/"+b, "")
	if got := s.Books().Duplicates; len(got) != 0 {
		t.Errorf("duplicates: %v", got)
	}
}

func TestSwitches(t *testing.T) {
	on := func(sw emulator.Switches) *emulator.Server { return newServer(t, emulator.Options{Switches: sw}) }

	s := on(emulator.Switches{DropExternalID: true, DropTags: true})
	tag := want(t, 201, s, "POST", "/v4/tags", `{"name":"T","division":{"id":"`+emulator.DivisionMarketing+`"}}`).text("id")
	id := create(t, s, "a.pdf", "SP-1", `,"tags":[{"id":"`+tag+`"}]`)
	if a := s.Assets()[0]; a.ExternalID != "" || len(a.Tags) != 0 {
		t.Errorf("a create that drops: %+v", a)
	}
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"externalId":"SP-1","tags":[{"id":"`+tag+`"}]}`)
	if a := s.Assets()[0]; a.ExternalID != "SP-1" || len(a.Tags) != 1 {
		t.Errorf("an update keeps: %+v", a)
	}

	s = on(emulator.Switches{KeepExternalID: true})
	id = create(t, s, "a.pdf", "SP-1", "")
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"externalId":"SP-2","description":"d"}`)
	if a := s.Assets()[0]; a.ExternalID != "SP-1" || a.Description != "d" {
		t.Errorf("an update that leaves the external ID: %+v", a)
	}

	s = on(emulator.Switches{RefuseExternalID: true})
	want(t, 400, s, "POST", "/v4/assets", createBody("a.pdf", "SP-1", ""))

	s = on(emulator.Switches{ResetPermissions: true})
	id = create(t, s, "a.pptx", "X", `,"permissions":{"isShareable":false,"isEditable":true}`)
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"description":"d"}`)
	if a := s.Assets()[0]; a.IsShareable || !a.IsEditable {
		t.Errorf("an update without permissions resets nothing: %+v", a)
	}
	want(t, 200, s, "POST", "/v4/assets/"+id, `{"permissions":{"isAnnotatable":false}}`)
	if a := s.Assets()[0]; !a.IsShareable || a.IsEditable || a.IsAnnotatable {
		t.Errorf("an update of permissions resets the rest: %+v", a)
	}

	s = on(emulator.Switches{SnapDates: true})
	create(t, s, "a.pdf", "X", `,"releasedAt":"2026-12-01T10:30:00+02:00","expiresAt":"2027-12-01T10:30:00Z"`)
	if a := s.Assets()[0]; a.ReleasedAt.Format(time.RFC3339) != "2026-12-01T00:00:00Z" || a.ExpiresAt.Format(time.RFC3339) != "2027-12-01T23:59:59Z" {
		t.Errorf("snapped: %v %v", a.ReleasedAt, a.ExpiresAt)
	}

	s = on(emulator.Switches{TrimDescriptions: true})
	upload(t, s, create(t, s, "a.pdf", "X", `,"description":" d "`), "x")
	if a := s.Assets()[0]; a.Description != "d" {
		t.Errorf("trimmed: %q", a.Description)
	}

	for form, sum := range map[emulator.ChecksumForm]any{
		emulator.ChecksumHex: "5d41402abc4b2a76b9719d911017c592", emulator.ChecksumUpperHex: "5D41402ABC4B2A76B9719D911017C592",
		emulator.ChecksumBase64: "XUFAKrxLKna5cZ2REBfFkg==", emulator.ChecksumNone: nil,
	} {
		s = on(emulator.Switches{Checksum: form})
		id = create(t, s, "a.pdf", "X", "")
		upload(t, s, id, "hello")
		if got := want(t, 200, s, "GET", "/v4/assets/"+id, "").json["checksum"]; got != sum {
			t.Errorf("%q: checksum %v", form, got)
		}
	}
}

func TestNameInTheFilesCallRenames(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "X", "")
	want(t, 201, s, "POST", "/v4/assets/"+id+"/files", `{"name":"a.pdf"}`)
	if b := s.Books(); len(b.Renames) != 0 {
		t.Errorf("the same name renames nothing: %v", b.Renames)
	}
	want(t, 201, s, "POST", "/v4/assets/"+id+"/files", `{"name":"b.pdf"}`)
	s.Switch(func(sw *emulator.Switches) { sw.IgnoreFileName = true })
	want(t, 201, s, "POST", "/v4/assets/"+id+"/files", `{"name":"c.pdf"}`)
	if b := s.Books(); s.Assets()[0].Name != "b.pdf" || len(b.Renames) != 1 || b.Renames[0] != (emulator.Rename{Op: "postAssetFiles", AssetID: id, From: "a.pdf", To: "b.pdf"}) {
		t.Errorf("name %s, renames %v", s.Assets()[0].Name, b.Renames)
	}
}
