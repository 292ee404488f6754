package live

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// run is a server of a run that three events told of.
func run(t *testing.T, address string) (*Server, *view.Tally) {
	t.Helper()
	var tally view.Tally
	s, err := Listen(t.Context(), address, Run{
		ID: "r-1", Tenant: "LIVE acme", Manifest: "m.yaml", Start: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Snapshot: func() view.Snapshot {
			left := 1234
			snap := tally.Snapshot()
			snap.BudgetLeft, snap.Left = &left, &pipeline.Left{Least: 12 * time.Minute, Likely: 12 * time.Minute, Worst: 15 * time.Minute, Share: 1}
			return snap
		},
		Redact: func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []pipeline.Event{
		pipeline.Started{Run: "r-1", Items: 3},
		pipeline.Finished{Result: pipeline.Result{ExternalID: "A", Status: string(state.Done)}},
		pipeline.Finished{Result: pipeline.Result{ExternalID: "<script>alert(1)</script>", Status: string(state.Failed), Error: &state.Failure{Code: "refused", Message: "no: hunter2 \x1b[2J\u202e"}}},
		pipeline.Warned{ExternalID: "B", Text: "look"},
		pipeline.Waiting{For: "settle", Text: "looked up: 1"}, pipeline.Waiting{For: "settle", Text: "looked up: 2"},
	} {
		tally.Observe(e)
		s.Observe(e)
	}
	return s, &tally
}

var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func get(t *testing.T, address string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func end(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestThePageSaysHowFarTheRunIs(t *testing.T) {
	s, _ := run(t, "127.0.0.1:0")
	defer end(t, s)
	resp, page := get(t, s.URL(), nil)
	if resp.StatusCode != http.StatusOK || !s.Private() {
		t.Fatalf("%s: %s", s.URL(), resp.Status)
	}
	for _, want := range []string{
		"2 of 3 items (1 needs somebody)", "LIVE acme", "m.yaml", "&lt;script&gt;alert(1)&lt;/script&gt;", "no: ***", "B: look", "looked up: 2 (2 times so far)", "not begun",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, wrong := range []string{"<script>alert", "hunter2", "\x1b", "\u202e", "looked up: 1"} {
		if strings.Contains(page, wrong) {
			t.Errorf("%q is in the page", wrong)
		}
	}
	if n := strings.Count(page, "<script>"); n != 1 || !strings.Contains(page, script) {
		t.Errorf("%d scripts, or ours was changed on its way", n)
	}
	policy := resp.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || !strings.Contains(policy, "connect-src 'self'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if !strings.Contains(page, "<dt><bdi>To come</bdi></dt><dd><b>12 to 15 min</b>") || !strings.Contains(page, "<b>1,234</b>") {
		t.Error("what is left is missing")
	}
	resp, body := get(t, s.URL()+"snapshot.json", nil)
	var snap view.Snapshot
	if err := json.Unmarshal([]byte(body), &snap); err != nil || snap.Finished != 2 || snap.Status["failed"] != 1 || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %v", body, err)
	}
}

// nextEvent reads an event of the server: its name and its data.
func nextEvent(t *testing.T, r *bufio.Reader) (name, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("the events ended: %v", err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
			return name, data
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data += line[len("data: "):] + "\n"
		default:
			t.Fatalf("%q is no line of an event", line)
		}
	}
}

func TestThePageFollowsTheRunToItsEnd(t *testing.T) {
	s, tally := run(t, "127.0.0.1:0")
	resp, err := client.Get(s.URL() + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewReader(resp.Body)
	name, data := nextEvent(t, events)
	if name != "page" || !strings.Contains(data, "<header>") || strings.Contains(data, "<html") {
		t.Errorf("the first event is %q: %.100s", name, data)
	}
	tally.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "C", Status: string(state.Done)}})
	for !strings.Contains(data, "3 of 3 items") {
		if name, data = nextEvent(t, events); name != "page" {
			t.Fatalf("an event %q", name)
		}
	}
	closed := make(chan error, 1)
	go func() {
		s.End("2 of 3 done, 1 failed.", 3)
		closed <- s.Close()
	}()
	for name == "page" {
		name, data = nextEvent(t, events)
	}
	if name != "ended" || !strings.Contains(data, "2 of 3 done, 1 failed.") || !strings.Contains(data, "exit code 3") {
		t.Errorf("the last event is %q: %.300s", name, data)
	}
	if rest, err := io.ReadAll(events); err != nil || len(rest) != 0 {
		t.Errorf("after the last event: %q, %v", rest, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	s, _ := run(t, "127.0.0.1:0")
	defer end(t, s)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, path := range []string{"", "events", "snapshot.json"} {
			req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s /%s: %s", method, path, resp.Status)
			}
		}
	}
	if resp, _ := get(t, s.URL()+"else", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("/else: %s", resp.Status)
	}
}

func TestOtherNamesOfThisMachineAreRefused(t *testing.T) {
	s, _ := run(t, "127.0.0.1:0")
	defer end(t, s)
	for host, want := range map[string]int{
		"localhost:8484": 200, "127.0.0.1": 200, "[::1]:8484": 200, "evil.example": 421, "evil.example:8484": 421, "127.0.0.1.evil.example": 421,
	} {
		resp, body := get(t, s.URL(), func(r *http.Request) { r.Host = host })
		if resp.StatusCode != want || want != 200 && strings.Contains(body, "acme") {
			t.Errorf("%s: %s, want %d", host, resp.Status, want)
		}
	}
}

func TestBeyondThisMachineAKeyIsWanted(t *testing.T) {
	s, _ := run(t, "0.0.0.0:0")
	defer end(t, s)
	u, err := url.Parse(s.URL())
	if err != nil || u.Hostname() != "THIS-MACHINE" || len(u.Query().Get("key")) < 20 || s.Private() {
		t.Fatalf("%s, %v", s.URL(), err)
	}
	u.Host = "127.0.0.1:" + u.Port()
	plain := "http://" + u.Host + "/"
	for _, path := range []string{"", "events", "snapshot.json", "?key=", "?key=wrong", "snapshot.json?" + u.RawQuery} {
		if resp, body := get(t, plain+path, nil); resp.StatusCode != http.StatusForbidden || strings.Contains(body, "acme") {
			t.Errorf("/%s: %s", path, resp.Status)
		}
	}
	resp, _ := get(t, u.String(), nil)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" || len(resp.Cookies()) != 1 {
		t.Fatalf("with the key: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie is %s", cookie)
	}
	resp, body := get(t, plain, func(r *http.Request) { r.AddCookie(cookie) })
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "acme") {
		t.Errorf("with the cookie: %s", resp.Status)
	}
	cookie.Value += "x"
	if resp, _ := get(t, plain, func(r *http.Request) { r.AddCookie(cookie) }); resp.StatusCode != http.StatusForbidden {
		t.Errorf("with another cookie: %s", resp.Status)
	}
}

func TestAddressesThatCannotBeServed(t *testing.T) {
	s, _ := run(t, "localhost:0")
	defer end(t, s)
	taken := strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), "/")
	for _, address := range []string{"8484", "localhost", "127.0.0.1:99999", taken} {
		if other, err := Listen(t.Context(), address, Run{}); err == nil {
			_ = other.Close()
			t.Errorf("%s is served", address)
		}
	}
}

func TestOnlyTheNewestIsKept(t *testing.T) {
	var told told
	same := func(s string) string { return s }
	for i := range 500 {
		told.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: fmt.Sprint(i), Status: "blocked", Reason: "file-missing"}}, same)
		told.observe(pipeline.Warned{Text: fmt.Sprint(i)}, same)
	}
	told.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "done", Status: "done"}}, same)
	told.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "later", Status: "sent"}}, same)
	told.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "other", Status: "blocked", Reason: "author-unknown"}}, same)
	if n := len(told.problems); told.all != 501 || n != 2 {
		t.Fatalf("%d problems of %d reasons", told.all, n)
	}
	if p := told.problems[0]; p.reason != "file-missing" || p.all != 500 || len(p.newest) != keptProblems || p.newest[0].id != "499" {
		t.Errorf("of the first reason: %+v", p)
	}
	for i := range 200 {
		told.observe(pipeline.Finished{Result: pipeline.Result{ExternalID: "r", Status: "failed", Reason: fmt.Sprint(i)}}, same)
	}
	if n := len(told.problems); n != keptReasons+1 || told.problems[n-1].reason != "" || told.problems[n-1].all != 172 {
		t.Errorf("%d reasons, the last of them %+v", n, told.problems[n-1])
	}
	if len(told.news) != keptNews || told.news[0].text != "499" {
		t.Errorf("%d texts, the newest %+v", len(told.news), told.news[0])
	}
}

// TestAPageIsOfOneMoment: what happens while it is written is of the next one.
func TestAPageIsOfOneMoment(t *testing.T) {
	s, _ := run(t, "127.0.0.1:0")
	defer end(t, s)
	happen := func(id string) {
		s.Observe(pipeline.Finished{Result: pipeline.Result{ExternalID: id, Status: string(state.Failed)}})
		s.Observe(pipeline.Warned{Text: id})
	}
	for i := range 12 {
		happen(fmt.Sprint("before", i))
		s.mu.Lock()
		page := s.pageOf(view.Snapshot{})
		s.mu.Unlock()
		happen(fmt.Sprint("meanwhile", i))
		var b strings.Builder
		if err := page.WriteBody(&b); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), fmt.Sprintf("before%d<", i)); n != 2 || strings.Contains(b.String(), fmt.Sprint("meanwhile", i)) {
			t.Errorf("%d rows of before, and what came meanwhile in:\n%s", n, b.String())
		}
	}
}

// TestReadersDoNotTakeAllConnections: those beyond the limit are closed at once, and
// their places are free again when others leave.
func TestReadersDoNotTakeAllConnections(t *testing.T) {
	s, _ := run(t, "127.0.0.1:0")
	defer end(t, s)
	var all []net.Conn
	for range readers + 1 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	// The others are closed only once they have said nothing for long.
	first := make(chan int, len(all))
	var reading sync.WaitGroup
	for i, c := range all {
		reading.Go(func() {
			_, _ = c.Read(make([]byte, 1))
			first <- i
		})
	}
	if i := <-first; i != readers {
		t.Errorf("connection %d was closed first, and not the one beyond the limit", i)
	}
	for _, c := range all {
		_ = c.Close()
	}
	reading.Wait()
	for tries := 0; ; tries++ {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			break
		}
		if tries == 1000 {
			t.Fatal(err)
		}
	}
}
