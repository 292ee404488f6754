package showpad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// endpoint is a token endpoint with rotation: each refresh token works once.
type endpoint struct {
	mu      sync.Mutex
	valid   string // refresh token that works
	n       int    // tokens given
	refuse  bool   // passwords
	steps   []func(*http.Request) (*http.Response, error)
	forms   []url.Values
	headers []http.Header
	plain   bool // answers carry no refresh token
	delay   time.Duration
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	if e.delay > 0 {
		if err := pause(r.Context(), e.delay); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forms, e.headers = append(e.forms, r.PostForm), append(e.headers, r.Header)
	if n := len(e.forms) - 1; n < len(e.steps) && e.steps[n] != nil {
		return e.steps[n](r)
	}
	ok := r.PostForm.Get("grant_type") == "password" && !e.refuse
	if r.PostForm.Get("grant_type") == "refresh_token" {
		ok = r.PostForm.Get("refresh_token") == e.valid
	}
	if !ok {
		return answer(400, `{"error":"invalid_grant","error_description":"refused `+r.PostForm.Get("refresh_token")+r.PostForm.Get("password")+`"}`), nil
	}
	e.n++
	if e.plain {
		return answer(200, fmt.Sprintf(`{"access_token":"access-%d","expires_in":3600,"token_type":"bearer"}`, e.n)), nil
	}
	e.valid = fmt.Sprintf("refresh-%d", e.n)
	return answer(200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":%q,"expires_in":3600,"token_type":"bearer"}`, e.n, e.valid)), nil
}

func (e *endpoint) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

// keeper is a store that can fail and remembers.
type keeper struct {
	memoryStore
	fail    error
	updates int
}

func (k *keeper) Update(ctx context.Context, f func(SavedToken) (SavedToken, error)) error {
	return k.memoryStore.Update(ctx, func(t SavedToken) (SavedToken, error) {
		k.updates++
		next, err := f(t)
		if err == nil && !next.Equal(t) && k.fail != nil {
			return t, k.fail
		}
		return next, err
	})
}

func oauthConfig(e http.RoundTripper, store TokenStore) OAuth {
	return OAuth{TokenURL: TokenURL(testV3), ClientID: "client-for-tests", ClientSecret: "secret-for-tests", Transport: e, Store: store}
}

func refreshing(t *testing.T, e http.RoundTripper, store TokenStore, seed Secret) *TokenSource {
	t.Helper()
	s, err := Refresh(oauthConfig(e, store), seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustToken(t *testing.T, s *TokenSource) string {
	t.Helper()
	tok, err := s.TokenContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tok.AccessToken
}

func TestTokenIsRenewedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests"}
		s := refreshing(t, e, nil, "seed-for-tests")
		for _, tc := range []struct {
			at   time.Duration
			want string
		}{{0, "access-1"}, {44 * time.Minute, "access-1"}, {46 * time.Minute, "access-2"}, {80 * time.Minute, "access-2"}, {30 * time.Hour, "access-3"}} {
			if err := pause(t.Context(), tc.at-time.Since(start(t))+time.Nanosecond); err != nil {
				t.Fatal(err)
			}
			if got := mustToken(t, s); got != tc.want {
				t.Errorf("after %v: %s, want %s", tc.at, got, tc.want)
			}
		}
		f := e.forms[0]
		if f.Get("client_id") != "client-for-tests" || f.Get("client_secret") != "secret-for-tests" || f.Get("refresh_token") != "seed-for-tests" || e.headers[0].Get("Authorization") != "" {
			t.Errorf("form %v, headers %v", f, e.headers[0])
		}
	})
}

func TestManyCallersRenewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests", delay: time.Second}
		store := new(keeper)
		s := refreshing(t, e, store, "seed-for-tests")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := mustToken(t, s); got != "access-1" {
					t.Errorf("token %s", got)
				}
			})
		}
		wg.Wait()
		if e.requests() != 1 || store.updates != 1 {
			t.Errorf("%d requests, %d looks into the store", e.requests(), store.updates)
		}
	})
}

func TestNobodyWaitsForAnEarlyRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests"}
		s := refreshing(t, e, nil, "seed-for-tests")
		mustToken(t, s)
		e.delay = 10 * time.Second
		if err := pause(t.Context(), 50*time.Minute); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { mustToken(t, s) })
		synctest.Wait()
		begin := time.Now()
		if got := mustToken(t, s); got != "access-1" || time.Since(begin) != 0 {
			t.Errorf("%s after %v", got, time.Since(begin))
		}
		wg.Wait()
		if got := mustToken(t, s); got != "access-2" {
			t.Errorf("then %s", got)
		}
	})
}

func TestRotatedTokenIsKeptBeforeItIsUsed(t *testing.T) {
	e := &endpoint{valid: "seed-for-tests"}
	full := errors.New("disk full")
	store := &keeper{fail: full}
	s := refreshing(t, e, store, "seed-for-tests")
	for range 3 {
		if _, err := s.TokenContext(t.Context()); !errors.Is(err, full) {
			t.Fatalf("error %v", err)
		}
	}
	if e.requests() != 1 {
		t.Errorf("%d requests while the successor could not be kept", e.requests())
	}
	store.fail = nil
	if got := mustToken(t, s); got != "access-1" || e.requests() != 1 || store.t.Refresh != "refresh-1" {
		t.Errorf("then %s after %d requests, kept %q", got, e.requests(), store.t.Refresh.Reveal())
	}
}

func TestStaleSeedDoesNotUndoARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests"}
		store := new(keeper)
		run := func(seed Secret, want string) {
			t.Helper()
			if got := mustToken(t, refreshing(t, e, store, seed)); got != want {
				t.Errorf("seed %s: %s, want %s", seed.Reveal(), got, want)
			}
			if err := pause(t.Context(), 2*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		run("seed-for-tests", "access-1")
		run("seed-for-tests", "access-2") // with refresh-1, not with the spent seed
		run("refresh-1", "access-3")      // stale too, copied from the file at some time
		run("refresh-3", "access-4")      // the one that is kept
		run("", "access-5")
		e.valid = "fresh-seed"
		run("fresh-seed", "access-6") // a person signed in again
		run("fresh-seed", "access-7")
		run("never-any-good", "access-8") // falls back to what works
		run("never-any-good", "access-9") // and is not tried again
		if n := e.requests(); n != 10 {
			t.Errorf("%d requests, want 10: one for each token, one for the bad seed", n)
		}
	})
}

func TestKeptTokenIsSharedBetweenProcesses(t *testing.T) {
	e := &endpoint{valid: "seed-for-tests"}
	store := new(keeper)
	a, b := refreshing(t, e, store, "seed-for-tests"), refreshing(t, e, store, "seed-for-tests")
	if x, y := mustToken(t, a), mustToken(t, b); x != y || e.requests() != 1 {
		t.Errorf("%s and %s after %d requests", x, y, e.requests())
	}
	a.Invalidate("access-1")
	if got := mustToken(t, a); got != "access-2" {
		t.Errorf("after a 401: %s", got)
	}
	b.Invalidate("access-1")
	if got := mustToken(t, b); got != "access-2" || e.requests() != 2 {
		t.Errorf("the other one: %s after %d requests", got, e.requests())
	}
}

func TestTokenWithoutRotationKeepsItsRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests", plain: true}
		s := refreshing(t, e, nil, "seed-for-tests")
		mustToken(t, s)
		if err := pause(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := mustToken(t, s); got != "access-2" {
			t.Errorf("token %s", got)
		}
	})
}

func TestRefusedRefreshTokenIsFinalAndSaysWhatToDo(t *testing.T) {
	e := &endpoint{valid: "another"}
	s := refreshing(t, e, nil, "seed-for-tests")
	for range 3 {
		_, err := s.TokenContext(t.Context())
		if !errors.Is(err, ErrNotSignedIn) || !containsAll(err.Error(), "invalid_grant", "sign in again", "SHOWPAD_REFRESH_TOKEN") || strings.Contains(err.Error(), "seed-for-tests") {
			t.Errorf("error %v", err)
		}
	}
	if e.requests() != 1 {
		t.Errorf("%d requests", e.requests())
	}
	if _, err := refreshing(t, e, nil, "").Token(); !errors.Is(err, ErrNotSignedIn) || e.requests() != 1 {
		t.Errorf("nothing to refresh: %v", err)
	}
}

func TestAWorkingTokenIsUsedUpWhenItCannotBeRenewed(t *testing.T) {
	for name, step := range map[string]func(*http.Request) (*http.Response, error){
		"refused": says(400, `{"error":"invalid_grant"}`), "down": says(503, ""), "unreachable": breaks(errReset),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &endpoint{valid: "seed-for-tests", steps: append([]func(*http.Request) (*http.Response, error){nil}, repeat(step, 100)...)}
				s := refreshing(t, e, nil, "seed-for-tests")
				mustToken(t, s)
				if err := pause(t.Context(), 50*time.Minute); err != nil {
					t.Fatal(err)
				}
				if got := mustToken(t, s); got != "access-1" {
					t.Errorf("token %s", got)
				}
				n := e.requests()
				if got := mustToken(t, s); got != "access-1" || e.requests() != n {
					t.Errorf("at once again: %s, %d more requests", got, e.requests()-n)
				}
				if err := pause(t.Context(), 11*time.Minute); err != nil {
					t.Fatal(err)
				}
				if tok, err := s.TokenContext(t.Context()); err == nil {
					t.Errorf("an expired token was given: %v", tok.AccessToken)
				}
			})
		})
	}
}

func repeat[T any](v T, n int) []T {
	l := make([]T, n)
	for i := range l {
		l[i] = v
	}
	return l
}

func TestTokenEndpointFailuresThatPassAreRepeated(t *testing.T) {
	for name, step := range map[string]func(*http.Request) (*http.Response, error){
		"500": says(500, "oops"), "429": says(429, "", "Retry-After", "20"), "reset": breaks(errReset),
		"page": says(200, "<html>", "Content-Type", "text/html"), "403 page": says(403, "<html>", "Content-Type", "text/html"), "302": says(302, "", "Location", "https://x.example.com"),
		"hangs": func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &endpoint{valid: "seed-for-tests", steps: repeat(step, 2)}
				var seen calls
				cfg := oauthConfig(e, nil)
				cfg.Observe = seen.observe
				s, err := Refresh(cfg, "seed-for-tests")
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if got := mustToken(t, s); got != "access-1" || e.requests() != 3 || len(seen.list) != 3 {
					t.Errorf("%s after %d requests, %d observed", got, e.requests(), len(seen.list))
				}
				if name == "429" && time.Since(begin) != 40*time.Second {
					t.Errorf("waited %v", time.Since(begin))
				}
			})
		})
	}
}

func TestARefusedPasswordIsNeverSentAgain(t *testing.T) {
	e := &endpoint{refuse: true}
	s, err := PasswordGrant(oauthConfig(e, nil), "jane@example.com", "password-for-tests")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, newScript(says(200, okAsset)), func(c *Config) { c.Token = s })
	for range 5 {
		_, err := c.Asset(t.Context(), "a")
		if !errors.Is(err, ErrNotSignedIn) || Classify(KindRead, err) != StopRun || !containsAll(err.Error(), "SHOWPAD_PASSWORD", "ten") || strings.Contains(err.Error(), "password-for-tests") {
			t.Errorf("error %v", err)
		}
	}
	if e.requests() != 1 {
		t.Errorf("the password was sent %d times", e.requests())
	}
}

func TestPasswordWhoseAnswerGotLostIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{steps: repeat(breaks(errReset), 9)}
		s, err := PasswordGrant(oauthConfig(e, nil), "jane@example.com", "password-for-tests")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.TokenContext(t.Context()); err == nil || e.requests() != 1 {
			t.Errorf("error %v after %d requests", err, e.requests())
		}
	})
}

func TestPasswordIsUsedOnlyWhenRefreshingDoesNotDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(endpoint)
		store := new(keeper)
		sign := func(user string) string {
			s, err := PasswordGrant(oauthConfig(e, store), user, "password-for-tests")
			if err != nil {
				t.Fatal(err)
			}
			return mustToken(t, s)
		}
		sign("jane@example.com")
		if got := sign("jane@example.com"); got != "access-1" {
			t.Errorf("a kept token was not used: %s", got)
		}
		if err := pause(t.Context(), 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		sign("jane@example.com") // refresh
		if err := pause(t.Context(), 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		e.valid = "dead"
		sign("jane@example.com") // refresh is refused, password
		sign("john@example.com") // somebody else's token is not used
		var grants []string
		for _, f := range e.forms {
			grants = append(grants, f.Get("grant_type"))
		}
		if got := strings.Join(grants, " "); got != "password refresh_token refresh_token password password" {
			t.Errorf("grants %s", got)
		}
	})
}

func TestCancellingDoesNotLoseARotatedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests", delay: 5 * time.Second}
		store := new(keeper)
		s := refreshing(t, e, store, "seed-for-tests")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = s.TokenContext(ctx)
		if store.t.Refresh != "refresh-1" {
			t.Errorf("kept %q", store.t.Refresh.Reveal())
		}
		e.mu.Lock()
		e.steps = repeat(says(503, ""), 100)
		e.mu.Unlock()
		s.Invalidate("access-1")
		why := errors.New("interrupt")
		ctx2, cancel2 := context.WithCancelCause(t.Context())
		time.AfterFunc(6*time.Second, func() { cancel2(why) })
		if _, err := s.TokenContext(ctx2); !errors.Is(err, why) {
			t.Errorf("a wait went on after its context: %v", err)
		}
	})
}

func TestExpiryInMidRunIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{valid: "seed-for-tests"}
		s := refreshing(t, e, nil, "seed-for-tests")
		revoked := "Bearer access-1"
		var n int
		api := roundTrip(func(r *http.Request) (*http.Response, error) {
			n++
			if r.Header.Get("Authorization") == revoked {
				return answer(401, `{"title":"Unauthorized","detail":"expired","status":401}`), nil
			}
			return answer(201, okAsset), nil
		})
		c := newClient(t, api, func(c *Config) { c.Token = s })
		if _, err := c.CreateAsset(t.Context(), AssetFields{}); err != nil || n != 2 || e.requests() != 2 {
			t.Errorf("error %v, %d requests, %d tokens", err, n, e.requests())
		}
	})
}

func TestAGateThatClosesWhileATokenIsRenewedIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1)
		e := &endpoint{valid: "seed-for-tests", delay: 10 * time.Second}
		var seen calls
		c := newClient(t, newScript(says(200, okAsset)), func(c *Config) {
			c.Gate, c.Observe, c.Token = g, seen.observe, refreshing(t, e, nil, "seed-for-tests")
		})
		begin := time.Now()
		timer := time.AfterFunc(5*time.Second, func() { g.Close(begin.Add(time.Minute), "told so") })
		defer timer.Stop()
		if _, err := c.Asset(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d != time.Minute || seen.list[0].InClosedGate {
			t.Errorf("sent after %v, in a closed gate: %v", d, seen.list[0].InClosedGate)
		}
	})
}

func TestA401IsReplayedOnceAtMost(t *testing.T) {
	refuse := says(401, `{"title":"Unauthorized","detail":"no","status":401}`)
	e := &endpoint{valid: "seed-for-tests"}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   int
	}{
		"personal": {func(*Config) {}, 1},
		"renewed":  {func(c *Config) { c.Token = refreshing(t, e, nil, "seed-for-tests") }, 2},
	} {
		api := newScript(refuse)
		_, err := newClient(t, api, tc.change).CreateAsset(t.Context(), AssetFields{})
		if !errors.Is(err, ErrNotSignedIn) || errors.Is(err, ErrUnknownOutcome) || Classify(KindCreate, err) != StopRun || api.count() != tc.want {
			t.Errorf("%s: %v after %d requests, want %d", name, err, api.count(), tc.want)
		}
	}
}

func TestTokenEndpointDownLeavesTheCreateUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{steps: repeat(says(503, ""), 100)}
		api := newScript(says(201, okAsset))
		_, err := newClient(t, api, func(c *Config) { c.Token = refreshing(t, e, nil, "seed-for-tests") }).CreateAsset(t.Context(), AssetFields{})
		if err == nil || errors.Is(err, ErrUnknownOutcome) || Classify(KindCreate, err) != Retry || api.count() != 0 || e.requests() != tokenRetries+1 {
			t.Errorf("%v after %d requests and %d at the endpoint", err, api.count(), e.requests())
		}
	})
}

func TestSecretsStayOutOfTokenErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		for _, step := range []func(*http.Request) (*http.Response, error){
			func(r *http.Request) (*http.Response, error) {
				return answer(400, `{"error":"invalid_grant","error_description":"bad `+r.PostForm.Encode()+`"}`), nil
			},
			func(r *http.Request) (*http.Response, error) {
				return answer(400, r.PostForm.Get("refresh_token"), "Content-Type", "text/plain"), nil
			},
			func(r *http.Request) (*http.Response, error) {
				return answer(200, "x=%zz"+r.PostForm.Get("refresh_token"), "Content-Type", "text/plain"), nil
			},
			func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: "https://x.example.com?" + r.PostForm.Encode(), Err: errors.New("no: " + r.PostForm.Get("client_secret"))}
			},
			says(200, `{"refresh_token":"seed-for-tests"}`),
		} {
			var seen calls
			cfg := oauthConfig(&endpoint{steps: repeat(step, 9)}, nil)
			cfg.Observe, cfg.Log = seen.observe, zerolog.New(&log).Level(zerolog.TraceLevel)
			s, err := Refresh(cfg, "seed-for-tests")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.TokenContext(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range []string{err.Error(), log.String(), fmt.Sprint(seen.list)} {
				for _, secret := range []string{"seed-for-tests", "secret-for-tests"} {
					if strings.Contains(text, secret) {
						t.Errorf("%s is in %s", secret, text)
					}
				}
			}
		}
	})
}

func TestSourcesRefuseWhatTheyCannotUse(t *testing.T) {
	good := oauthConfig(new(endpoint), nil)
	for name, change := range map[string]func(*OAuth){
		"plain http": func(o *OAuth) { o.TokenURL = "http://acme.example.com/token" },
		"no client":  func(o *OAuth) { o.ClientID = "" },
	} {
		cfg := good
		change(&cfg)
		if _, err := Refresh(cfg, "x"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := PasswordGrant(good, "jane@example.com", ""); !errors.Is(err, ErrNotSignedIn) {
		t.Errorf("no password: %v", err)
	}
}

// A public client has no secret, and sends none.
func TestAPublicClientSendsNoSecret(t *testing.T) {
	e := &endpoint{valid: "seed-for-tests"}
	cfg := oauthConfig(e, nil)
	cfg.ClientSecret = ""
	s, err := Refresh(cfg, "seed-for-tests")
	if err != nil {
		t.Fatal(err)
	}
	mustToken(t, s)
	if f := e.forms[0]; f.Has("client_secret") || f.Get("client_id") != "client-for-tests" {
		t.Errorf("sent %v", f)
	}
}

func TestAncestorsStayBounded(t *testing.T) {
	var s SavedToken
	s.Ancestors = s.descend("seed-for-tests")
	for i := range 2 * maxAncestors {
		s.Ancestors = s.descend(Secret(fmt.Sprint("refresh-", i)))
	}
	last := Secret(fmt.Sprint("refresh-", 2*maxAncestors-1))
	if len(s.Ancestors) != maxAncestors || !s.descendsFrom("seed-for-tests") || !s.descendsFrom(last) {
		t.Errorf("%d ancestors, seed %v, last %v", len(s.Ancestors), s.descendsFrom("seed-for-tests"), s.descendsFrom(last))
	}
}
