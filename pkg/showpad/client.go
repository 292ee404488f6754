package showpad

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/oauth2"
)

// Config is what a [Client] needs; zero values mean the default.
type Config struct {
	APIURL      string             // v4 base, e.g. https://acme.api.showpad.com/v4 or http://127.0.0.1:8080/v4; required
	V3URL       string             // v3 base, e.g. https://acme.showpad.biz/api/v3; "": what is of v3 fails
	Token       oauth2.TokenSource // required; asked before each request, so it has to remember
	Credential  Credential         // what Token came of, for what refusals say; "": not told
	Base        http.RoundTripper  // for API calls; nil: a transport of [NewTransport]
	Storage     http.RoundTripper  // for PUTs and GETs of bytes; nil: Base, else a transport of its own
	Gate        *Gate              // shared by all clients of one credential; nil: NewGate(8)
	Retries     int                // attempts after the first for one request; 0 is 6; negative is none
	UserAgent   string             // "" is "migrate"
	Log         zerolog.Logger     // one debug line for each attempt
	Observe     func(Call)         // each attempt, after it ended; nil: nobody. May be called concurrently
	Counters    func(Counters)     // what v3 tells of the request budget; nil: nobody, and it is not asked for. May be called concurrently
	IdleTimeout time.Duration      // of a transfer without progress; 0 is 60 s
}

// Call is one attempt of one request.
type Call struct {
	Op           string // operationId, "v3 get_users_me", "token", "PUT", "GET"
	Method       string
	Status       int  // HTTP; 0 without an answer
	Storage      bool // a PUT or GET of bytes: not a request of the API's budget
	Retry        bool // it repeats an earlier attempt of the same request
	Elapsed      time.Duration
	Err          error // redacted; nil: it succeeded
	InClosedGate bool  // never true unless the gate is broken: it was sent while the gate was closed
}

const (
	defaultRetries     = 6
	defaultIdleTimeout = time.Minute
	// refusalsPerRetry: a 429 costs nothing but time, so it may come more often than failures.
	refusalsPerRetry = 4
)

// Client calls the API with one credential. It may be used by many goroutines.
type Client struct {
	apiURL, v3URL string
	token         oauth2.TokenSource
	credential    Credential
	api, storage  *http.Client // storage: PUTs
	fetch         *http.Client // GETs of bytes, over the connections of storage
	gate          *Gate
	retries       int
	userAgent     string
	agent         []string // userAgent as a header has it
	authorized    atomic.Pointer[authorized]
	log           zerolog.Logger
	observe       func(Call)
	counting      *counting // nil: nobody wants to know
	idle          time.Duration
	own           []*http.Transport // made by New
}

// New checks cfg and makes a client; no request is sent.
func New(cfg Config) (*Client, error) {
	c := &Client{
		token: cfg.Token, credential: cfg.Credential, gate: cfg.Gate, retries: cfg.Retries, userAgent: cfg.UserAgent,
		log: cfg.Log, observe: cfg.Observe, idle: cfg.IdleTimeout,
	}
	if cfg.Counters != nil {
		c.counting = &counting{tell: cfg.Counters}
	}
	var err error
	if c.apiURL, err = baseURL("API URL", cfg.APIURL); err != nil {
		return nil, err
	}
	if cfg.V3URL != "" {
		if c.v3URL, err = baseURL("v3 URL", cfg.V3URL); err != nil {
			return nil, err
		}
	}
	if c.token == nil {
		return nil, fmt.Errorf("%w: no credential (set SHOWPAD_TOKEN, or the OAuth settings)", ErrNotSignedIn)
	}
	if c.gate == nil {
		c.gate = NewGate(0)
	}
	switch {
	case c.retries == 0:
		c.retries = defaultRetries
	case c.retries < 0:
		c.retries = 0
	}
	if c.userAgent == "" {
		c.userAgent = "migrate"
	}
	c.agent = []string{c.userAgent}
	if c.idle <= 0 {
		c.idle = defaultIdleTimeout
	}
	base, storage := cfg.Base, cfg.Storage
	if storage == nil {
		storage = base
	}
	if base == nil {
		if base, err = c.transport(TransportConfig{}); err != nil {
			return nil, err
		}
	}
	if storage == nil {
		if storage, err = c.transport(TransportConfig{HTTP1: true}); err != nil {
			return nil, err
		}
	}
	c.api = &http.Client{Transport: base, CheckRedirect: noRedirect}
	c.storage = &http.Client{Transport: storage, CheckRedirect: samePut}
	c.fetch = &http.Client{Transport: storage, CheckRedirect: c.sameGet}
	return c, nil
}

// Close drops idle connections of the transports that New made. Requests under
// way are not touched.
func (c *Client) Close() {
	for _, t := range c.own {
		t.CloseIdleConnections()
	}
}

func (c *Client) transport(cfg TransportConfig) (http.RoundTripper, error) {
	t, err := NewTransport(cfg)
	if err != nil {
		return nil, err
	}
	c.own = append(c.own, t)
	return t, nil
}

// noRedirect: an API that redirects is a proxy's sign-in page or a wrong host, and
// neither gets the token.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func baseURL(what, raw string) (string, error) {
	if raw == "" {
		return "", fmt.Errorf("%s: missing (set the subdomain)", what)
	}
	if err := CheckURL(raw); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	u, err := url.Parse(raw)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s: %w", what, errors.New("a base URL has no query and no fragment"))
	}
	return strings.TrimRight(raw, "/"), nil
}
