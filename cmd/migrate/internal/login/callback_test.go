package login

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

const testState = showpad.Secret("state-for-tests")

// visit asks as a browser would and tells the status and the page.
func visit(t *testing.T, method, address string, change ...func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// waiting listens and waits, and gives what comes of it.
func waiting(t *testing.T, ctx context.Context) (*Callback, <-chan outcome) {
	t.Helper()
	c, err := Listen(ctx, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan outcome, 1)
	go func() {
		code, err := c.Wait(ctx, testState)
		done <- outcome{code, err}
	}()
	return c, done
}

func TestOneGoodCallbackIsAnswered(t *testing.T) {
	c, done := waiting(t, t.Context())
	to := c.RedirectURL()
	if u, err := url.Parse(to); err != nil || u.Hostname() != "127.0.0.1" || u.Port() == "0" || u.Path != "/callback" {
		t.Errorf("redirect URL %s", to)
	}
	good := to + "?code=code-for-tests&state=" + testState.Reveal()
	for name, c := range map[string]struct {
		status int
		method string
		url    string
		change func(*http.Request)
	}{
		"another path":     {404, "GET", strings.Replace(good, "/callback", "/favicon.ico", 1), nil},
		"another method":   {405, "POST", good, nil},
		"another state":    {400, "GET", to + "?code=x&state=guessed", nil},
		"no state":         {400, "GET", to + "?code=x", nil},
		"no code":          {400, "GET", to + "?state=" + testState.Reveal(), nil},
		"an error, forged": {400, "GET", to + "?error=access_denied&state=guessed", nil},
		"another name":     {421, "GET", good, func(r *http.Request) { r.Host = "evil.example.com" }},
	} {
		change := func(*http.Request) {}
		if c.change != nil {
			change = c.change
		}
		if status, body, _ := visit(t, c.method, c.url, change); status != c.status || strings.Contains(body, "code-for-tests") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	select {
	case out := <-done:
		t.Fatalf("ended with %v", out.err)
	default:
	}
	status, body, header := visit(t, "GET", good)
	if status != 200 || strings.Contains(body, "code-for-tests") || header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %s %v", status, body, header)
	}
	if out := <-done; out.err != nil || out.code != "code-for-tests" {
		t.Errorf("%+v", out)
	}
	if _, err := http.Get(good); err == nil {
		t.Error("it still listens")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestARefusalComesBack(t *testing.T) {
	c, done := waiting(t, t.Context())
	visit(t, "GET", c.RedirectURL()+"?error=access_denied&error_description=not+agreed&state="+testState.Reveal())
	var refused *Refused
	if out := <-done; !errors.As(out.err, &refused) || refused.Code != "access_denied" || !errors.Is(out.err, showpad.ErrNotSignedIn) || !strings.Contains(out.err.Error(), "not agreed") {
		t.Errorf("%v", out.err)
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	why := errors.New("nobody came")
	ctx, cancel := context.WithCancelCause(t.Context())
	c, done := waiting(t, ctx)
	cancel(why)
	if out := <-done; !errors.Is(out.err, why) || out.code != "" {
		t.Errorf("%+v", out)
	}
	if _, err := http.Get(c.RedirectURL()); err == nil {
		t.Error("it still listens")
	}
}

func TestOnlyThisMachineIsListenedOn(t *testing.T) {
	for _, bad := range []string{
		"https://127.0.0.1:8765/callback", "http://0.0.0.0:8765/", "http://example.com:8765/", "http://127.0.0.1/callback",
		"http://127.0.0.1:8765/?x=1", "http://u@127.0.0.1:8765/", "http://localhost.example.com:1/", ":", "8765",
	} {
		if c, err := Listen(t.Context(), bad, 0); err == nil {
			t.Errorf("%s accepted", bad)
			_ = c.Close()
		}
	}
	c, err := Listen(t.Context(), "http://localhost:0/back", 0)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(c.RedirectURL()); err != nil || u.Hostname() != "localhost" || u.Path != "/back" || !strings.HasPrefix(c.listener.Addr().String(), "127.0.0.1:") {
		t.Errorf("%s on %s", c.RedirectURL(), c.listener.Addr())
	}
	_, port, _ := strings.Cut(c.listener.Addr().String(), ":")
	if other, err := Listen(t.Context(), "http://127.0.0.1:"+port+"/", 0); err == nil {
		t.Error("two listen in one place")
		_ = other.Close()
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
