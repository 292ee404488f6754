package showpad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func containsAll(s string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

const okAsset = `{"id":"a1","name":"n"}`

func TestCreateIsNotRepeatedOnceItMayHaveBeenCarriedOut(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, tc := range map[string]struct {
		first    func(*http.Request) (*http.Response, error)
		requests int
		unknown  bool
		ok       bool
	}{
		"reset":           {breaks(errReset), 1, true, false},
		"500":             {says(500, ""), 1, true, false},
		"502 page":        {says(502, "<html>", "Content-Type", "text/html"), 1, true, false},
		"503 with advice": {says(503, "", "Retry-After", "30"), 1, true, false},
		"200 page":        {says(200, "<html>", "Content-Type", "text/html"), 1, true, false},
		"302":             {says(302, "", "Location", "https://login.example.com"), 1, true, false},
		"truncated":       {says(201, `{"id":"a1","na`), 1, true, false},
		"shorter than said": {func(*http.Request) (*http.Response, error) {
			r := answer(201, okAsset)
			r.ContentLength += 10
			return r, nil
		}, 1, true, false},
		"breaks while read":   {func(*http.Request) (*http.Response, error) { r := answer(201, ""); r.Body = broken{}; return r, nil }, 1, true, false},
		"no id":               {says(201, `{"name":"n"}`), 1, true, false},
		"null":                {says(201, `null`), 1, true, false},
		"400":                 {says(400, fixture(t, "problem.json")), 1, false, false},
		"400 that breaks":     {func(*http.Request) (*http.Response, error) { r := answer(400, ""); r.Body = broken{}; return r, nil }, 1, false, false},
		"403":                 {says(403, ""), 1, false, false},
		"404":                 {says(404, ""), 1, false, false},
		"connection not made": {breaks(dial), 2, false, true},
		"429":                 {says(429, ""), 2, false, true},
		"429 with advice":     {says(429, "", "Retry-After", "7"), 2, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(tc.first, says(201, okAsset))
				a, err := newClient(t, s).CreateAsset(t.Context(), AssetFields{Name: Some("n")})
				if s.count() != tc.requests {
					t.Errorf("%d requests, want %d", s.count(), tc.requests)
				}
				if errors.Is(err, ErrUnknownOutcome) != tc.unknown || (err == nil) != tc.ok {
					t.Errorf("error %v", err)
				}
				if tc.unknown && Classify(KindCreate, err) != Resolve {
					t.Errorf("classified %v", Classify(KindCreate, err))
				}
				if tc.ok && a.ID != "a1" {
					t.Errorf("asset %+v", a)
				}
			})
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errReset }
func (broken) Close() error             { return nil }

// creating are the operations that make something each time.
var creating = []string{"v4 postAssets", "v4 postTags", "v4 postTagCategories", "v4 create-share", "v3 post_divisions_id_assets"}

func TestOtherRequestsAreRepeated(t *testing.T) {
	failures := map[string]func(*http.Request) (*http.Response, error){
		"reset": breaks(errReset), "500": says(500, "{}"), "502 page": says(502, "<html>"), "504": says(504, ""),
		"200 page": says(200, "<html>hello", "Content-Type", "text/html"), "truncated": says(200, `{"id":"a`),
		"429": says(429, ""), "503 with advice": says(503, "", "Retry-After", "5"), "408": says(408, ""),
		"shorter than said": func(*http.Request) (*http.Response, error) {
			r := answer(200, okAsset)
			r.ContentLength += 1
			return r, nil
		},
	}
	for id, ex := range exercises {
		if slices.Contains(creating, id) {
			continue
		}
		for name, fail := range failures {
			if ex.answer == "" && name == "truncated" {
				continue // any JSON will do there; see the next test
			}
			t.Run(id+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					good := says(204, "")
					if ex.answer != "" {
						good = says(200, fixture(t, ex.answer))
					}
					s := newScript(fail, fail, good)
					if err := ex.call(t.Context(), newClient(t, s)); err != nil {
						t.Errorf("error %v", err)
					}
					if s.count() != 3 {
						t.Errorf("%d requests, want 3", s.count())
					}
				})
			})
		}
	}
}

func TestRetriesEnd(t *testing.T) {
	for _, tc := range []struct {
		retries, failures, refusals int
	}{{0, 7, 25}, {2, 3, 9}, {-1, 1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(says(500, ""))
			_, err := newClient(t, s, func(c *Config) { c.Retries = tc.retries }).Asset(t.Context(), "a")
			if s.count() != tc.failures || Classify(KindRead, err) != Retry {
				t.Errorf("retries %d: %d requests of a failing service, want %d; %v", tc.retries, s.count(), tc.failures, err)
			}
			s = newScript(says(429, ""))
			_, err = newClient(t, s, func(c *Config) { c.Retries = tc.retries }).Asset(t.Context(), "a")
			if e, ok := errors.AsType[*Error](err); !ok || e.Status != 429 || s.count() != tc.refusals {
				t.Errorf("retries %d: %d requests of a refusing service, want %d; %v", tc.retries, s.count(), tc.refusals, err)
			}
		})
	}
}

func TestAHangingServiceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		_, err := newClient(t, hang, func(c *Config) { c.Retries = -1 }).CreateAsset(t.Context(), AssetFields{})
		if !errors.Is(err, ErrUnknownOutcome) || Classify(KindCreate, err) != Resolve {
			t.Errorf("error %v", err)
		}
		if d := time.Since(start); d != attemptTimeout {
			t.Errorf("took %v", d)
		}
	})
}

func TestDeleteOfWhatIsGone(t *testing.T) {
	for name, tc := range map[string]struct {
		step func(*http.Request) (*http.Response, error)
		ok   bool
	}{
		"204":            {says(204, ""), true},
		"404":            {says(404, `{"title":"Not Found","detail":"gone","status":404}`), false},
		"404 of a proxy": {says(404, "<html>"), false},
		"409":            {says(409, "{}"), false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, newScript(tc.step))
			if err := c.DeleteAsset(t.Context(), "a"); (err == nil) != tc.ok {
				t.Errorf("asset: %v", err)
			}
			if err := c.DeleteTag(t.Context(), "a"); (err == nil) != tc.ok {
				t.Errorf("tag: %v", err)
			}
		})
	}
}

func TestNotFoundIsSuccessForADeleteThatWasRepeated(t *testing.T) {
	gone := says(404, `{"title":"Not Found","detail":"gone","status":404}`)
	for name, tc := range map[string]struct {
		first func(*http.Request) (*http.Response, error)
		ok    bool
	}{
		"at once":                {gone, false},
		"after a lost answer":    {breaks(errReset), true},
		"after a 503":            {says(503, ""), true},
		"after a refusal by 429": {says(429, ""), false},
		"after no connection":    {breaks(&net.OpError{Op: "dial", Err: errReset}), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for what, call := range map[string]func(*Client) error{
					"asset": func(c *Client) error { return c.DeleteAsset(t.Context(), "a") },
					"tag":   func(c *Client) error { return c.DeleteTag(t.Context(), "a") },
				} {
					err := call(newClient(t, newScript(tc.first, gone)))
					if tc.ok && err != nil || !tc.ok && !errors.Is(err, ErrNotFound) {
						t.Errorf("%s: %v", what, err)
					}
				}
			})
		})
	}
}

func TestExistingTagIsTold(t *testing.T) {
	_, err := newClient(t, newScript(says(409, `{"title":"Conflict","detail":"exists","status":409}`))).CreateTag(t.Context(), "d", "Sales")
	if !errors.Is(err, ErrExists) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("error %v", err)
	}
}

func TestNoRequestForWhatCannotBeRight(t *testing.T) {
	s := newScript(says(200, okAsset))
	c := newClient(t, s)
	ctx := t.Context()
	long := slices.Repeat([]string{strings.Repeat("x", 100)}, 100)
	for name, call := range map[string]func() error{
		"empty id":         func() error { _, err := c.Asset(ctx, ""); return err },
		"dots":             func() error { return c.DeleteAsset(ctx, "..") },
		"Division":         func() error { _, err := c.UpdateAsset(ctx, "a", AssetFields{Division: Some(Ref{"d"})}); return err },
		"MD5":              func() error { _, err := c.RequestUpload(ctx, "a", UploadRequest{ContentMD5: []byte{1}}); return err },
		"comma":            func() error { _, err := collect(c.Assets(ctx, AssetFilter{ExternalIDs: []string{"a,b"}})); return err },
		"empty in filter":  func() error { _, err := collect(c.Assets(ctx, AssetFilter{IDs: []string{""}})); return err },
		"too long a query": func() error { _, err := collect(c.Assets(ctx, AssetFilter{IDs: long})); return err },
		"files of nothing": func() error { _, err := collect(c.Files(ctx, "")); return err },
	} {
		if err := call(); err == nil || Classify(KindChange, err) != StopItem {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.count() != 0 {
		t.Errorf("%d requests", s.count())
	}
}

func TestIDsAreEscaped(t *testing.T) {
	s := newScript(says(200, okAsset))
	if _, err := newClient(t, s).Asset(t.Context(), "a/../b?c"); err != nil {
		t.Fatal(err)
	}
	if got := s.seen[0].URL.EscapedPath(); got != "/v4/assets/a%2F..%2Fb%3Fc" {
		t.Errorf("path %s", got)
	}
}

func TestContextEnds(t *testing.T) {
	interrupt := errors.New("interrupt signal received")
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(interrupt)
		s := newScript(says(200, okAsset))
		_, err := newClient(t, s).Asset(ctx, "a")
		if !errors.Is(err, interrupt) || !errors.Is(err, context.Canceled) || Classify(KindRead, err) != Cancelled || s.count() != 0 {
			t.Errorf("error %v after %d requests", err, s.count())
		}
	})
	t.Run("under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			hang := roundTrip(func(r *http.Request) (*http.Response, error) {
				cancel(interrupt)
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			_, err := newClient(t, hang).CreateAsset(ctx, AssetFields{})
			if !errors.Is(err, interrupt) || !errors.Is(err, ErrUnknownOutcome) || Classify(KindCreate, err) != Cancelled {
				t.Errorf("error %v", err)
			}
		})
	})
	t.Run("between attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, interrupt)
			defer cancel()
			s := newScript(says(429, "", "Retry-After", "3600"))
			start := time.Now()
			_, err := newClient(t, s).Asset(ctx, "a")
			if !errors.Is(err, interrupt) || Classify(KindRead, err) != Cancelled || time.Since(start) != 10*time.Minute {
				t.Errorf("error %v after %v", err, time.Since(start))
			}
		})
	})
}

func TestListsWalkAllPagesOnce(t *testing.T) {
	page := func(count string, ids ...string) string {
		for i, id := range ids {
			ids[i] = fmt.Sprintf(`{"id":%q}`, id)
		}
		return fmt.Sprintf(`{"count":%s,"items":[%s]}`, count, strings.Join(ids, ","))
	}
	for name, tc := range map[string]struct {
		pages   []string
		want    string
		offsets string
	}{
		"one":               {[]string{page("2", "a", "b")}, "a b", ""},
		"none":              {[]string{page("0")}, "", ""},
		"items null":        {[]string{`{"count":0,"items":null}`}, "", ""},
		"short pages":       {[]string{page("5", "a", "b"), page("5", "c"), page("5", "d", "e")}, "a b c d e", " 2 3"},
		"rows move":         {[]string{page("4", "a", "b"), page("4", "b", "c")}, "a b c", " 2"},
		"grows":             {[]string{page("2", "a"), page("3", "b"), page("3", "c")}, "a b c", " 1 2"},
		"empty before end":  {[]string{page("9", "a"), page("9")}, "a", " 1"},
		"no count":          {[]string{page("null", "a"), page("null", "b"), page("null")}, "a b", " 1 2"},
		"no count, repeats": {[]string{page("null", "a"), page("null", "a")}, "a", " 1"},
		"count as text":     {[]string{page(`"1"`, "a")}, "a", ""},
		"holes":             {[]string{`{"count":3,"items":[null,{"id":"a"},{}]}`}, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var steps []func(*http.Request) (*http.Response, error)
			for _, p := range tc.pages {
				steps = append(steps, says(200, p))
			}
			s := newScript(steps...)
			got, err := collect(newClient(t, s).Assets(t.Context(), AssetFilter{ExternalIDs: []string{"x", "y"}}))
			if err != nil {
				t.Fatal(err)
			}
			var ids, offsets []string
			for _, a := range got {
				ids = append(ids, a.ID)
			}
			for _, r := range s.seen {
				q := r.URL.Query()
				offsets = append(offsets, q.Get("offset"))
				if q.Get("limit") != "1000" || q.Get("externalIds") != "x,y" {
					t.Errorf("query %v", q)
				}
			}
			if strings.Join(ids, " ") != tc.want || strings.Join(offsets, " ") != tc.offsets {
				t.Errorf("got %q offsets %q, want %q offsets %q", ids, offsets, tc.want, tc.offsets)
			}
		})
	}
}

func TestListStopsWhenToldTo(t *testing.T) {
	s := newScript(says(200, `{"count":3,"items":[{"id":"a"},{"id":"b"}]}`))
	for range newClient(t, s).Assets(t.Context(), AssetFilter{}) {
		break
	}
	if s.count() != 1 {
		t.Errorf("%d requests", s.count())
	}
}

func TestBatchesFitAURL(t *testing.T) {
	ids := make([]string, 250)
	for i := range ids {
		ids[i] = fmt.Sprint("id-", i)
	}
	wide := slices.Repeat([]string{strings.Repeat("ü", 100)}, 30) // 600 bytes each, encoded
	huge := strings.Repeat("x", 7000)
	for name, tc := range map[string]struct {
		ids  []string
		want []int
	}{
		"none":  {nil, nil},
		"one":   {[]string{"a"}, []int{1}},
		"count": {ids, []int{100, 100, 50}},
		"size":  {wide, []int{10, 10, 10}},
		"huge":  {[]string{"a", huge, "b"}, []int{1, 1, 1}},
	} {
		var got []int
		var all []string
		for b := range Batches(tc.ids) {
			got, all = append(got, len(b)), append(all, b...)
		}
		if !slices.Equal(got, tc.want) || !slices.Equal(all, tc.ids) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	for range Batches(ids) {
		break
	}
}

func TestEveryAttemptIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen calls
		c := newClient(t, newScript(says(502, ""), says(429, ""), says(200, okAsset)), func(c *Config) { c.Observe = seen.observe })
		if _, err := c.Asset(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, call := range seen.list {
			got = append(got, fmt.Sprint(call.Op, call.Method, call.Status, call.Retry, call.Err == nil, call.InClosedGate, call.Storage))
		}
		want := []string{"getAssetGET502 false false false false", "getAssetGET429 true false false false", "getAssetGET200 true true false false"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestSecretsStayOutOfErrorsAndLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		echo := func(status int) func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				return answer(status, fmt.Sprintf(`{"title":"no","detail":"header was %s, see https://x.example.com/y?X-Amz-Signature=abcdefabcdef","status":%d,"meta":[{"name":"token","reason":%q}]}`,
					r.Header.Get("Authorization"), status, testToken), "X-Request-Id", testToken), nil
			}
		}
		for _, step := range []func(*http.Request) (*http.Response, error){
			echo(400), echo(401), echo(500), echo(429), says(200, testToken), says(500, "Authorization: Bearer "+testToken),
			breaks(errors.New("proxy refused Bearer " + testToken)),
		} {
			var seen calls
			c := newClient(t, newScript(step), func(c *Config) {
				c.Retries = 1
				c.Observe = seen.observe
				c.Log = zerolog.New(&log).Level(zerolog.TraceLevel)
			})
			_, err := c.Asset(t.Context(), "a")
			if err == nil {
				t.Fatal("no error")
			}
			var texts strings.Builder
			texts.WriteString(fmt.Sprintf("%v|%+v|%#v|%s", err, err, err, log.String()))
			for _, call := range seen.list {
				texts.WriteString(fmt.Sprintf("|%+v", call))
			}
			for _, secret := range []string{testToken, "abcdefabcdef"} {
				if strings.Contains(fmt.Sprint(err)+log.String(), secret) {
					t.Errorf("%q is in %s", secret, texts.String())
				}
			}
		}
		if log.Len() == 0 {
			t.Error("nothing was logged")
		}
	})
}

func TestUploadAndSecretPrintNothing(t *testing.T) {
	u := Upload{AssetID: "a", FileID: "f", URL: "https://s.example.com/k?X-Amz-Signature=sesame", Metadata: map[string]string{"x-amz-security-token": "sesame"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, s := range []string{fmt.Sprintf(verb, u), fmt.Sprintf(verb, &u), fmt.Sprintf(verb, u.URL), fmt.Sprintf(verb, []Secret{u.URL}), fmt.Sprintf(verb, SavedToken{Access: "sesame"})} {
			if strings.Contains(s, "sesame") || strings.Contains(s, fmt.Sprintf("%x", "sesame")) {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
	var log bytes.Buffer
	lg := zerolog.New(&log)
	lg.Info().Interface("upload", u).Interface("secret", u.URL).Stringer("s", u).Send()
	if strings.Contains(log.String(), "sesame") {
		t.Errorf("logged %s", log.String())
	}
}

func TestLongBodiesAreCut(t *testing.T) {
	_, err := newClient(t, newScript(says(400, strings.Repeat("é\x01", 1<<20)))).Asset(t.Context(), "a")
	if err == nil || len(err.Error()) > maxText+200 || strings.ContainsRune(err.Error(), 1) {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestRealConnections sees what only real sockets show: that a refused connection
// is known as never sent, and a reset after the request is not.
func TestRealConnections(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		_ = l.Close()
		c := newClient(t, nil, func(c *Config) { c.APIURL, c.Retries = "http://"+addr+"/v4", -1 })
		_, err = c.CreateAsset(t.Context(), AssetFields{})
		if err == nil || errors.Is(err, ErrUnknownOutcome) || Classify(KindCreate, err) != Retry {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no TLS", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		defer srv.Close()
		c := newClient(t, nil, func(c *Config) { c.APIURL, c.Retries = strings.Replace(srv.URL, "http:", "https:", 1)+"/v4", -1 })
		_, err := c.CreateAsset(t.Context(), AssetFields{})
		if err == nil || errors.Is(err, ErrUnknownOutcome) || Classify(KindCreate, err) != Retry {
			t.Errorf("error %v", err)
		}
	})
	for name, fail := range map[string]http.HandlerFunc{
		"reset after the request": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		},
		"truncated answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, okAsset)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.Add(1); fail(w, r) }))
			srv.Config.ErrorLog = nil
			defer srv.Close()
			c := newClient(t, nil, func(c *Config) { c.APIURL = srv.URL + "/v4" })
			_, err := c.CreateAsset(t.Context(), AssetFields{})
			if !errors.Is(err, ErrUnknownOutcome) || n.Load() != 1 {
				t.Errorf("%d requests, error %v", n.Load(), err)
			}
		})
	}
}

func TestNewRefusesWhatWouldLeakOrFail(t *testing.T) {
	good := Config{APIURL: testAPI, Token: StaticToken("x")}
	if c, err := New(good); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	for name, change := range map[string]func(*Config){
		"no URL":         func(c *Config) { c.APIURL = "" },
		"plain http":     func(c *Config) { c.APIURL = "http://acme.api.example.com/v4" },
		"plain v3":       func(c *Config) { c.V3URL = "http://acme.example.com/api/v3" },
		"query":          func(c *Config) { c.APIURL = testAPI + "?a=b" },
		"user in URL":    func(c *Config) { c.APIURL = "https://u:sesame@acme.example.com/v4" },
		"no credentials": func(c *Config) { c.Token = nil },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string]Secret{"empty": "", "two lines": "ab\ncd"} {
		s := newScript(says(200, okAsset))
		_, err := newClient(t, s, func(c *Config) { c.Token = StaticToken(token) }).Asset(t.Context(), "a")
		if !errors.Is(err, ErrNotSignedIn) || Classify(KindRead, err) != StopRun || s.count() != 0 {
			t.Errorf("%s token: %v", name, err)
		}
	}
}

func TestManyCallersShareAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, calls, tooMany, closed atomic.Int32
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			if now.Add(1) > 3 {
				tooMany.Add(1)
			}
			defer now.Add(-1)
			// The refusal comes before the others of its round are answered: nobody can
			// have taken their slots by then.
			if calls.Add(1) == 1 {
				return answer(429, "", "Retry-After", "90"), pause(r.Context(), 50*time.Millisecond)
			}
			return answer(200, okAsset), pause(r.Context(), 100*time.Millisecond)
		})
		g := NewGate(3)
		c := newClient(t, base, func(c *Config) {
			c.Gate = g
			c.Observe = func(call Call) {
				if call.InClosedGate {
					closed.Add(1)
				}
			}
		})
		start := time.Now()
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if _, err := c.Asset(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if calls.Load() != 31 || tooMany.Load() != 0 || closed.Load() != 0 {
			t.Errorf("%d calls, %d beyond three at once, %d in a closed gate", calls.Load(), tooMany.Load(), closed.Load())
		}
		// The first three leave at once; 28 more calls, three at a time, after the 90 s: one
		// at first, and then more and more, up to all that there are slots for.
		if d, least := time.Since(start), 50*time.Millisecond+90*time.Second+10*100*time.Millisecond; d < least || d > least+3*time.Second {
			t.Errorf("took %v, want %v or a little more", d, least)
		}
	})
}

func TestAssetsAreCountedWithoutReadingThem(t *testing.T) {
	for body, want := range map[string]string{
		`{"count":1234567,"items":[]}`: "1234567 true", `{"count":"12","items":[]}`: "12 true",
		`{"items":[]}`: "0 false", `{"count":0}`: "0 true",
	} {
		s := newScript(says(200, body))
		n, known, err := newClient(t, s).CountAssets(t.Context(), AssetFilter{})
		if got := fmt.Sprint(n, " ", known); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", body, got, err, want)
		}
		if q := s.seen[0].URL.RawQuery; s.count() != 1 || q != "limit=0" {
			t.Errorf("%d requests, with %s", s.count(), q)
		}
	}
	s := newScript(says(200, `{"count":3}`))
	if n, _, err := newClient(t, s).CountAssets(t.Context(), AssetFilter{DivisionIDs: []string{"d1", "d2"}}); n != 3 || err != nil || s.seen[0].URL.RawQuery != "divisionIds=d1%2Cd2&limit=0" {
		t.Errorf("%d, %v, with %s", n, err, s.seen[0].URL.RawQuery)
	}
	if _, _, err := newClient(t, newScript()).CountAssets(t.Context(), AssetFilter{IDs: []string{"a,b"}}); err == nil {
		t.Error("an id with a comma is counted")
	}
	if _, _, err := newClient(t, newScript(says(403, `{}`))).CountAssets(t.Context(), AssetFilter{}); err == nil {
		t.Error("a refusal is a count")
	}
}
