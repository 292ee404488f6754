//go:build unix

package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chromiumPath is where make integration puts the browser, from the top of the module.
const chromiumPath = ".tools/chromium/chromium"

// browserTime is the longest that a page may take.
const browserTime = time.Minute

// Browser is a Chromium without a window that is driven over a pipe. It is for one
// goroutine.
type Browser struct {
	in      *os.File
	answers chan message
	last    int
	session string
	events  []message // that came while something else was awaited
}

// message is one of the DevTools protocol.
type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
	raw json.RawMessage // of params
}

// Shown is a page as the browser shows it.
type Shown struct {
	Requests []string    // addresses that it asked for, its own first
	Console  []string    // errors and other messages
	Picture  image.Image // of the whole page
	Overflow int         // pixels that are wider than the window
	Cut      int         // tables that are wider than their place, and have to be moved to be read
	Text     string      // that people read
}

// NewBrowser starts a browser that ends with the test.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	program := filepath.Join(top(t), filepath.FromSlash(chromiumPath))
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v (make integration installs it)", err)
	}
	theirs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirsToo, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--force-device-scale-factor=1", "--user-data-dir="+home, "--remote-debugging-pipe", "about:blank")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.ExtraFiles = []*os.File{theirs, theirsToo} // 3 and 4
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	theirsToo.Close()
	b := &Browser{in: in, answers: make(chan message)}
	go b.read(out)
	t.Cleanup(func() {
		b.write(t, message{Method: "Browser.close"})
		for range b.answers { // until the pipe is closed
		}
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Logf("the browser ended with %v\n%s", err, &stderr)
		}
	})
	var target struct{ TargetID string }
	b.call(t, "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call(t, "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.call(t, domain+".enable", nil, nil)
	}
	return b
}

// Open opens an address in a window so wide, in a light or a dark system.
func (b *Browser) Open(t testing.TB, address string, width int, dark bool) Shown {
	t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.events = nil
	b.call(t, "Page.navigate", map[string]any{"url": address}, nil)
	b.await(t, "Page.loadEventFired")
	return b.Shown(t)
}

// Until waits until a page that changes itself makes a JavaScript expression true.
func (b *Browser) Until(t testing.TB, expression string) {
	t.Helper()
	Until(t, expression, func() bool {
		var holds bool
		b.evaluate(t, expression, &holds)
		return holds
	})
}

// Shown is the page as it is now, with all that it asked for and said since it was
// opened.
func (b *Browser) Shown(t testing.TB) Shown {
	t.Helper()
	var s Shown
	b.evaluate(t, "document.documentElement.scrollWidth - document.documentElement.clientWidth", &s.Overflow)
	b.evaluate(t, "[...document.querySelectorAll('.box')].filter((e) => e.scrollWidth > e.clientWidth).length", &s.Cut)
	b.evaluate(t, "document.body.innerText", &s.Text)
	var shot struct{ Data []byte }
	b.call(t, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	var err error
	if s.Picture, err = png.Decode(bytes.NewReader(shot.Data)); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.events {
		switch e.Method {
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			decode(t, e.raw, &p)
			s.Requests = append(s.Requests, p.Request.URL)
		case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown":
			s.Console = append(s.Console, string(e.raw))
		}
	}
	return s
}

// evaluate asks the page for a value.
func (b *Browser) evaluate(t testing.TB, expression string, into any) {
	t.Helper()
	var answer struct {
		Result struct{ Value json.RawMessage }
	}
	b.call(t, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	decode(t, answer.Result.Value, into)
}

// call calls a method and waits for its result.
func (b *Browser) call(t testing.TB, method string, params map[string]any, into any) {
	t.Helper()
	b.last++
	if params == nil {
		params = map[string]any{}
	}
	id := b.last
	b.write(t, message{ID: id, Method: method, Session: b.session, Params: params})
	m := b.next(t, func(m message) bool { return m.ID == id })
	if m.Error != nil {
		t.Fatalf("%s: %s", method, m.Error.Message)
	}
	if into != nil {
		decode(t, m.Result, into)
	}
}

// await waits for an event.
func (b *Browser) await(t testing.TB, method string) {
	t.Helper()
	for _, e := range b.events {
		if e.Method == method {
			return
		}
	}
	b.next(t, func(m message) bool { return m.Method == method })
}

// next waits for a message; events that come before it are kept.
func (b *Browser) next(t testing.TB, wanted func(message) bool) message {
	t.Helper()
	limit := time.NewTimer(browserTime)
	defer limit.Stop()
	for {
		select {
		case m, ok := <-b.answers:
			if !ok {
				t.Fatal("the browser has ended")
			}
			if m.Method != "" {
				b.events = append(b.events, m)
			}
			if wanted(m) {
				return m
			}
		case <-limit.C:
			t.Fatal("the browser does not answer")
		}
	}
}

func (b *Browser) write(t testing.TB, m message) {
	t.Helper()
	if m.ID == 0 {
		b.last++
		m.ID = b.last
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		t.Error(err)
	}
}

// read passes on what the browser says, until it ends.
func (b *Browser) read(out *os.File) {
	defer close(b.answers)
	defer out.Close()
	for in := bufio.NewReaderSize(out, 1<<16); ; {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			message
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) == nil {
			m.raw = m.Params
			b.answers <- m.message
		}
	}
}

func decode(t testing.TB, text json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(fmt.Errorf("%w in %.200s", err, text))
	}
}

// OffTheMachine are the addresses that lead to other machines.
func (s Shown) OffTheMachine() (all []string) {
	for _, r := range s.Requests {
		if !strings.HasPrefix(r, "file:") && !strings.HasPrefix(r, "data:") && !strings.HasPrefix(r, "http://127.0.0.1:") {
			all = append(all, r)
		}
	}
	return all
}
