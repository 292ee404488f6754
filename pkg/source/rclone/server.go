package rclone

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/source"
)

const (
	startTimeout = 30 * time.Second // until the program says where it listens
	maxStarts    = 5                // of a program that ends by itself
	maxAnswer    = 1 << 20          // bytes of an answer that is no list
)

// server is the program and the way to it.
type server struct {
	path    string
	env     []string
	log     zerolog.Logger
	user    string
	pass    string
	secrets []string // never shown
	http    *http.Client
	grace   time.Duration // that a program which breaks a connection has to be seen to end

	turn   chan struct{} // held by one who looks at what follows
	run    *process      // nil before the first use
	starts int
	closed bool
}

func newServer(o Options) *server {
	path := o.Path
	if path == "" {
		path = "rclone"
	}
	s := &server{path: path, log: o.Log, user: rand.Text(), pass: rand.Text() + rand.Text(), turn: make(chan struct{}, 1), grace: time.Second}
	s.env = environment(o.Env, s.user, s.pass)
	s.secrets = []string{s.user, s.pass}
	for _, e := range o.Env {
		if name, v, _ := strings.Cut(e, "="); secretName.MatchString(name) && len(v) >= shortestSecret {
			s.secrets = append(s.secrets, v)
		}
	}
	s.http = &http.Client{
		Transport: &http.Transport{ // no proxy, and one connection for each reader
			DialContext:        (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// notPassed are settings of the remote control and of the log, which are ours,
// and the secrets of this program.
var notPassed = []string{"RCLONE_RC", "RCLONE_LOG_", "RCLONE_USE_JSON_LOG", "RCLONE_VERBOSE", "RCLONE_QUIET", "RCLONE_ASK_PASSWORD", "RCLONE_USE_SERVER_MODTIME", "SHOWPAD_", "MIGRATE_"}

// environment is what the program gets: the user's settings, and ours. The
// password is in no argument, which other users could see.
func environment(env []string, user, pass string) []string {
	own := slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		return slices.ContainsFunc(notPassed, func(p string) bool { return strings.HasPrefix(strings.ToUpper(e), p) })
	})
	return append(own,
		"RCLONE_RC_USER="+user, "RCLONE_RC_PASS="+pass,
		// The time at which an object was stored tells that it is another one, and costs no request for each.
		"RCLONE_USE_SERVER_MODTIME=true",
	)
}

// arguments make the program serve on a free port of loopback, and never ask.
var arguments = []string{"rcd", "--rc-serve", "--rc-addr=127.0.0.1:0", "--use-json-log", "--log-level=NOTICE", "--ask-password=false"}

// running is the program, which is started unless it runs.
func (s *server) running(ctx context.Context) (*process, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	if s.closed {
		return nil, errors.New("rclone has been ended")
	}
	if s.run != nil && !s.run.over() {
		return s.run, nil
	}
	if s.run != nil && (!s.run.used.Load() || s.starts >= maxStarts) {
		return nil, s.ended(s.run)
	}
	p, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	s.run = p
	s.starts++
	return p, s.checkVersion(ctx, p)
}

func (s *server) start(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("rclone did not say within 30 seconds where it listens"))
	defer cancel()
	p, err := startProcess(s.path, arguments, s.env, nil, s.line)
	if err != nil {
		return nil, &source.Error{Op: "open", Err: fmt.Errorf("rclone, which reads remotes, cannot be run: %w", err),
			Hint: "install rclone " + Oldest + " or later from rclone.org or with the system's packages, or say where it is with --rclone PATH"}
	}
	select {
	case <-p.listens:
		return p, nil
	case <-p.ended:
		return nil, s.ended(p)
	case <-ctx.Done():
		p.stop()
		return nil, context.Cause(ctx)
	}
}

// checkVersion refuses a program that is too old.
func (s *server) checkVersion(ctx context.Context, p *process) error {
	var v struct {
		Version    string
		Decomposed []int
	}
	err := s.callAt(ctx, p, "core/version", struct{}{}, &v)
	if err == nil && slices.Compare(v.Decomposed, oldest) < 0 {
		err = &source.Error{Op: "open", Err: fmt.Errorf("rclone %s is too old: %s or later is needed", s.clean(v.Version), Oldest),
			Hint: "update it (rclone selfupdate, or the system's packages), or name another one with --rclone PATH"}
	}
	if err != nil {
		p.stop()
		if s.run = nil; ctx.Err() == nil {
			s.run, p.verdict = p, err // another start would not help
			p.used.Store(false)
		}
		return err
	}
	s.log.Debug().Str("version", v.Version).Msg("rclone runs")
	return nil
}

// ended says why the program is no more.
func (s *server) ended(p *process) error {
	if p.verdict != nil {
		return p.verdict
	}
	e := &source.Error{Op: "open", Err: errors.New("rclone ended by itself"), Hint: "see what it says: rclone listremotes"}
	if last := s.clean(p.lastLine()); last != "" {
		e.Err = fmt.Errorf("rclone ended by itself and said: %s", last)
	}
	return e
}

// line notes what the program says, at the level debug.
func (s *server) line(text string) {
	var l struct{ Level, Msg, Object string }
	if json.Unmarshal([]byte(text), &l) != nil || l.Msg == "" {
		l.Msg = text
	}
	e := s.log.Debug()
	if l.Object != "" {
		e = e.Str("object", s.clean(l.Object))
	}
	e.Str("rclone", s.clean(l.Level)).Msg(s.clean(l.Msg))
}

func (s *server) close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.closed = true
	if s.run != nil {
		s.run.stop()
	}
	s.http.CloseIdleConnections()
	return nil
}

// failure is what the remote control answers in place of a result.
type failure struct {
	status int
	text   string // redacted
}

func (f *failure) Error() string { return "rclone says: " + f.text }

// call asks for one thing; out is filled from the answer. Errors are a *failure,
// the context's, or a *source.Error without a path about the program.
func (s *server) call(ctx context.Context, op string, in, out any) error {
	p, err := s.running(ctx)
	if err != nil {
		return err
	}
	return s.callAt(ctx, p, op, in, out)
}

func (s *server) callAt(ctx context.Context, p *process, op string, in, out any) error {
	body, err := s.post(ctx, p, op, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(out); err != nil {
		return s.broken(ctx, p, err)
	}
	return nil
}

// post sends a call and returns the body of its answer.
func (s *server) post(ctx context.Context, p *process, op string, in any) (io.ReadCloser, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/"+op, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.do(ctx, p, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, s.failure(resp)
	}
	return resp.Body, nil
}

// get asks for a file's bytes from an offset on, as far as they go.
func (s *server) get(ctx context.Context, fs, path string, from int64) (*http.Response, error) {
	p, err := s.running(ctx)
	if err != nil {
		return nil, err
	}
	address := p.url + (&url.URL{Path: "/[" + fs + "]/" + path}).EscapedPath()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := s.do(ctx, p, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent {
		defer resp.Body.Close()
		return nil, s.failure(resp)
	}
	return resp, nil
}

func (s *server) do(ctx context.Context, p *process, req *http.Request) (*http.Response, error) {
	req.SetBasicAuth(s.user, s.pass)
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, s.broken(ctx, p, err)
	}
	p.used.Store(true)
	return resp, nil
}

// broken is a connection to the program that does not work.
func (s *server) broken(ctx context.Context, p *process, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	// A program that ends takes its connections along a moment earlier.
	t := time.NewTimer(s.grace)
	defer t.Stop()
	select {
	case <-p.ended:
		return s.ended(p)
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return fmt.Errorf("the connection to rclone broke: %w", err)
	}
}

func (s *server) failure(resp *http.Response) *failure {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var e struct{ Error string }
	if json.Unmarshal(text, &e) != nil || e.Error == "" {
		e.Error = fmt.Sprintf("%s %s", resp.Status, text)
	}
	return &failure{status: resp.StatusCode, text: s.clean(e.Error)}
}
