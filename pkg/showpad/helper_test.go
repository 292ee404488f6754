package showpad

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testToken = "token-that-must-not-be-seen"
	testAPI   = "https://acme.api.example.com/v4"
	testV3    = "https://acme.example.com/api/v3"
)

// roundTrip is a service made of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f(r)
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return resp, err
}

// answer is an answer with a JSON body.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// script answers with one step after the other, and then with the last one for ever.
// It counts the requests.
type script struct {
	mu    sync.Mutex
	steps []func(*http.Request) (*http.Response, error)
	seen  []*http.Request
	sent  []string // bodies
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	s.mu.Lock()
	s.seen, s.sent = append(s.seen, r), append(s.sent, string(body))
	step := s.steps[min(len(s.seen), len(s.steps))-1]
	s.mu.Unlock()
	return step(r)
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func says(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return answer(status, body, header...), nil }
}

func breaks(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

var errReset = errors.New("connection reset by peer")

func newScript(steps ...func(*http.Request) (*http.Response, error)) *script {
	return &script{steps: steps}
}

func newClient(t testing.TB, base http.RoundTripper, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{APIURL: testAPI, V3URL: testV3, Token: StaticToken(testToken), Base: base}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "wire", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// calls collects what Observe tells.
type calls struct {
	mu   sync.Mutex
	list []Call
}

func (c *calls) observe(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, call)
}

func opener(content string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(content))), nil }
}

// collect walks a list.
func collect[T any](seq func(func(T, error) bool)) (all []T, err error) {
	for v, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, nil
}

// exercises calls each operation once with everything that it can send.
var exercises = map[string]struct {
	answer string // file below testdata/wire; "" is an empty 204
	call   func(context.Context, *Client) error
}{
	"v4 postAssets": {"asset-prepared.json", func(ctx context.Context, c *Client) error {
		_, err := c.CreateAsset(ctx, fullFields(true))
		return err
	}},
	"v4 getAsset": {"asset.json", func(ctx context.Context, c *Client) error {
		_, err := c.Asset(ctx, "a1")
		return err
	}},
	"v4 getAssets": {"asset-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Assets(ctx, AssetFilter{IDs: []string{"a1", "a2"}, ExternalIDs: []string{"SP-1"}, DivisionIDs: []string{"d1"}, TagIDs: []string{"t1"}, Slugs: []string{"s1"}, Name: "deck"}))
		return err
	}},
	"v4 postAssetsQuery": {"asset-query.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.QueryAssets(ctx, AssetQuery{ShowQL: `name ~ "deck" ORDER BY createdAt ASC`}))
		return err
	}},
	"v4 updateAsset": {"asset.json", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateAsset(ctx, "a1", fullFields(false))
		return err
	}},
	"v4 deleteAsset": {"", func(ctx context.Context, c *Client) error { return c.DeleteAsset(ctx, "a1") }},
	"v4 postAssetFiles": {"upload.json", func(ctx context.Context, c *Client) error {
		_, err := c.RequestUpload(ctx, "a1", UploadRequest{Name: "deck.pdf", ContentMD5: make([]byte, 16)})
		return err
	}},
	"v4 getAssetFiles": {"file-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Files(ctx, "a1"))
		return err
	}},
	"v4 getAssetFileById": {"file.json", func(ctx context.Context, c *Client) error {
		_, err := c.File(ctx, "a1", "f1")
		return err
	}},
	"v4 postTags": {"tag.json", func(ctx context.Context, c *Client) error {
		_, err := c.CreateTag(ctx, "d1", "Sales")
		return err
	}},
	"v4 getTags": {"tag-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Tags(ctx, TagFilter{IDs: []string{"t1"}, DivisionIDs: []string{"d1"}, TagCategoryIDs: []string{"c1", "c2"}, Name: "Sa", ExactName: "Sales"}))
		return err
	}},
	"v4 getTag": {"tag.json", func(ctx context.Context, c *Client) error {
		_, err := c.Tag(ctx, "t1")
		return err
	}},
	"v4 updateTag": {"tag.json", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateTag(ctx, "t1", "Sales")
		return err
	}},
	"v4 deleteTag": {"", func(ctx context.Context, c *Client) error { return c.DeleteTag(ctx, "t1") }},
	"v4 getTagCategories": {"tag-category-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.TagCategories(ctx, TagCategoryFilter{IDs: []string{"c1"}, DivisionIDs: []string{"d1", "d2"}}))
		return err
	}},
	"v4 postTagCategories": {"tag-category.json", func(ctx context.Context, c *Client) error {
		_, err := c.CreateTagCategory(ctx, TagCategoryFields{Name: Some("Region"), Division: Some(Ref{"d1"}), IsPublished: Some(false), Parent: Null[Ref](), Tags: Some([]Ref{{"t1"}})})
		return err
	}},
	"v4 getTagCategory": {"tag-category.json", func(ctx context.Context, c *Client) error {
		_, err := c.TagCategory(ctx, "c1")
		return err
	}},
	"v4 updateTagCategory": {"tag-category.json", func(ctx context.Context, c *Client) error {
		_, err := c.UpdateTagCategory(ctx, "c1", TagCategoryFields{Name: Some("Region"), IsPublished: Some(true), Parent: Some(Ref{"c2"}), Tags: Some([]Ref{})})
		return err
	}},
	"v4 deleteTagCategory": {"", func(ctx context.Context, c *Client) error { return c.DeleteTagCategory(ctx, "c1") }},
	"v4 updateTagCategoryTags": {"tag-category.json", func(ctx context.Context, c *Client) error {
		_, err := c.ChangeTagCategoryTags(ctx, "c1", TagLinks{Add: []Ref{{"t1"}}, Remove: []Ref{{"t2"}}, Clear: true})
		return err
	}},
	"v4 create-share": {"share.json", func(ctx context.Context, c *Client) error {
		_, err := c.CreateShare(ctx, ShareFields{Title: "Q3", Assets: []ShareAsset{{ID: "a1", Page: 3}, {ID: "a2"}}, Origin: "migrate",
			IsDownloadAllowed: Some(false), ExpiresAt: Some(time.Date(2027, 8, 24, 14, 15, 22, 0, time.UTC)), Theme: Some(Ref{"th1"})})
		return err
	}},
	"v4 theme-list": {"theme-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Themes(ctx, ThemeFilter{DivisionID: "d1", IncludeGlobal: true, IsDefault: true, Title: "Mark"}))
		return err
	}},
	"v4 theme-get": {"theme.json", func(ctx context.Context, c *Client) error {
		_, err := c.Theme(ctx, "th1")
		return err
	}},
	"v4 getDivisions": {"division-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Divisions(ctx))
		return err
	}},
	"v4 getDivisionById": {"division.json", func(ctx context.Context, c *Client) error {
		_, err := c.Division(ctx, "d1")
		return err
	}},
	"v4 getUsers": {"user-list.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Users(ctx, []string{"jane@example.com"}, []string{"u1"}))
		return err
	}},
	"v4 getUserById": {"user.json", func(ctx context.Context, c *Client) error {
		_, err := c.User(ctx, "u1")
		return err
	}},
	"v4 getLanguages": {"languages.json", func(ctx context.Context, c *Client) error {
		_, err := c.Languages(ctx)
		return err
	}},
	"v4 getCountries": {"countries.json", func(ctx context.Context, c *Client) error {
		_, err := c.Countries(ctx)
		return err
	}},
	"v3 get_assets_id": {"v3-asset.json", func(ctx context.Context, c *Client) error {
		_, err := c.Download(ctx, "a1")
		return err
	}},
	"v3 get_exports_assets": {"v3-export-assets.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.ExportAssets(ctx))
		return err
	}},
	"v3 get_users": {"v3-users.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Accounts(ctx, "john.q@example.com"))
		return err
	}},
	"v3 get_users_id": {"v3-user.json", func(ctx context.Context, c *Client) error {
		_, err := c.Account(ctx, "u1")
		return err
	}},
	"v3 post_divisions_id_assets": {"v3-personal-ticket.json", func(ctx context.Context, c *Client) error {
		_, err := c.UploadPersonal(ctx, "d2", fullPersonal(), 5, opener("hello"), nil)
		return err
	}},
	"v3 get_tickets": {"v3-tickets.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.Tickets(ctx, true))
		return err
	}},
	"v3 get_tickets_id": {"v3-ticket.json", func(ctx context.Context, c *Client) error {
		_, err := c.Ticket(ctx, "t1")
		return err
	}},
	"v3 post_tickets_id_force-use": {"v3-ticket-done.json", func(ctx context.Context, c *Client) error { return c.ForceUseTicket(ctx, "t1") }},
	"v3 post_tickets_id_cancel":    {"v3-ticket-done.json", func(ctx context.Context, c *Client) error { return c.CancelTicket(ctx, "t1") }},
	"v3 get_exports_divisions": {"v3-export-divisions.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.ExportDivisions(ctx))
		return err
	}},
	"v3 get_exports_users": {"v3-export-users.json", func(ctx context.Context, c *Client) error {
		_, err := collect(c.ExportUsers(ctx))
		return err
	}},
	"v3 get_users_me": {"v3-me.json", func(ctx context.Context, c *Client) error {
		_, err := c.Me(ctx)
		return err
	}},
}

// fullFields sets every member that the operation takes.
func fullFields(create bool) AssetFields {
	f := AssetFields{
		Name:            Some("deck.pptx"),
		ExternalID:      Some("SP-1042"),
		Description:     Some("a <b>deck</b> & more"),
		Permissions:     Some(Permissions{IsAnnotatable: Some(true), IsEditable: Some(false), IsShareable: Some(true)}),
		IsProcessedUsed: Some(true), IsDivisionShared: Some(false), IsSensitive: Some(false), IsArchived: Some(false),
		IsRenderExternalAllowed: Some(true), IsOnlyEntireDocumentShareable: Some(false), IsSpeakerNotesEnabled: Some(false),
		LockedPages:   Some([]PageRange{{1, 2}}),
		EnforcedPages: Some(EnforcedPages{Prepend: []PageRange{{1, 1}}}),
		ExpiresAt:     Some("2027-12-31T23:00:00Z"), ReleasedAt: Null[string](), DraftedAt: Null[string](),
		URL: Null[string](), Tags: Some([]Ref{{"t1"}}), Languages: Some([]Code{{"en"}}), Countries: Some[[]Code](nil),
		Authors: Some([]Ref{{"u1"}}), DownloadableExternal: Some([]string{"pdf"}), DownloadableInternal: Some([]string{"original", "pdf"}),
		Origin: Some(Origin{Type: "local", ID: "showpad"}),
	}
	if create {
		f.Division = Some(Ref{"d1"})
	}
	return f
}
