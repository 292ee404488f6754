package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestFaults sends one create, or one upload, into each kind of fault, in memory
// and over a socket, and looks at what comes back and at what was done.
func TestFaults(t *testing.T) {
	const (
		broken = -1 // an error instead of an answer
		cut    = -2 // an answer whose body breaks off
		half   = -3 // a complete answer that is half a document
	)
	for _, c := range []struct {
		fault emulator.Fault
		want  int // status, or one of the above
		done  bool
		retry string // Retry-After
		body  string
	}{
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus}, 503, false, "", "/problems/service-unavailable"},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus, Status: 500, RetryAfter: emulator.Duration(3 * time.Second)}, 500, false, "3", "/problems/"},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindStatusAfter}, 500, true, "", "/problems/"},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindReset}, broken, false, "", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindLost}, broken, true, "", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindTooMany}, 429, false, "1", "/problems/too-many-requests"},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindTooMany, Advice: emulator.AdviceNone}, 429, false, "", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindTooMany, Advice: emulator.AdviceDate}, 429, false, "GMT", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindHTML}, 502, false, "", "<html>"},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindTruncated}, cut, true, "", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindCut}, half, true, "", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindSlow, Delay: emulator.Duration(8 * time.Millisecond)}, 201, true, "", ""},
		{emulator.Fault{Op: "postAssets", Kind: emulator.KindDelay, Delay: emulator.Duration(time.Millisecond)}, 201, true, "", ""},
		{emulator.Fault{Kind: emulator.KindReset, Path: "/v4/assets"}, broken, false, "", ""},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindStatus}, 503, false, "", "<Code>SlowDown</Code>"},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindStatus, Status: 400, Code: "ExpiredToken"}, 400, false, "", "<Code>ExpiredToken</Code>"},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindStatusAfter}, 500, true, "", "<Code>InternalError</Code>"},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindReset}, broken, false, "", ""},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindLost}, broken, true, "", ""},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindResetMid}, broken, false, "", ""},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindExpired}, 403, false, "", "Request has expired"},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindHTML, Status: 200}, 200, false, "", "<html>"},
		{emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindDuplicate}, 200, true, "", ""},
	} {
		for _, way := range []string{"memory", "socket"} {
			t.Run(fmt.Sprintf("%s %s %d %s %s", c.fault.Op, c.fault.Kind, c.fault.Status, c.fault.Advice, way), func(t *testing.T) {
				s := newServer(t, emulator.Options{})
				rt, url := http.RoundTripper(s), base
				if way == "socket" {
					rt, url = serve(t, s)
				}
				method, target, body, header := "POST", url+"/v4/assets", createBody("a.pdf", "X", ""), []string(nil)
				if c.fault.Op == emulator.OpPut {
					id := want(t, 201, rt, "POST", target, body).text("id")
					r := want(t, 201, rt, "POST", target+"/"+id+"/files", "")
					method, target, body = "PUT", r.json["uploadMeta"].(map[string]any)["uploadUrl"].(string), strings.Repeat("x", 100_000)
					header = []string{"Content-Type", "application/pdf", "x-amz-meta-asset-id", id, "x-amz-meta-origin", "showpad"}
				}
				s.Fail(c.fault)
				r, err := send(t, rt, method, target, body, header...)
				switch c.want {
				case broken:
					if err == nil || r.status != 0 {
						t.Errorf("answered %d %v", r.status, err)
					}
				case cut:
					if !errors.Is(err, io.ErrUnexpectedEOF) || r.status != 201 || len(r.body) == 0 {
						t.Errorf("answered %d %q %v", r.status, r.body, err)
					}
				case half:
					if err != nil || r.status != 201 || json.Valid(r.body) || len(r.body) == 0 {
						t.Errorf("answered %d %q %v", r.status, r.body, err)
					}
				default:
					if err != nil || r.status != c.want || !strings.Contains(string(r.body), c.body) {
						t.Errorf("answered %d %q %v", r.status, r.body, err)
					}
				}
				if got := r.header.Get("Retry-After"); got != c.retry && (c.retry != "GMT" || !strings.HasSuffix(got, c.retry)) {
					t.Errorf("Retry-After %q", got)
				}
				b := s.Books()
				done := b.Commits["postAssets"] == 1
				if c.fault.Op == emulator.OpPut {
					done = b.Puts == 1
				}
				if done != c.done || b.Faults[c.fault.Kind] != 1 {
					t.Errorf("done %v, want %v; faults %v", done, c.done, b.Faults)
				}
				// Once only: the next one goes through.
				if r, err := send(t, rt, method, target, body, header...); err != nil || r.status > 201 || strings.Contains(string(r.body), "html") {
					t.Errorf("the next: %d %s %v", r.status, r.body, err)
				}
			})
		}
	}
}

func TestErrorsInMemoryAreThoseOfASocket(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Kind: emulator.KindReset}, emulator.Fault{Kind: emulator.KindLost, Nth: 2})
	if _, err := send(t, s, "GET", "/v4/tags", ""); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	if _, err := send(t, s, "GET", "/v4/tags", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("lost: %v", err)
	}
}

func TestNthAndCount(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: "getTags", Kind: emulator.KindStatus, Nth: 2, Count: 2}, emulator.Fault{Op: "getUsers", Kind: emulator.KindStatus, Status: 500, Count: -1})
	for i, status := range []int{200, 503, 503, 200} {
		if r, _ := send(t, s, "GET", "/v4/tags", ""); r.status != status {
			t.Errorf("tags, request %d: %d", i+1, r.status)
		}
	}
	for range 3 {
		want(t, 500, s, "GET", "/v4/users", "")
	}
	s.ClearFaults()
	want(t, 200, s, "GET", "/v4/users", "")
}

func TestAFaultThatCannotHappenPanics(t *testing.T) {
	s := newServer(t, emulator.Options{})
	for _, f := range []emulator.Fault{{Kind: "boom"}, {Op: "postAsset", Kind: emulator.KindLost}, {Kind: emulator.KindStatus, Status: 99}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v is accepted", f)
				}
			}()
			s.Fail(f)
		}()
	}
}

func TestALateRequestIsExecutedInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, emulator.Options{})
		s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLate, Delay: emulator.Duration(5 * time.Second)})
		due := time.Now().Add(5 * time.Second)
		if _, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", "X", "")); err == nil {
			t.Error("answered")
		}
		<-time.After(time.Minute) // nobody asks for anything meanwhile
		if a := s.Assets(); len(a) != 1 || !a[0].CreatedAt.Equal(due) {
			t.Errorf("%+v, want one asset made at %s", a, due)
		}
	})
}

func TestALateRequestIsExecutedLater(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLate, Delay: emulator.Duration(5 * time.Second)})
	if _, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", "X", "")); err == nil {
		t.Error("answered")
	}
	s.Advance(4 * time.Second)
	if b := s.Books(); b.Assets != 0 || b.Late != 1 {
		t.Errorf("early: %+v", b)
	}
	id := create(t, s, "a.pdf", "X", "")
	s.Advance(time.Second)
	b := s.Books()
	if got := b.Duplicates["X"]; len(got) != 2 || got[0] != id || b.Late != 0 {
		t.Errorf("late: %+v", b)
	}

	k := ask(t, s, id, "hello")
	s.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindLate, Delay: emulator.Duration(5 * time.Second)})
	if _, err := send(t, s, "PUT", k.url, "hello", k.header...); err == nil {
		t.Error("answered")
	}
	if got := statusOf(t, s, id); got != "prepared" {
		t.Errorf("before: %s", got)
	}
	s.Advance(5 * time.Second)
	if got := statusOf(t, s, id); got != "active" {
		t.Errorf("after: %s", got)
	}
}

// A request that is executed late takes place when it is due, even if only a much
// later request makes it so: from then on it is listed.
func TestALateAssetIsListedFromWhenItWasDue(t *testing.T) {
	begin := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	s := newServer(t, emulator.Options{Now: func() time.Time { return begin }})
	s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLate, Delay: emulator.Duration(5 * time.Second)})
	if _, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", "X", "")); err == nil {
		t.Error("answered")
	}
	s.Advance(20 * time.Second)
	if as := s.Assets(); len(as) != 1 || !as[0].CreatedAt.Equal(begin.Add(5*time.Second)) {
		t.Errorf("made at %v, want 5 s after %s", as, begin)
	}
}

func TestARequestThatArrivesTwice(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindDuplicate})
	create(t, s, "a.pdf", "X", "")
	if got := s.Books().Duplicates["X"]; len(got) != 2 {
		t.Errorf("duplicates: %v", got)
	}
}

func TestNoURL(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "X", "")
	s.Fail(emulator.Fault{Op: "postAssetFiles", Kind: emulator.KindNoURL})
	r := want(t, 201, s, "POST", "/v4/assets/"+id+"/files", "{}")
	if v, ok := r.json["uploadMeta"].(map[string]any)["uploadUrl"]; !ok || v != nil {
		t.Errorf("%s", r.body)
	}
}

func TestProcessingFaults(t *testing.T) {
	s := newServer(t, emulator.Options{})
	a, b := create(t, s, "a.pdf", "A", ""), create(t, s, "b.pdf", "B", "")
	s.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingFails, Code: "password protected"},
		emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingStuck, Nth: 2})
	k := upload(t, s, a, "x")
	upload(t, s, b, "y")
	s.Advance(24 * time.Hour)
	if got := want(t, 200, s, "GET", "/v4/assets/"+a+"/files/"+k.fileID, "").text("error"); got != "password protected" {
		t.Errorf("reason %q", got)
	}
	if got := statusOf(t, s, b); got != "processing" {
		t.Errorf("b: %s", got)
	}
}

// fates sends the same requests and writes down what became of them.
func fates(t *testing.T, seed uint64) (string, emulator.Books) {
	s := newServer(t, emulator.Options{})
	s.Chaos(seed, emulator.Rates{
		Status5xx: 0.1, Status5xxAfter: 0.05, ResetBefore: 0.1, LostAfter: 0.1, TooMany: 0.1, HTML: 0.05, Truncated: 0.1, Late: 0.05,
		Storage503: 0.2, StorageReset: 0.1, StorageLost: 0.1, StorageExpired: 0.1, Storage500: 0.1,
	})
	var out strings.Builder
	for i := range 200 {
		r, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", fmt.Sprint(i), ""))
		fmt.Fprint(&out, r.status, err != nil, " ")
		r, err = send(t, s, "PUT", "/storage/x/y?X-Amz-Signature=x", "x")
		fmt.Fprint(&out, r.status, err != nil, " ")
	}
	return out.String(), s.Books()
}

func TestChaosRepeatsBySeed(t *testing.T) {
	one, books := fates(t, 1)
	again, _ := fates(t, 1)
	two, _ := fates(t, 2)
	if one != again {
		t.Error("the same seed went another way")
	}
	if one == two {
		t.Error("two seeds went the same way")
	}
	for _, k := range []emulator.Kind{
		emulator.KindStatus, emulator.KindStatusAfter, emulator.KindReset, emulator.KindLost, emulator.KindTooMany, emulator.KindHTML,
		emulator.KindTruncated, emulator.KindCut, emulator.KindLate, emulator.KindResetMid, emulator.KindExpired,
	} {
		if books.Faults[k] == 0 {
			t.Errorf("no %s in 400 requests: %v", k, books.Faults)
		}
	}
	if n := books.Faults[emulator.KindReset]; n < 8 || n > 40 {
		t.Errorf("%d resets among 200 at a rate of 0.1", n)
	}
}

func TestChaosLeavesTokensAlone(t *testing.T) {
	s := newServer(t, emulator.Options{OAuth: emulator.OAuth{KeepRefreshToken: true}})
	s.Chaos(1, emulator.Rates{ResetBefore: 1, StorageReset: 1})
	refresh(t, s, 200, emulator.DefaultRefreshToken)
	if _, err := send(t, s, "GET", "/v4/tags", ""); err == nil {
		t.Error("a rate of 1 let a request through")
	}
}

func TestTokenFaults(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: emulator.OpToken, Kind: emulator.KindStatus})
	if r := refresh(t, s, 503, emulator.DefaultRefreshToken); r.text("error") != "temporarily_unavailable" {
		t.Errorf("%s", r.body)
	}
	refresh(t, s, 200, emulator.DefaultRefreshToken)
}

func TestTimeIsFakedInABubble(t *testing.T) {
	s := newServer(t, emulator.Options{Processing: time.Hour})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		id := create(t, s, "a.pdf", "X", "")
		upload(t, s, id, "hello")
		<-time.After(time.Hour)
		if got := statusOf(t, s, id); got != "active" {
			t.Errorf("status %s", got)
		}
		s.Fail(emulator.Fault{Op: "getTags", Kind: emulator.KindSlow, Delay: emulator.Duration(time.Minute)},
			emulator.Fault{Op: "getTags", Kind: emulator.KindDelay, Delay: emulator.Duration(time.Hour), Nth: 2})
		want(t, 200, s, "GET", "/v4/tags", "")
		if got := time.Since(start); got < time.Hour+50*time.Second || got > time.Hour+time.Minute {
			t.Errorf("the slow answer came after %s", got-time.Hour)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", base+"/v4/tags", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Client().Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ends during a delay: %v", err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true})
	s.OnCommit(func(string, int, emulator.When) {})
	s.Chaos(3, emulator.Rates{ResetBefore: 0.05, LostAfter: 0.05, Late: 0.05})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 25 {
				r, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", fmt.Sprintf("%d-%d", i, j), ""))
				if err == nil && r.status == 201 {
					send(t, s, "POST", "/v4/assets/"+r.text("id"), `{"description":"d"}`)
					send(t, s, "GET", "/v4/assets?ids="+r.text("id"), "")
				}
				s.Assets()
				s.Switch(func(sw *emulator.Switches) { sw.SnapDates = !sw.SnapDates })
			}
		})
	}
	wg.Wait()
	s.Advance(time.Minute)
	if b := s.Books(); b.Assets != b.Commits["postAssets"] || b.Assets < 150 || b.Late != 0 {
		t.Errorf("%d assets, %d commits, %d late", b.Assets, b.Commits["postAssets"], b.Late)
	}
}
