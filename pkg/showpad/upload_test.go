package showpad

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// storage is a bucket of one object on a real socket.
type storage struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	heads  []http.Header
	length []int64
	steps  []http.HandlerFunc // before the default, one a request
}

func newStorage(t testing.TB, steps ...http.HandlerFunc) *storage {
	s := &storage{steps: steps}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.heads)
		s.heads, s.length = append(s.heads, r.Header.Clone()), append(s.length, r.ContentLength)
		s.mu.Unlock()
		if n < len(s.steps) && s.steps[n] != nil {
			s.steps[n](w, r)
			return
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.bodies = append(s.bodies, string(b))
		s.mu.Unlock()
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *storage) upload() Upload {
	return Upload{AssetID: "a", FileID: "f", URL: Secret(s.URL + "/bucket/key?X-Amz-Signature=sesame-sesame-sesame"), ContentType: "application/pdf", Issued: time.Now()}
}

func xmlError(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message><RequestId>R1</RequestId></Error>", code)
	}
}

// sum is the progress that was reported.
type sum struct{ now, most atomic.Int64 }

func (s *sum) add(n int64) { v := s.now.Add(n); s.most.Store(max(s.most.Load(), v)) }

func TestPutSendsTheBytesAndNothingElse(t *testing.T) {
	small, large := "hello", strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for name, tc := range map[string]struct {
		content string
		md5     bool
		expect  string
	}{"small": {small, true, ""}, "large": {large, false, "100-continue"}, "empty": {"", true, ""}} {
		t.Run(name, func(t *testing.T) {
			s := newStorage(t)
			c := newClient(t, nil)
			u := s.upload()
			digest := md5.Sum([]byte(tc.content))
			if tc.md5 {
				u.ContentMD5 = digest[:]
			}
			var p sum
			if err := c.Put(t.Context(), u, int64(len(tc.content)), opener(tc.content), p.add); err != nil {
				t.Fatal(err)
			}
			h := s.heads[0]
			if s.bodies[0] != tc.content || s.length[0] != int64(len(tc.content)) || p.now.Load() != int64(len(tc.content)) {
				t.Errorf("%d bytes, length %d, progress %d", len(s.bodies[0]), s.length[0], p.now.Load())
			}
			wantMD5 := ""
			if tc.md5 {
				wantMD5 = base64.StdEncoding.EncodeToString(digest[:])
			}
			for name, want := range map[string]string{"Content-Type": "application/pdf", "Content-Md5": wantMD5, "Expect": tc.expect, "Authorization": "", "Transfer-Encoding": "", "Cookie": ""} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestPutNeverSeesTheToken(t *testing.T) {
	s := newScript(says(200, ""))
	c := newClient(t, s)
	u := Upload{URL: "https://storage.example.com/k?a=b", Issued: time.Now(), Metadata: map[string]string{"Authorization": "x", "host": "evil", "content-length": "1"}}
	if err := c.Put(t.Context(), u, 3, opener("abc"), nil); err != nil {
		t.Fatal(err)
	}
	for name, values := range s.seen[0].Header {
		if strings.Contains(strings.Join(values, " "), testToken) || name == "Authorization" {
			t.Errorf("%s: %q", name, values)
		}
	}
}

func TestUploadHeaders(t *testing.T) {
	meta := map[string]string{"origin": "api", "X-Amz-Meta-Kind": "deck", "x-amz-server-side-encryption": "AES256", "plain": "p"}
	for name, tc := range map[string]struct {
		query string
		want  http.Header
	}{
		"old style, all": {"AWSAccessKeyId=x&Signature=y", http.Header{"X-Amz-Meta-Origin": {"api"}, "X-Amz-Meta-Kind": {"deck"}, "X-Amz-Server-Side-Encryption": {"AES256"}, "X-Amz-Meta-Plain": {"p"}}},
		"signed only":    {"X-Amz-SignedHeaders=content-md5%3Bhost%3Bx-amz-meta-origin", http.Header{"X-Amz-Meta-Origin": {"api"}}},
		"none signed":    {"X-Amz-SignedHeaders=host", http.Header{}},
		"as is":          {"x-amz-signedheaders=host%3Bplain", http.Header{"Plain": {"p"}}},
	} {
		q, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, uploadHeader(Upload{Metadata: meta}, q)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestPutIsRepeatedAfterFailuresThatPass(t *testing.T) {
	content := strings.Repeat("x", 3<<20)
	for name, step := range map[string]http.HandlerFunc{
		"500":        xmlError(500, "InternalError"),
		"slow down":  xmlError(503, "SlowDown"),
		"incomplete": xmlError(400, "IncompleteBody"),
		"reset": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			panic(http.ErrAbortHandler)
		},
		"page": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>sign in")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStorage(t, step)
			var p sum
			var seen calls
			c := newClient(t, nil, func(c *Config) { c.Observe = seen.observe })
			var opened, closed atomic.Int32
			open := func() (io.ReadCloser, error) {
				opened.Add(1)
				return &countedClose{strings.NewReader(content), &closed}, nil
			}
			if err := c.Put(t.Context(), s.upload(), int64(len(content)), open, p.add); err != nil {
				t.Fatal(err)
			}
			if len(s.bodies) != 1 || s.bodies[0] != content || p.now.Load() != int64(len(content)) || p.most.Load() > int64(len(content)) {
				t.Errorf("%d bodies, progress %d, most %d", len(s.bodies), p.now.Load(), p.most.Load())
			}
			if opened.Load() != 2 || closed.Load() != 2 {
				t.Errorf("opened %d, closed %d", opened.Load(), closed.Load())
			}
			if len(seen.list) != 2 || !seen.list[0].Storage || seen.list[0].Retry || !seen.list[1].Retry || seen.list[0].Err == nil || seen.list[1].Err != nil {
				t.Errorf("observed %+v", seen.list)
			}
		})
	}
}

type countedClose struct {
	io.Reader
	n *atomic.Int32
}

func (c *countedClose) Close() error { c.n.Add(1); return nil }

func TestPutGivesUpOnRefusals(t *testing.T) {
	for code, tc := range map[string]struct {
		status int
		want   Verdict
	}{
		"AccessDenied": {403, NewURL}, "SignatureDoesNotMatch": {403, NewURL}, "BadDigest": {400, Rehash},
		"EntityTooLarge": {400, StopItem}, "NotImplemented": {501, StopItem},
	} {
		t.Run(code, func(t *testing.T) {
			s := newStorage(t, xmlError(tc.status, code))
			var p sum
			err := newClient(t, nil).Put(t.Context(), s.upload(), 5, opener("hello"), p.add)
			if Classify(KindUpload, err) != tc.want || len(s.heads) != 1 || p.now.Load() != 0 {
				t.Errorf("%v: %v after %d attempts, progress %d", err, Classify(KindUpload, err), len(s.heads), p.now.Load())
			}
			if !containsAll(err.Error(), code, "R1") || strings.Contains(err.Error(), "sesame") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestPutTellsWhenTheSourceIsAnother(t *testing.T) {
	boom := errors.New("disk is gone")
	for name, tc := range map[string]struct {
		size int64
		open func() (io.ReadCloser, error)
		want error
	}{
		"shorter":        {10, opener("hello"), ErrSourceChanged},
		"longer":         {3, opener("hello"), ErrSourceChanged},
		"no longer zero": {0, opener("hello"), ErrSourceChanged},
		"now empty":      {5, opener(""), ErrSourceChanged},
		"cannot open":    {5, func() (io.ReadCloser, error) { return nil, boom }, boom},
		"cannot read": {5, func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("he"), errReader{boom})), nil
		}, boom},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorage(t)
			var p sum
			err := newClient(t, nil).Put(t.Context(), s.upload(), tc.size, tc.open, p.add)
			_, ours := errors.AsType[*SourceError](err)
			if !errors.Is(err, tc.want) || !ours || Classify(KindUpload, err) != Rehash {
				t.Errorf("error %v", err)
			}
			s.Close() // waits for the handler
			if len(s.bodies) != 0 || p.now.Load() != 0 {
				t.Errorf("storage kept %q, progress %d", s.bodies, p.now.Load())
			}
		})
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestPutFollowsOnlyRedirectsThatKeepTheBody(t *testing.T) {
	target := newStorage(t)
	for status, follow := range map[int]bool{307: true, 308: true, 301: false, 302: false, 303: false} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			before := len(target.heads)
			redirect := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", target.URL+"/elsewhere")
				w.WriteHeader(status)
			}
			s := newStorage(t, redirect)
			var p sum
			u := s.upload()
			u.ContentMD5 = make([]byte, 16)
			err := newClient(t, nil, func(c *Config) { c.Retries = -1 }).Put(t.Context(), u, 5, opener("hello"), p.add)
			if (err == nil) != follow || len(target.heads)-before != map[bool]int{true: 1}[follow] {
				t.Fatalf("error %v, %d requests at the target", err, len(target.heads)-before)
			}
			if !follow {
				return
			}
			h := target.heads[len(target.heads)-1]
			if h.Get("Referer") != "" || h.Get("Content-Md5") == "" || h.Get("Content-Type") != "application/pdf" {
				t.Errorf("headers %v", h)
			}
			if target.bodies[len(target.bodies)-1] != "hello" || p.now.Load() != 5 {
				t.Errorf("body %q, progress %d", target.bodies, p.now.Load())
			}
		})
	}
}

func TestIdleTransferIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts int
		stuck := roundTrip(func(r *http.Request) (*http.Response, error) {
			attempts++
			if attempts > 1 {
				_, err := io.Copy(io.Discard, r.Body)
				return answer(200, ""), err
			}
			_, _ = io.ReadFull(r.Body, make([]byte, 2))
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		var seen calls
		var p sum
		c := newClient(t, stuck, func(c *Config) { c.Observe, c.IdleTimeout = seen.observe, 20*time.Second })
		u := Upload{URL: "https://s.example.com/k", Issued: time.Now()}
		if err := c.Put(t.Context(), u, 5, opener("hello"), p.add); err != nil {
			t.Fatal(err)
		}
		if first := seen.list[0]; first.Elapsed != 20*time.Second || !strings.Contains(first.Err.Error(), "no progress for 20s") || p.now.Load() != 5 {
			t.Errorf("first attempt %+v, progress %d", first, p.now.Load())
		}
	})
}

func TestASlowTransferIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			one := make([]byte, 1)
			for {
				if _, err := r.Body.Read(one); err == io.EOF {
					return answer(200, ""), nil
				} else if err != nil {
					return nil, err
				}
				if err := pause(r.Context(), 50*time.Second); err != nil {
					return nil, err
				}
			}
		})
		begin := time.Now()
		u := Upload{URL: "https://s.example.com/k", Issued: begin}
		content := strings.Repeat("x", 100)
		if err := newClient(t, slow).Put(t.Context(), u, 100, opener(content), nil); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < 80*time.Minute {
			t.Errorf("took %v only", d)
		}
	})
}

func TestAnOldURLIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(says(503, ""))
		c := newClient(t, s, func(c *Config) { c.Retries = 1000 })
		u := Upload{URL: "https://s.example.com/k", Issued: time.Now().Add(-14 * time.Minute)}
		if err := c.Put(t.Context(), u, 1, opener("x"), nil); Classify(KindUpload, err) != NewURL || s.count() != 0 {
			t.Errorf("%v after %d attempts", err, s.count())
		}
		u.Issued = time.Now()
		begin := time.Now()
		err := c.Put(t.Context(), u, 1, opener("x"), nil)
		if Classify(KindUpload, err) != NewURL || !errors.Is(err, ErrUploadExpired) || !strings.Contains(err.Error(), "503") {
			t.Errorf("error %v", err)
		}
		if d := time.Since(begin); d > 14*time.Minute || s.count() < 2 {
			t.Errorf("%d attempts in %v", s.count(), d)
		}
	})
}

func TestPutEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("second interrupt")
		ctx, cancel := context.WithCancelCause(t.Context())
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			cancel(why)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		err := newClient(t, base).Put(ctx, Upload{URL: "https://s.example.com/k"}, 1, opener("x"), nil)
		if !errors.Is(err, why) || Classify(KindUpload, err) != Cancelled {
			t.Errorf("error %v", err)
		}
	})
}

func TestUploadURLStaysOutOfErrorsAndLogs(t *testing.T) {
	var log bytes.Buffer
	secret := "sesame-sesame-sesame"
	u := Upload{URL: Secret("https://s.example.com/k?X-Amz-Signature=" + secret), Issued: time.Now()}
	for _, step := range []func(*http.Request) (*http.Response, error){
		func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("cannot reach " + r.URL.String())
		},
		func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Put", URL: r.URL.String(), Err: errReset}
		},
		func(r *http.Request) (*http.Response, error) {
			return answer(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>got "+r.URL.RawQuery+" and "+secret+"</Message></Error>"), nil
		},
	} {
		var seen calls
		c := newClient(t, newScript(step), func(c *Config) {
			c.Retries = -1
			c.Observe = seen.observe
			c.Log = zerolog.New(&log).Level(zerolog.TraceLevel)
		})
		err := c.Put(t.Context(), u, 1, opener("x"), nil)
		if err == nil || strings.Contains(err.Error()+log.String()+fmt.Sprint(seen.list), secret) {
			t.Errorf("error %v, log %s", err, log.String())
		}
	}
	for _, bad := range []Secret{"http://s.example.com/k?sig=" + Secret(secret), "://" + Secret(secret), Secret(secret), "ftp://h/" + Secret(secret)} {
		u.URL = bad
		if err := newClient(t, newScript(says(200, ""))).Put(t.Context(), u, 1, opener("x"), nil); err == nil || strings.Contains(err.Error(), secret) || Classify(KindUpload, err) != StopItem {
			t.Errorf("error %v", err)
		}
	}
	if err := newClient(t, newScript(says(200, ""))).Put(t.Context(), u, MaxUpload+1, opener(""), nil); Classify(KindUpload, err) != StopItem {
		t.Errorf("too large: %v", err)
	}
}

func TestRequestUploadNeedsAURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(says(201, `{"id":"f","uploadMeta":{"uploadUrl":null,"metadata":{"stale":"x"}}}`), says(201, fixture(t, "upload.json")))
		begin := time.Now()
		u, err := newClient(t, s).RequestUpload(t.Context(), "a1", UploadRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if u.AssetID != "a1" || u.FileID != "f0e1d2c3b4a5968778695a4b3c2d1e0f" || u.ContentType != "application/pdf" || !cmp.Equal(u.Metadata, map[string]string{"origin": "api"}) || !strings.HasPrefix(u.URL.Reveal(), "https://storage.example.com/") {
			t.Errorf("upload %+v", u)
		}
		if u.Issued.Before(begin) || u.Issued.After(time.Now()) || s.sent[0] != "{}" {
			t.Errorf("issued %v, body %s", u.Issued, s.sent[0])
		}
	})
}
