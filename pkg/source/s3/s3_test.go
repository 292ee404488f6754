package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// listing is what List says: paths, and errors in words.
func listing(t *testing.T, s *Source, prefix string) (all []string) {
	t.Helper()
	for i, err := range s.List(t.Context(), prefix) {
		if err != nil {
			all = append(all, err.Error())
			continue
		}
		all = append(all, i.Path)
	}
	return all
}

// TestAnMD5IsOneOrIsNotThere holds which ETags are taken for the MD5 of the
// bytes.
func TestAnMD5IsOneOrIsNotThere(t *testing.T) {
	data := []byte("the bytes")
	sum := fmt.Sprintf("%x", md5.Sum(data))
	for name, tt := range map[string]struct {
		etag   string
		header map[string]string
		want   string
	}{
		"one part":                   {sum, nil, sum},
		"one part, the store's keys": {sum, map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}, sum},
		"KMS":                        {sum, map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms"}, ""},
		"KMS, twice":                 {sum, map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms:dsse"}, ""},
		"a customer's key":           {sum, map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, ""},
		"several parts":              {sum + "-12", nil, ""},
		"one part of several":        {sum + "-1", nil, ""},
		"another kind":               {"CRC64NVME-" + sum, nil, ""},
		"too short":                  {sum[2:], nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.put("a", &held{data: data, etag: tt.etag, header: tt.header})
			s := rootOn(t, f, "")
			i, err := s.Stat(t.Context(), "a")
			r, opened, openErr := s.Open(t.Context(), "a")
			if err != nil || openErr != nil {
				t.Fatal(err, openErr)
			}
			defer r.Close()
			for _, i := range []source.Info{i, opened} {
				if hex.EncodeToString(i.MD5) != tt.want || i.Version != tt.etag {
					t.Errorf("MD5 %x, version %q; want %q and %q", i.MD5, i.Version, tt.want, tt.etag)
				}
			}
			for i, err := range s.List(t.Context(), "") {
				if err != nil || i.MD5 != nil || i.Version != tt.etag {
					t.Errorf("listed %+v, %v: a listing cannot know the MD5", i, err)
				}
			}
		})
	}
}

func TestETagsOfDirectoryBucketsAreNoMD5(t *testing.T) {
	const tag = "0123456789abcdef0123456789abcdef"
	if sum := digest(object{"fast--use1-az4--x-s3", "a"}, tag, nil); sum != nil {
		t.Errorf("%x", sum)
	}
	if sum := digest(object{"fast", "a"}, tag, nil); sum == nil {
		t.Error("no MD5 in an ordinary bucket")
	}
}

func TestDescribingReadsNoBytes(t *testing.T) {
	f := newFake("a", "b/c")
	s := rootOn(t, f, "")
	if _, err := s.Stat(t.Context(), "b/c"); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, s, ""); !slices.Equal(got, []string{"a", "b/c"}) {
		t.Errorf("%q", got)
	}
	if got, want := f.requests(), []string{"HEAD /bucket/b/c", "GET /bucket/"}; !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
}

func TestABeginningIsFetchedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.put("a", &held{data: []byte(strings.Repeat("0123456789", 1000))})
		s := rootOn(t, f, "")
		f.body = func(n int, b io.ReadCloser) io.ReadCloser {
			if n == 1 {
				return &breaking{b, f.seen[0].Context(), 3, io.ErrUnexpectedEOF}
			}
			return b
		}
		buf := make([]byte, 12)
		if n, err := s.ReadHead(t.Context(), "a", buf); string(buf[:n]) != "012345678901" || err != nil {
			t.Errorf("%q, %v", buf[:n], err)
		}
		if len(f.seen) != 2 || f.seen[1].Header.Get("Range") != "bytes=0-11" {
			t.Errorf("%q, range %q", f.requests(), f.seen[1].Header.Get("Range"))
		}
	})
}

func TestKeysOfAllKinds(t *testing.T) {
	keys := []string{"/leading/a.pdf", "a//b.pdf", "a b+c%20d&e.pdf", "trailing space ", "dots/../up.pdf", "q?x=1#y.pdf", `back\slash.pdf`, "tab\tand\nline.pdf", "e\u0301/nfd.pdf", "\u00e9/nfc.pdf", "~*'()!;:@,$.pdf"}
	for _, prefix := range []string{"", "/some where/+"} {
		t.Run(prefix, func(t *testing.T) {
			f := newFake()
			for _, k := range keys {
				f.put(strings.TrimPrefix(prefix+"/"+k, "/"), &held{data: []byte(k)})
			}
			if prefix == "" { // TrimPrefix took its slash
				f.put("leading/a.pdf", nil)
				f.put("/leading/a.pdf", &held{data: []byte(keys[0])})
			}
			s := rootOn(t, f, prefix)
			if got, want := listing(t, s, ""), slices.Sorted(slices.Values(keys)); !slices.Equal(got, want) {
				t.Errorf("listed %q\nwant %q", got, want)
			}
			for _, k := range keys {
				if i, err := s.Stat(t.Context(), k); err != nil || i.Path != k {
					t.Errorf("%q: %+v, %v", k, i, err)
				}
				if b, err := content(t, s, k); b != k || err != nil {
					t.Errorf("%q: %q, %v", k, b, err)
				}
			}
		})
	}
}

func TestMarksOfFoldersAreNoFiles(t *testing.T) {
	f := newFake("deep/a.pdf")
	f.put("deep/", &held{data: []byte{}})
	f.put("empty/", &held{data: []byte{}})
	f.put("odd/", &held{data: []byte("x")})
	s := rootOn(t, f, "")
	if got, want := listing(t, s, ""), []string{"deep/a.pdf", "odd/: not a regular file (its key ends in a slash, as those of folders do; rename it)"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := listing(t, s, "empty"); got != nil {
		t.Errorf("an empty folder lists %q", got)
	}
	expect(t, s, "deep/", source.ErrNotRegular, "a folder")
}

func TestKeysInOtherUnicodeForms(t *testing.T) {
	const composed, decomposed = "caf\u00e9/r\u00e9sum\u00e9.pdf", "cafe\u0301/re\u0301sume\u0301.pdf"
	f := newFake(decomposed)
	s := rootOn(t, f, "")
	if b, err := content(t, s, composed); b != decomposed || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if i, err := s.Stat(t.Context(), composed); err != nil || i.Path != composed {
		t.Errorf("%+v, %v", i, err)
	}
	if got := listing(t, s, "caf\u00e9"); !slices.Equal(got, []string{decomposed}) {
		t.Errorf("%q", got)
	}
	f.put(composed, &held{data: []byte("another one")})
	if b, err := content(t, s, composed); b != "another one" || err != nil {
		t.Errorf("the form as it is written: %q, %v", b, err)
	}
	expect(t, s, "cafe\u0301/r\u00e9sume\u0301.pdf", source.ErrAmbiguous, "rename")
	if b, err := content(t, rootOn(t, newFake(decomposed), "/caf\u00e9"), "re\u0301sume\u0301.pdf"); b != decomposed || err != nil {
		t.Errorf("a root in another form: %q, %v", b, err)
	}
}

func TestArchivedObjects(t *testing.T) {
	f := newFake()
	glacier := func(restore string) *held {
		return &held{data: []byte("cold"), header: map[string]string{"X-Amz-Storage-Class": "GLACIER", "X-Amz-Restore": restore}}
	}
	f.put("cold", glacier(""))
	f.put("coming", glacier(`ongoing-request="true"`))
	f.put("back", glacier(`ongoing-request="false", expiry-date="Fri, 21 Dec 2035 00:00:00 GMT"`))
	f.put("tier", &held{data: []byte("x"), header: map[string]string{"X-Amz-Storage-Class": "INTELLIGENT_TIERING", "X-Amz-Archive-Status": "ARCHIVE_ACCESS"}})
	f.put("warm", &held{data: []byte("warm"), header: map[string]string{"X-Amz-Storage-Class": "GLACIER_IR"}})
	s := rootOn(t, f, "")
	for _, path := range []string{"cold", "coming", "tier"} {
		_, err := s.Stat(t.Context(), path)
		if !errors.Is(err, source.ErrUnreadable) || !strings.Contains(err.Error(), "restore it first") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := s.Open(t.Context(), "cold"); !errors.Is(err, source.ErrUnreadable) || !strings.Contains(err.Error(), "restore it first") {
		t.Errorf("opened: %v", err)
	}
	for _, path := range []string{"back", "warm"} {
		if _, err := s.Stat(t.Context(), path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for i, err := range s.List(t.Context(), "") {
		if want := i.Path == "cold" || i.Path == "coming" || i.Path == "back"; err != nil || i.Offline != want { // the fake's listing tells no restores
			t.Errorf("listed %+v, %v", i, err)
		}
	}
}

func TestBytesComeAsTheyAreStored(t *testing.T) {
	f := newFake()
	f.put("page.html", &held{data: []byte("\x1f\x8b packed"), header: map[string]string{"Content-Encoding": "gzip"}})
	s := rootOn(t, f, "")
	if b, err := content(t, s, "page.html"); b != "\x1f\x8b packed" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if got := f.seen[0].Header.Get("Accept-Encoding"); got != "identity" { // else net/http unpacks
		t.Errorf("Accept-Encoding %q", got)
	}
}

func TestAStoreThatDoesNotSort(t *testing.T) {
	f := newFake("a", "b", "c")
	s := rootOn(t, f, "")
	f.answer = func(_ int, r *http.Request) (*http.Response, error) {
		return page(`<Contents><Key>b</Key><Size>1</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents>`), nil
	}
	got := listing(t, s, "")
	if len(got) != 2 || got[0] != "b" || !strings.Contains(got[1], "does not sort by key") {
		t.Errorf("%q", got)
	}
}

func page(contents string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`<ListBucketResult>` + contents + `</ListBucketResult>`))}
}

// TestRefusals holds what people read, and what callers match.
func TestRefusals(t *testing.T) {
	for code, tt := range map[string]struct {
		status int
		region string
		want   error
		words  []string
	}{
		"NoSuchKey":                    {404, "", source.ErrNotExist, []string{"s3://bucket/a", "capitals"}},
		"NoSuchBucket":                 {404, "", source.ErrUnreadable, []string{`no bucket "bucket" at store.example.com`, "AWS_ENDPOINT_URL_S3"}},
		"AccessDenied":                 {403, "", source.ErrUnreadable, []string{"access denied (the store says AccessDenied: AccessDenied, says the store)", "environment", "s3:GetObject", "s3://bucket/a"}},
		"InvalidAccessKeyId":           {403, "", source.ErrUnreadable, []string{"credentials are refused", "environment", "store.example.com"}},
		"SignatureDoesNotMatch":        {403, "", source.ErrUnreadable, []string{"credentials are refused"}},
		"ExpiredToken":                 {400, "", source.ErrUnreadable, []string{"renew"}},
		"RequestTimeTooSkewed":         {403, "", source.ErrUnreadable, []string{"15 minutes", "set this machine's clock"}},
		"AuthorizationHeaderMalformed": {400, "eu-west-1", source.ErrUnreadable, []string{"set AWS_REGION=eu-west-1"}},
		"PermanentRedirect":            {301, "", source.ErrUnreadable, []string{"another region", "set AWS_REGION"}},
		"InvalidObjectState":           {403, "", source.ErrUnreadable, []string{"archived", "restore-object"}},
		"KMS.DisabledException":        {400, "", source.ErrUnreadable, []string{"KMS.DisabledException, says the store"}},
	} {
		t.Run(code, func(t *testing.T) {
			f := newFake("a")
			s := rootOn(t, f, "")
			f.answer = func(_ int, r *http.Request) (*http.Response, error) {
				return refusal(r, tt.status, code, tt.region), nil
			}
			for _, word := range tt.words {
				expect(t, s, "a", tt.want, word)
			}
			if n := len(f.requests()); n > 3*len(tt.words) { // HEAD, and GET for its words; GET
				t.Errorf("%d requests for %d pairs of calls", n, len(tt.words))
			}
		})
	}
}

func TestTheOpeningFindsWhatIsWrongWithAll(t *testing.T) {
	signedIn(t)
	for code, tt := range map[string]struct {
		status int
		words  string
	}{
		"NoSuchBucket":          {404, "no bucket"},
		"SignatureDoesNotMatch": {403, "credentials are refused"},
		"AccessDenied":          {403, ""}, // a right to list is not needed
	} {
		f := newFake("a")
		f.answer = func(_ int, r *http.Request) (*http.Response, error) { return refusal(r, tt.status, code, ""), nil }
		_, err := storeOn(t, f, elsewhere).Root(t.Context(), "s3://bucket/deep")
		if (err != nil) != (tt.words != "") || err != nil && !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s: %v", code, err)
		}
	}
	nobody(t)
	f := newFake("a")
	f.answer = func(_ int, r *http.Request) (*http.Response, error) { return refusal(r, 403, "AccessDenied", ""), nil }
	_, err := storeOn(t, f, elsewhere).Root(t.Context(), "s3://bucket")
	if err == nil || !strings.Contains(err.Error(), "no credentials were found") || !strings.Contains(err.Error(), `profile "default"`) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

// TestABusyStoreIsAskedAgain counts requests and time.
func TestABusyStoreIsAskedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		times   int // that the store is busy
		after   string
		err     error
		status  int
		want    int // requests
		atLeast time.Duration
		fails   string
	}{
		"once":                 {times: 1, status: 503, want: 2, atLeast: 200 * time.Millisecond},
		"with advice":          {times: 2, status: 429, after: "20", want: 3, atLeast: 40 * time.Second},
		"with too long advice": {times: 1, status: 503, after: "3600", want: 1, fails: "too busy"},
		"for good":             {times: 99, status: 503, want: attempts, atLeast: 6 * time.Second, fails: "run again later"},
		"a broken connection":  {times: 2, err: io.ErrUnexpectedEOF, want: 3, atLeast: 200 * time.Millisecond},
		"never a connection":   {times: 99, err: io.EOF, want: attempts, fails: "connection was closed before the answer came (is the network up"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("a")
				s := rootOn(t, f, "")
				f.answer = func(n int, r *http.Request) (*http.Response, error) {
					if n > tt.times || tt.err != nil {
						if n <= tt.times {
							return nil, tt.err
						}
						return nil, nil
					}
					resp := refusal(r, tt.status, "SlowDown", "")
					resp.Header.Set("Retry-After", tt.after)
					return resp, nil
				}
				start := time.Now()
				b, err := content(t, s, "a")
				if tt.fails == "" && (b != "a" || err != nil) || tt.fails != "" && (!errors.Is(err, source.ErrUnreadable) || !strings.Contains(err.Error(), tt.fails)) {
					t.Errorf("%q, %v", b, err)
				}
				if n := len(f.requests()); n != tt.want || time.Since(start) < tt.atLeast {
					t.Errorf("%d requests in %v, want %d in at least %v", n, time.Since(start), tt.want, tt.atLeast)
				}
			})
		})
	}
}

// breaking is a body that fails after some bytes; without an error it waits for ever.
type breaking struct {
	io.ReadCloser
	ctx  context.Context
	left int
	err  error
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left == 0 {
		if b.err == nil {
			<-b.ctx.Done()
			return 0, b.ctx.Err()
		}
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// TestReadingGoesOnWhereItStopped follows the ranges of the requests.
func TestReadingGoesOnWhereItStopped(t *testing.T) {
	data := strings.Repeat("0123456789", 1000)
	for name, tt := range map[string]struct {
		broken int // connections, each after 1,000 bytes
		err    error
		etag   string
		change *held // put in place of the object
		want   error
		ranges []string
	}{
		"twice":            {broken: 2, err: io.ErrUnexpectedEOF, ranges: []string{"", "bytes=1000-9999", "bytes=2000-9999"}},
		"silent":           {broken: 1, ranges: []string{"", "bytes=1000-9999"}},
		"without an ETag":  {broken: 1, err: io.ErrUnexpectedEOF, etag: noTag, ranges: []string{"", "bytes=1000-9999"}},
		"overwritten":      {broken: 1, err: io.ErrUnexpectedEOF, change: &held{data: []byte(strings.ToUpper(data))}, ranges: []string{"", "bytes=1000-9999"}},
		"other, same size": {broken: 1, err: io.ErrUnexpectedEOF, change: &held{data: []byte(strings.Repeat("x", 10_000))}, want: source.ErrChanged, ranges: []string{"", "bytes=1000-9999"}},
		"other, no ETag": {
			broken: 1, err: io.ErrUnexpectedEOF, etag: noTag, change: &held{data: []byte(strings.Repeat("x", 10_000)), etag: noTag, when: then.Add(time.Hour)},
			want: source.ErrChanged, ranges: []string{"", "bytes=1000-9999"},
		},
		"removed": {broken: 1, err: io.ErrUnexpectedEOF, change: &held{}, want: source.ErrChanged, ranges: []string{"", "bytes=1000-9999"}},
		"for good": {
			broken: 99, err: io.ErrUnexpectedEOF, want: source.ErrUnreadable,
			ranges: []string{"", "bytes=1000-9999", "bytes=2000-9999", "bytes=3000-9999", "bytes=4000-9999", "bytes=5000-9999"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.put("a", &held{data: []byte(data), etag: tt.etag})
				s := rootOn(t, f, "")
				f.body = func(n int, b io.ReadCloser) io.ReadCloser {
					if n > tt.broken {
						return b
					}
					return &breaking{b, f.seen[n-1].Context(), 1000, tt.err}
				}
				r, _, err := s.Open(t.Context(), "a")
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				if tt.change != nil {
					c := tt.change
					if c.data == nil {
						c = nil
					}
					f.put("a", c)
				}
				got, err := io.ReadAll(r)
				if tt.want == nil && (string(got) != data || err != nil) || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("%d bytes, %v; want %v", len(got), err, tt.want)
				}
				var ranges []string
				for i, req := range f.seen {
					ranges = append(ranges, req.Header.Get("Range"))
					if tag := req.Header.Get("If-Match"); i > 0 && tt.etag == "" && tag != fmt.Sprintf(`"%x"`, md5.Sum([]byte(data))) {
						t.Errorf("If-Match %q", tag)
					}
				}
				if !slices.Equal(ranges, tt.ranges) {
					t.Errorf("ranges %q, want %q", ranges, tt.ranges)
				}
			})
		})
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, words := range map[string]string{
		"":                              "",
		"https://s3.example.com":        "",
		"https://s3.example.com:9000/":  "",
		"http://127.0.0.1:7070":         "",
		"http://localhost:7070":         "",
		"http://s3.example.com":         "https://",
		"s3.example.com":                "no endpoint",
		"https://s3.example.com/bucket": "no endpoint",
		"ftp://s3.example.com":          "no endpoint",
		"https://u:p@s3.example.com":    "no endpoint",
	} {
		cfg := FromEnv(func(name string) string { return map[string]string{"AWS_ENDPOINT_URL": endpoint}[name] })
		_, err := New(cfg)
		if (err != nil) != (words != "") || err != nil && (!strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "u:p@")) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	cfg := FromEnv(func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL": "https://a", "AWS_ENDPOINT_URL_S3": "https://b", "AWS_REGION": "x", "AWS_DEFAULT_REGION": "y"}[name]
	})
	if cfg.Endpoint != "https://b" || cfg.Region != "x" {
		t.Errorf("%+v", cfg)
	}
}

// TestTheRegionIsTheBuckets signs for the region that AWS names, and at other
// stores for the one that is set.
func TestTheRegionIsTheBuckets(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  Config
		told string
		host string
		want string
	}{
		"AWS":                 {Config{}, "eu-west-1", "bucket.s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"},
		"AWS, another is set": {Config{Region: "us-west-2"}, "eu-west-1", "bucket.s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"},
		"AWS, nothing told":   {Config{Region: "eu-north-1"}, "", "bucket.s3.dualstack.eu-north-1.amazonaws.com", "eu-north-1"},
		"AWS in China":        {Config{Region: "cn-north-1"}, "us-east-1", "bucket.s3.dualstack.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		"elsewhere":           {elsewhere, "eu-west-1", "store.example.com", "us-east-1"},
		"elsewhere, set":      {Config{Endpoint: elsewhere.Endpoint, Region: "fsn1"}, "", "store.example.com", "fsn1"},
	} {
		t.Run(name, func(t *testing.T) {
			signedIn(t)
			f := newFake("a")
			f.answer = func(n int, r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodHead {
					return nil, nil
				}
				if r.URL.String() != "https://s3.amazonaws.com/bucket" || r.Header.Get("Authorization") != "" {
					t.Errorf("%s %s, authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
				}
				resp := refusal(r, http.StatusForbidden, "", "")
				resp.Header.Set("X-Amz-Bucket-Region", tt.told)
				return resp, nil
			}
			_, err := storeOn(t, f, tt.cfg).Root(t.Context(), "s3://bucket")
			last := f.seen[len(f.seen)-1]
			if auth := last.Header.Get("Authorization"); last.URL.Host != tt.host || !strings.Contains(auth, "/"+tt.want+"/s3/aws4_request") {
				t.Errorf("asks %s with %q, %v", last.URL.Host, auth, err)
			}
		})
	}
}
