package showpad

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAssetKeepsWhatTheServiceSaid(t *testing.T) {
	var a Asset
	if err := json.Unmarshal([]byte(fixture(t, "asset.json")), &a); err != nil {
		t.Fatal(err)
	}
	raw := a.Raw
	a.Raw = nil
	want := Asset{
		ID: "0a1b2c3d4e5f60718293a4b5c6d7e8f9", ExternalID: "SP-1042", Name: "Q3 sales deck.pptx", Status: StatusActive, Type: "document",
		Slug: "6f1d0c7e-3b52-4c5e-9f3a-0d4b8a1c2e3f", Division: Ref{"d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60"},
		CurrentFile: &Ref{"f0e1d2c3b4a5968778695a4b3c2d1e0f"}, Checksum: "9e107d9d372bb6826bd81d3542a419d6", Size: new(int64(4294967296)),
		CreatedAt: Time{time.Date(2026, 3, 10, 15, 43, 25, 0, time.UTC)}, UpdatedAt: Time{time.Date(2026, 3, 10, 15, 44, 2, 0, time.UTC)},
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Error(d)
	}
	for _, member := range []string{"tags", "permissions", "enforcedPages", "aMemberOfTomorrow"} {
		if raw.Get(member) == nil {
			t.Errorf("Raw lacks %s", member)
		}
	}
}

func TestDecodingIsLenient(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want Asset
	}{
		"nulls":             {`{"id":"a","externalId":null,"division":null,"currentFile":null,"checksum":null,"size":null,"isArchived":null,"createdAt":null}`, Asset{ID: "a"}},
		"absent":            {`{"id":"a"}`, Asset{ID: "a"}},
		"size as text":      {`{"id":"a","size":"12"}`, Asset{ID: "a", Size: new(int64(12))}},
		"size with point":   {`{"id":"a","size":12.0}`, Asset{ID: "a", Size: new(int64(12))}},
		"wrong types":       {`{"id":"a","name":7,"status":"active","division":"d"}`, Asset{ID: "a", Status: "active"}},
		"current file {}":   {`{"id":"a","currentFile":{}}`, Asset{ID: "a"}},
		"unreadable date":   {`{"id":"a","createdAt":"soon"}`, Asset{ID: "a"}},
		"date with a blank": {`{"id":"a","createdAt":"2026-03-10 15:43:25"}`, Asset{ID: "a", CreatedAt: Time{time.Date(2026, 3, 10, 15, 43, 25, 0, time.UTC)}}},
		"date with offset":  {`{"id":"a","createdAt":"2026-03-10T16:43:25+0100"}`, Asset{ID: "a", CreatedAt: Time{time.Date(2026, 3, 10, 15, 43, 25, 0, time.UTC)}}},
		"date past 9999":    {`{"id":"a","createdAt":"9999-12-31T23:30:00-05:00"}`, Asset{ID: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got Asset
			if err := lenient(json.Unmarshal([]byte(tc.in), &got)); err != nil {
				t.Fatal(err)
			}
			got.Raw = nil
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFixturesDecode(t *testing.T) {
	get := func(name string) *Client { return newClient(t, newScript(says(200, fixture(t, name)))) }
	ctx := t.Context()

	if a, err := get("asset-prepared.json").Asset(ctx, "x"); err != nil || a.Size != nil || a.Checksum != "" || a.CurrentFile != nil || a.Status != StatusPrepared {
		t.Errorf("prepared asset: %+v, %v", a, err)
	}
	if l, err := collect(get("asset-list.json").Assets(ctx, AssetFilter{})); err != nil || len(l) != 2 || l[1].ExternalID != "SP-2001" {
		t.Errorf("assets: %+v, %v", l, err)
	}
	if f, err := get("file.json").File(ctx, "a", "f"); err != nil || f.Status != StatusFailed || f.Error == "" || f.CreatedAt.Nanosecond() != 120e6 {
		t.Errorf("file: %+v, %v", f, err)
	}
	if l, err := collect(get("file-list.json").Files(ctx, "a")); err != nil || len(l) != 1 || l[0].Error != "" {
		t.Errorf("files: %+v, %v", l, err)
	}
	if tag, err := get("tag.json").Tag(ctx, "t"); err != nil ||
		!cmp.Equal(tag, Tag{"aa11bb22cc33dd44ee55ff6677889900", "Sales", Ref{"d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60"}, []Ref{{"c0ffee00c0ffee00c0ffee00c0ffee01"}}}) {
		t.Errorf("tag: %+v, %v", tag, err)
	}
	if s, err := get("share.json").CreateShare(ctx, ShareFields{}); err != nil || s.ID != "5a5b5c5d5e5f60616263646566676869" || s.ExpiresAt.IsZero() || s.Theme.ID == "" ||
		s.AnonymousURL.Reveal() != "https://acme.showpad.com/share/not-a-real-link-1" || s.UntrackedURL.Reveal() == "" || !strings.Contains(s.DynamicURL.Reveal(), "catalog/link") {
		t.Errorf("share: %v, %v", s, err)
	} else if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(text, "https") {
		t.Errorf("a share prints its links: %s", text)
	}
	if th, err := get("theme.json").Theme(ctx, "x"); err != nil || th.Title != "Marketing 2026" || th.IsGlobal || !th.IsDefault || th.Division == nil {
		t.Errorf("theme: %+v, %v", th, err)
	}
	if l, err := collect(get("theme-list.json").Themes(ctx, ThemeFilter{})); err != nil || len(l) != 2 || !l[1].IsGlobal || l[1].Division != nil {
		t.Errorf("themes: %+v, %v", l, err)
	}
	if g, err := get("tag-category.json").TagCategory(ctx, "c"); err != nil || g.Name != "Region" || !g.IsPublished || g.ParentID() != "c0ffee00c0ffee00c0ffee00c0ffee00" || g.UpdatedAt.IsZero() {
		t.Errorf("tag category: %+v, %v", g, err)
	}
	if l, err := collect(get("tag-category-list.json").TagCategories(ctx, TagCategoryFilter{})); err != nil || len(l) != 2 || l[0].Parent != nil || l[0].ParentID() != "" || l[0].IsPublished {
		t.Errorf("tag categories: %+v, %v", l, err)
	}
	if d, err := get("division.json").Division(ctx, "d"); err != nil || !d.IsAssetSharingEnabled || d.Name != "Marketing" {
		t.Errorf("division: %+v, %v", d, err)
	}
	if u, err := get("user.json").User(ctx, "u"); err != nil || u.Email != "jane@example.com" || u.LastName != "" {
		t.Errorf("user: %+v, %v", u, err)
	}
	if l, err := get("languages.json").Languages(ctx); err != nil || !cmp.Equal(l, []string{"en", "de", "pt-BR"}) {
		t.Errorf("languages: %v, %v", l, err)
	}
	if me, err := get("v3-me.json").Me(ctx); err != nil || me != (Me{ID: "507f1f77bcf86cd799439011", Email: "jane@example.com", RateLimit: 5000, Remaining: 4915, Window: 24 * time.Hour}) {
		t.Errorf("me: %+v, %v", me, err)
	}
	if me, err := newClient(t, newScript(says(200, `{"response":{"id":"u"}}`))).Me(ctx); err != nil || me.Remaining != -1 {
		t.Errorf("me without counters: %+v, %v", me, err)
	}
	if _, err := newClient(t, newScript(says(200, fixture(t, "v3-error-meta.json")))).Me(ctx); err == nil || Classify(KindRead, err) != StopRun {
		t.Errorf("a 401 inside a 200: %v", err)
	}
}

func TestEncodingIsStrict(t *testing.T) {
	f := AssetFields{Name: Some("a"), Tags: Some[[]Ref](nil), ExpiresAt: Null[string](), Permissions: Some(Permissions{IsShareable: Some(false)}), EnforcedPages: Some(EnforcedPages{})}
	got, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"a","permissions":{"isShareable":false},"enforcedPages":{"prepend":null,"append":null},"expiresAt":null,"tags":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestProblemsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		op     string
		status int
		body   string
		want   string
		code   string
	}{
		"v4":            {"postAssets", 400, fixture(t, "problem.json"), "postAssets: 400 Bad Request: externalId must be 1 to 128 characters", "propertyInvalid"},
		"v4 odd":        {"postAssetsQuery", 400, fixture(t, "problem-odd.json"), "postAssetsQuery: 400 Bad Request: query unexpected character at position 12", "ParseError"},
		"v4 no meta":    {"getAsset", 404, `{"title":"Not Found","detail":"There is no such asset","status":404,"meta":null}`, "getAsset: 404 Not Found: There is no such asset", ""},
		"v3":            {"v3 get_users_me", 404, fixture(t, "v3-error.json"), "v3 get_users_me: 404 Not Found: ResourceNotFoundError: There is no such user", "ResourceNotFoundError"},
		"v3 older":      {"v3 get_users_me", 409, fixture(t, "v3-error-meta.json"), "v3 get_users_me: 409 Conflict: The token is not valid", ""},
		"oauth":         {"token", 400, fixture(t, "token-error.json"), "token: 400 Bad Request: invalid_grant: The refresh token is not valid", "invalid_grant"},
		"storage":       {"PUT", 403, fixture(t, "storage-error.xml"), "PUT: 403 Forbidden: AccessDenied: Request has expired [request TESTREQUEST0001]", "AccessDenied"},
		"page":          {"getAssets", 502, "<html><body>Bad gateway", "getAssets: 502 Bad Gateway: the answer is a web page, not the API's (a proxy or firewall in between?)", ""},
		"plain":         {"getAssets", 500, "oops\x00\x1b[31m\nagain", "getAssets: 500 Internal Server Error: oops[31m again", ""},
		"empty":         {"getAssets", 503, "", "getAssets: 503 Service Unavailable", ""},
		"array":         {"getAssets", 500, "[1]", "getAssets: 500 Internal Server Error: [1]", ""},
		"members wrong": {"getAssets", 400, `{"title":{"a":1},"detail":7,"status":[],"meta":"x"}`, "getAssets: 400 Bad Request: 7", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := failure(tc.op, tc.status, http.Header{}, []byte(tc.body))
			if e.Error() != tc.want || e.Code != tc.code {
				t.Errorf("got  %q code %q\nwant %q code %q", e.Error(), e.Code, tc.want, tc.code)
			}
		})
	}
	for status, word := range map[int]string{401: "SHOWPAD_TOKEN", 403: "rights"} {
		if e := failure("getAssets", status, http.Header{}, nil); !containsAll(e.Error(), word) {
			t.Errorf("%d does not say what to do: %s", status, e)
		}
	}
}
