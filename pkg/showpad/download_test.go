package showpad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/oauth2"
)

const linkSecret = "made-up-signature-of-tests"

func TestDownloadTellsWhatV3Tells(t *testing.T) {
	d, err := newClient(t, newScript(says(200, fixture(t, "v3-asset.json")))).Download(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if d.MD5 != "5d41402abc4b2a76b9719d911017c592" || d.Size != 5368709121 || d.Name != "Q3 sales deck.pptx" || d.AssetID != "a1" {
		t.Errorf("%q %d %q %q", d.MD5, d.Size, d.Name, d.AssetID)
	}
	if !strings.HasPrefix(d.URL.Reveal(), "https://files.example.net/") {
		t.Error("it is not the short-lived link")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, d) + fmt.Sprintf(verb, &d) + fmt.Sprintf(verb, []Download{d}); strings.Contains(s, linkSecret) || strings.Contains(s, "files.example.net") {
			t.Errorf("%s shows the link: %s", verb, s)
		}
	}
	for name, tc := range map[string]struct {
		answer string
		want   error
	}{
		"no links":        {`{"response":{"id":"a1","downloadLink":null,"shortLivedDownloadLink":null}}`, ErrNotDownloadable},
		"not a word of":   {`{"response":{"id":"a1"}}`, ErrNotDownloadable},
		"gone, inside":    {`{"meta":{"code":404},"response":{"code":3004,"name":"ResourceNotFoundError","message":"gone"}}`, ErrNotFound},
		"something else":  {`{"response":[]}`, nil},
		"a page in a 200": {`<html>`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, newScript(says(200, tc.answer)), func(c *Config) { c.Retries = -1 }).Download(t.Context(), "a1")
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error %v", err)
			}
			if tc.want != nil && Classify(KindRead, err) != StopItem {
				t.Errorf("%v is %v", err, Classify(KindRead, err))
			}
		})
	}
	if _, err := newClient(t, newScript(says(200, "{}")), func(c *Config) { c.V3URL = "" }).Download(t.Context(), "a1"); err == nil || !strings.Contains(err.Error(), "SHOWPAD_V3_URL") {
		t.Errorf("without a v3 URL: %v", err)
	}
	d, err = newClient(t, newScript(says(200, `{"response":{"id":"a1","downloadLink":"https://acme.example.com/x"}}`))).Download(t.Context(), "a1")
	if err != nil || d.Size != -1 || d.MD5 != "" {
		t.Errorf("%d %q %v", d.Size, d.MD5, err)
	}
}

// bytesOf is an answer of storage.
func bytesOf(content string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: int64(len(content)), Body: io.NopCloser(strings.NewReader(content))}, nil
	}
}

func redirects(to string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {to}}, Body: http.NoBody}, nil
	}
}

const (
	publicLink = "https://files.example.net/deck.pdf?X-Amz-Signature=" + linkSecret
	ownLink    = "https://acme.example.com/download/" + linkSecret
)

func TestTheTokenGoesToTheAPIOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		link   Download
		steps  []func(*http.Request) (*http.Response, error)
		tokens []bool // by request
	}{
		"public link":                      {Download{URL: publicLink}, nil, []bool{false}},
		"public link at the API's host":    {Download{URL: ownLink}, nil, []bool{false}},
		"link that takes the token":        {Download{URL: ownLink, bearer: true}, nil, []bool{true}},
		"such a link to another host":      {Download{URL: publicLink, bearer: true}, nil, []bool{false}},
		"to a subdomain of the API's":      {Download{URL: "https://x.acme.example.com/d", bearer: true}, nil, []bool{false}},
		"to another port":                  {Download{URL: "https://acme.example.com:8443/d", bearer: true}, nil, []bool{false}},
		"redirect to another host":         {Download{URL: ownLink, bearer: true}, []func(*http.Request) (*http.Response, error){redirects(publicLink)}, []bool{true, false}},
		"redirect to a subdomain":          {Download{URL: ownLink, bearer: true}, []func(*http.Request) (*http.Response, error){redirects("https://x.acme.example.com/d")}, []bool{true, false}},
		"redirect within the API":          {Download{URL: ownLink, bearer: true}, []func(*http.Request) (*http.Response, error){redirects("/other")}, []bool{true, true}},
		"redirect there from a public one": {Download{URL: publicLink}, []func(*http.Request) (*http.Response, error){redirects(ownLink)}, []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(append(tc.steps, bytesOf("hello"))...)
			body, err := newClient(t, s).Fetch(t.Context(), tc.link)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			if string(got) != "hello" || err != nil || body.Close() != nil {
				t.Errorf("%q %v", got, err)
			}
			if len(s.seen) != len(tc.tokens) {
				t.Fatalf("%d requests", len(s.seen))
			}
			for i, r := range s.seen {
				if (r.Header.Get("Authorization") != "") != tc.tokens[i] {
					t.Errorf("request %d: Authorization %q", i, r.Header.Get("Authorization"))
				}
				if r.Header.Get("Referer") != "" || r.Method != "GET" || r.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("request %d: %s %v", i, r.Method, r.Header)
				}
			}
		})
	}
}

func TestFetchIsRepeatedAndRefused(t *testing.T) {
	xml := func(status int, code string) func(*http.Request) (*http.Response, error) {
		return says(status, "<Error><Code>"+code+"</Code><Message>no</Message></Error>")
	}
	for name, tc := range map[string]struct {
		steps   []func(*http.Request) (*http.Response, error)
		bearer  bool
		verdict Verdict // when ok is false
		ok      bool
		asked   int
	}{
		"503 and reset pass":        {steps: []func(*http.Request) (*http.Response, error){xml(503, "SlowDown"), breaks(errReset)}, ok: true, asked: 3},
		"expired":                   {steps: []func(*http.Request) (*http.Response, error){xml(403, "AccessDenied")}, verdict: NewURL, asked: 1},
		"gone":                      {steps: []func(*http.Request) (*http.Response, error){xml(404, "NoSuchKey")}, verdict: StopItem, asked: 1},
		"401 of storage":            {steps: []func(*http.Request) (*http.Response, error){says(401, "")}, verdict: NewURL, asked: 1},
		"401 for the token":         {steps: []func(*http.Request) (*http.Response, error){says(401, "{}")}, bearer: true, verdict: StopRun, asked: 1},
		"a part that was not asked": {steps: []func(*http.Request) (*http.Response, error){says(206, "hel"), bytesOf("hello")}, ok: true, asked: 2},
		"redirect to plain http":    {steps: []func(*http.Request) (*http.Response, error){redirects("http://files.example.net/x")}, verdict: Retry, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				steps := tc.steps
				if tc.ok {
					steps = append(steps, bytesOf("hello"))
				}
				s := newScript(steps...)
				c := newClient(t, s, func(c *Config) {
					if !tc.ok {
						c.Retries = -1
					}
				})
				body, err := c.Fetch(t.Context(), Download{URL: ownLink, bearer: tc.bearer})
				if s.count() != tc.asked {
					t.Errorf("%d requests", s.count())
				}
				if tc.ok {
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(body)
					if string(got) != "hello" || err != nil || body.Close() != nil {
						t.Errorf("%q %v", got, err)
					}
					return
				}
				if err == nil || Classify(KindFetch, err) != tc.verdict || strings.Contains(err.Error(), linkSecret) {
					t.Errorf("%v is %v", err, Classify(KindFetch, err))
				}
			})
		})
	}
}

func TestARefusalOfTheDownloadHostClosesTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newScript(says(429, "", "Retry-After", "90"), bytesOf("hello")))
		start := time.Now()
		body, err := c.Fetch(t.Context(), Download{URL: ownLink, bearer: true})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 90*time.Second {
			t.Errorf("asked again after %v", d)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAnExpiredTokenIsRenewedForADownload(t *testing.T) {
	tokens := &renewed{}
	s := newScript(says(401, "{}"), bytesOf("hello"))
	body, err := newClient(t, s, func(c *Config) { c.Token = tokens }).Fetch(t.Context(), Download{URL: ownLink, bearer: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if a, b := s.seen[0].Header.Get("Authorization"), s.seen[1].Header.Get("Authorization"); a == b {
		t.Errorf("asked twice with %q", a)
	}
}

// renewed gives another token after each one that was refused.
type renewed struct{ n int }

func (r *renewed) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: fmt.Sprintf("access-%d", r.n)}, nil
}
func (r *renewed) TokenContext(context.Context) (*oauth2.Token, error) { return r.Token() }
func (r *renewed) Invalidate(string)                                   { r.n++ }

// slowBody gives its parts with pauses before them, and then err.
type slowBody struct {
	ctx   context.Context
	parts []string
	pause time.Duration
	err   error
}

func (b *slowBody) Read(p []byte) (int, error) {
	if err := pause(b.ctx, b.pause); err != nil {
		return 0, err
	}
	if len(b.parts) == 0 {
		return 0, b.err
	}
	n := copy(p, b.parts[0])
	b.parts = b.parts[1:]
	return n, nil
}

func (b *slowBody) Close() error { return nil }

func TestReadsOfADownload(t *testing.T) {
	for name, tc := range map[string]struct {
		pause    time.Duration // before each part
		between  time.Duration // the reader's own
		announce int64
		end      error
		want     string // of the error; "" none
		got      string
	}{
		"whole":                     {announce: 4, end: io.EOF, got: "abcd"},
		"of no known length":        {announce: -1, end: io.EOF, got: "abcd"},
		"shorter than announced":    {announce: 5, end: io.EOF, want: "unexpected EOF", got: "abcd"},
		"broken":                    {announce: 5, end: errors.New("reset at " + publicLink), want: "reset at", got: "abcd"},
		"slow, but it moves":        {pause: 50 * time.Second, announce: 4, end: io.EOF, got: "abcd"},
		"it stands still":           {pause: 2 * time.Minute, announce: 4, end: io.EOF, want: "no progress for 1m0s"},
		"the reader takes its time": {between: time.Hour, announce: 4, end: io.EOF, got: "abcd"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var seen calls
				c := newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: tc.announce,
						Body: &slowBody{r.Context(), []string{"ab", "cd"}, tc.pause, tc.end}}, nil
				}), func(c *Config) { c.Log, c.Observe = zerolog.New(&log), seen.observe })
				body, err := c.Fetch(t.Context(), Download{URL: publicLink})
				if err != nil {
					t.Fatal(err)
				}
				var got []byte
				for err == nil {
					p := make([]byte, 16)
					var n int
					n, err = body.Read(p)
					got = append(got, p[:n]...)
					<-time.After(tc.between)
				}
				if string(got) != tc.got || (tc.want == "") != (err == io.EOF) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%q %v", got, err)
				}
				if _, again := body.Read(make([]byte, 1)); again == nil {
					t.Error("it reads on after its end")
				}
				if err := errors.Join(body.Close(), body.Close()); err != nil {
					t.Error(err)
				}
				if len(seen.list) != 1 || seen.list[0].Op != "GET" || !seen.list[0].Storage || seen.list[0].Status != 200 || (seen.list[0].Err == nil) != (tc.want == "") {
					t.Errorf("told %+v", seen.list)
				}
				if s := log.String() + fmt.Sprint(err); strings.Contains(s, linkSecret) || !strings.Contains(s, `"op":"GET"`) {
					t.Errorf("log %s", s)
				}
			})
		})
	}
}

func TestAFetchEndsWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := newClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 4, Body: &slowBody{r.Context(), []string{"ab"}, 0, nil}}, nil
	}))
	body, err := c.Fetch(ctx, Download{URL: publicLink})
	if err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	if _, err := io.ReadAll(body); !errors.Is(err, cause) || Classify(KindFetch, err) != Cancelled {
		t.Errorf("error %v", err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Fetch(ctx, Download{URL: publicLink}); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	for _, bad := range []Secret{"", "ftp://x/y", "http://files.example.net/x?" + linkSecret, "https://u:p@h/x"} {
		if _, err := c.Fetch(t.Context(), Download{URL: bad}); err == nil || Classify(KindFetch, err) != StopItem || strings.Contains(err.Error(), linkSecret) {
			t.Errorf("error %v", err)
		}
	}
}
