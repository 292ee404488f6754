package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestControlsOverHTTP(t *testing.T) {
	s := newServer(t, emulator.Options{Admin: true})
	rt, url := serve(t, s)
	control := func(status int, method, what, body string) reply {
		t.Helper()
		return want(t, status, rt, method, url+"/_emulator/"+what, body)
	}
	control(200, "POST", "switches", `{"dropTags":true,"readLag":"2s"}`)
	if r := control(200, "GET", "switches", ""); r.json["dropTags"] != true || r.json["readLag"] != "2s" || r.json["foldTags"] != false {
		t.Errorf("switches: %s", r.body)
	}
	control(200, "POST", "switches", `{"readLag":"0s"}`)
	if r := control(200, "GET", "switches", ""); r.json["dropTags"] != true {
		t.Errorf("a switch that was not named has moved: %s", r.body)
	}
	control(204, "POST", "faults", `{"faults":[{"op":"postAssets","kind":"lost","nth":2},{"op":"getUsers","kind":"too-many","retryAfter":"7s"}]}`)
	create(t, s, "a.pdf", "A", "")
	if _, err := send(t, s, "POST", "/v4/assets", createBody("b.pdf", "B", "")); err == nil {
		t.Error("the second create is answered")
	}
	if got := want(t, 429, s, "GET", "/v4/users", "").header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After %q", got)
	}
	if r := control(200, "GET", "books", ""); r.json["assets"] != 2.0 {
		t.Errorf("books: %s", r.body)
	}
	if r := control(200, "GET", "assets", ""); string(r.body[:2]) != "[{" {
		t.Errorf("assets: %s", r.body)
	}
	control(204, "POST", "faults", `{"chaos":{"seed":1,"rates":{"resetBefore":1}}}`)
	if _, err := send(t, s, "GET", "/v4/tags", ""); err == nil {
		t.Error("chaos let a request through")
	}
	control(204, "POST", "faults", `{"clear":true}`)
	want(t, 200, s, "GET", "/v4/tags", "")

	before := s.Now()
	control(200, "POST", "clock", `{"advance":"90m"}`)
	if d := s.Now().Sub(before).Minutes(); d < 90 || d > 91 {
		t.Errorf("the clock moved %v minutes", d)
	}

	for what, body := range map[string]string{"switches": `{"dropTag":true}`, "faults": `{"faults":[{"kind":"boom"}]}`, "clock": `{"advance":90}`} {
		control(400, "POST", what, body)
	}
	control(404, "GET", "nothing", "")
	want(t, 415, rt, "POST", url+"/_emulator/faults", `{"clear":true}`, "Content-Type", "text/plain")
	if b := s.Books(); b.Unknown != 0 || b.Requests["unknown"] != 0 {
		t.Errorf("controls are booked: %+v", b)
	}
}

func TestControlsAreForLoopbackAndOnRequest(t *testing.T) {
	get := func(s *emulator.Server, remote string) int {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/_emulator/books", nil)
		r.RemoteAddr = remote
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	on, off := newServer(t, emulator.Options{Admin: true}), newServer(t, emulator.Options{})
	for remote, status := range map[string]int{
		"127.0.0.1:5000": http.StatusOK, "[::1]:5000": http.StatusOK, "192.0.2.1:5000": http.StatusForbidden, "nonsense": http.StatusForbidden,
	} {
		if got := get(on, remote); got != status {
			t.Errorf("%s: %d", remote, got)
		}
	}
	if got := get(off, "127.0.0.1:5000"); got != http.StatusNotFound {
		t.Errorf("without Admin: %d", got)
	}
}
