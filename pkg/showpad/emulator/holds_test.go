package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// held is a service on a socket with its controls, and a caller that can be killed.
type held struct {
	*emulator.Server
	t    *testing.T
	rt   http.RoundTripper
	url  string
	done chan result
}

type result struct {
	status int
	err    error
}

func newHeld(t *testing.T) *held {
	s := newServer(t, emulator.Options{Admin: true})
	rt, url := serve(t, s)
	return &held{s, t, rt, url, make(chan result, 1)}
}

func (h *held) control(status int, method, what, body string) reply {
	h.t.Helper()
	return want(h.t, status, h.rt, method, h.url+"/_emulator/"+what, body)
}

// call sends a request in the background; kill breaks its connection.
func (h *held) call(method, target, body string, header ...string) (kill func()) {
	ctx, kill := context.WithCancel(h.t.Context())
	req, err := http.NewRequestWithContext(ctx, method, h.url+target, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(target, "/v4") {
		req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	go func() {
		res, err := h.rt.RoundTrip(req)
		if err != nil {
			h.done <- result{0, err}
			return
		}
		h.done <- result{res.StatusCode, res.Body.Close()}
	}()
	return kill
}

func (h *held) assets() int { return len(h.Assets()) }

func TestARequestIsHeldAtItsCommit(t *testing.T) {
	for name, tc := range map[string]struct {
		when     string
		kill     bool
		release  string
		then     int // assets, first with the request held, then after its release
		after    int
		status   int // 0: the connection broke
		commits  int
		noAnswer int
	}{
		"before":                    {"before", false, `{}`, 0, 1, 201, 1, 0},
		"before, and dropped":       {"before", false, `{"release":"drop"}`, 0, 0, 0, 0, 0},
		"before, the caller killed": {"before", true, `{}`, 0, 1, 0, 1, 0},
		"before, killed, dropped":   {"before", true, `{"release":"drop"}`, 0, 0, 0, 0, 0},
		"after":                     {"after", false, `{}`, 1, 1, 201, 1, 0},
		"after, and dropped":        {"after", false, `{"release":"drop"}`, 1, 1, 0, 1, 1},
		"after, the caller killed":  {"after", true, `{}`, 1, 1, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHeld(t)
			h.control(200, "POST", "holds", `{"op":"postAssets","when":"`+tc.when+`"}`)
			kill := h.call("POST", "/v4/assets", createBody("a.pdf", "A", ""))
			defer kill()
			if r := h.control(200, "GET", "holds?wait=30s", ""); r.text("state") != "held" || r.text("op") != "postAssets" || r.text("when") != tc.when {
				t.Fatalf("%s", r.body)
			}
			if h.assets() != tc.then {
				t.Errorf("%d assets while it is held", h.assets())
			}
			h.control(409, "POST", "holds", `{"op":"postAssets"}`)
			if tc.kill {
				kill()
				<-h.done
			}
			if r := h.control(200, "POST", "holds/release", tc.release); r.text("state") != "held" {
				t.Errorf("%s", r.body)
			}
			if b := h.Books(); h.assets() != tc.after || b.Commits["postAssets"] != tc.commits || b.Unanswered["postAssets"] != tc.noAnswer {
				t.Errorf("%d assets, commits %v, unanswered %v", h.assets(), b.Commits, b.Unanswered)
			}
			if !tc.kill {
				if r := <-h.done; r.status != tc.status || (r.err != nil) != (tc.status == 0) {
					t.Errorf("answer %+v", r)
				}
			}
			if r := h.control(200, "GET", "holds?wait=30s", ""); r.text("state") != "none" {
				t.Errorf("%s", r.body)
			}
			create(t, h, "b.pdf", "B", "") // the next one is not held
		})
	}
}

func TestAnUploadIsHeldAtItsCommit(t *testing.T) {
	for when, drop := range map[string]bool{"before": false, "after": false, "before, dropped": true} {
		t.Run(when, func(t *testing.T) {
			h := newHeld(t)
			id := create(t, h, "a.pdf", "A", "")
			asked := ask(t, h.over(), id, "hello")
			side, _, _ := strings.Cut(when, ",")
			h.control(200, "POST", "holds", `{"op":"put","when":"`+side+`"}`)
			kill := h.call("PUT", strings.TrimPrefix(asked.url, h.url), "hello", asked.header...)
			h.control(200, "GET", "holds?wait=30s", "")
			kill()
			<-h.done
			want(t, 200, h, "GET", "/v4/assets", "") // nobody else is kept waiting
			release, stored := "{}", 1
			if drop {
				release, stored = `{"release":"drop"}`, 0
			}
			h.control(200, "POST", "holds/release", release)
			if b := h.Books(); b.Puts != stored || b.Uploaded[id] != stored || b.FileVersions[id] != 1 {
				t.Errorf("%d puts, %v uploaded of %v", b.Puts, b.Uploaded, b.FileVersions)
			}
		})
	}
}

// over sends requests over the socket, so that the URLs in answers lead there.
func (h *held) over() http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r.URL.Scheme, r.URL.Host, r.Host = "http", strings.TrimPrefix(h.url, "http://"), ""
		return h.rt.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheNthCommitFromNowIsHeld(t *testing.T) {
	h := newHeld(t)
	create(t, h, "a.pdf", "A", "")
	if r := h.control(200, "GET", "holds?wait=30s", ""); string(r.body) != `{"state":"none"}` {
		t.Errorf("%s", r.body)
	}
	h.control(200, "POST", "holds", `{"op":"postAssets","nth":9}`)
	if r := h.control(200, "POST", "holds", `{"op":"postAssets","nth":2,"when":"after"}`); r.text("state") != "armed" { // instead of the one before
		t.Errorf("%s", r.body)
	}
	create(t, h, "b.pdf", "B", "")
	want(t, 400, h, "POST", "/v4/assets", "{}") // no commit
	want(t, 201, h, "POST", "/v4/tags", `{"name":"T","division":{"id":"`+emulator.DivisionMarketing+`"}}`)
	if r := h.control(200, "GET", "holds?wait=10ms", ""); r.text("state") != "armed" || r.json["nth"] != 2.0 {
		t.Errorf("%s", r.body)
	}
	defer h.call("POST", "/v4/assets", createBody("c.pdf", "C", ""))()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if state, what := h.Held(ctx); state != emulator.HoldHeld || what != (emulator.Hold{Op: "postAssets", Nth: 2, When: emulator.After}) || h.assets() != 3 {
		t.Errorf("%s at %+v, %d assets", state, what, h.assets())
	}
	create(t, h, "d.pdf", "D", "") // others pass by
	h.control(200, "POST", "holds/release", "{}")
	if r := <-h.done; r.status != 201 {
		t.Errorf("%+v", r)
	}

	h.control(200, "POST", "holds", `{"op":"postAssets"}`)
	for _, state := range []string{"armed", "none"} {
		if r := h.control(200, "POST", "holds/release", "{}"); r.text("state") != state {
			t.Errorf("%s", r.body)
		}
	}
	create(t, h, "e.pdf", "E", "")
	for what, body := range map[string]string{
		"holds": `{"op":"getAssets"}`, "holds?": `{"op":"nonsense"}`, "holds??": `{"op":"put","when":"during"}`, "holds/release": `{"release":"later"}`,
	} {
		h.control(400, "POST", strings.TrimRight(what, "?"), body)
	}
	h.control(400, "GET", "holds?wait=soon", "")
}

func TestLateWorkIsNotHeld(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLate, Delay: emulator.Duration(time.Minute)})
	if _, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", "A", "")); err == nil {
		t.Fatal("it is answered")
	}
	if err := s.Hold(emulator.Hold{Op: "postAssets"}); err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute) // hangs if it is
	if b := s.Books(); b.Assets != 1 || b.Unanswered["postAssets"] != 1 {
		t.Errorf("%d assets, unanswered %v", b.Assets, b.Unanswered)
	}
}

func TestCloseDropsWhatIsHeld(t *testing.T) {
	s, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Hold(emulator.Hold{Op: "postAssets", When: emulator.Before}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := send(t, s, "POST", "/v4/assets", createBody("a.pdf", "A", ""))
		done <- err
	}()
	s.Held(t.Context())
	if err := s.Hold(emulator.Hold{Op: "postAssets"}); !errors.Is(err, emulator.ErrHeld) {
		t.Errorf("error %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil || len(s.Assets()) != 0 {
		t.Errorf("it went on: %v", err)
	}
}
