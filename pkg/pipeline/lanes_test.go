package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// sharedLine is the way to storage: so many bytes a second, for all who send together.
type sharedLine struct {
	to   http.RoundTripper
	rate int // bytes a second

	mu     sync.Mutex
	flying int
	peak   int
	sent   int64
}

func (l *sharedLine) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPut {
		return l.to.RoundTrip(req)
	}
	l.mu.Lock()
	l.flying++
	l.peak = max(l.peak, l.flying)
	l.mu.Unlock()
	body, err := l.read(req.Context(), req.Body)
	l.mu.Lock()
	l.flying--
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	next := req.Clone(req.Context())
	next.Body = io.NopCloser(bytes.NewReader(body))
	return l.to.RoundTrip(next)
}

func (l *sharedLine) read(ctx context.Context, body io.ReadCloser) (all []byte, err error) {
	defer body.Close()
	const step = 100 * time.Millisecond
	for {
		l.mu.Lock()
		n := max(1, l.rate/10/l.flying)
		l.mu.Unlock()
		buf := make([]byte, n)
		n, err := io.ReadFull(body, buf)
		l.mu.Lock()
		l.sent += int64(n)
		l.mu.Unlock()
		if all = append(all, buf[:n]...); err == io.EOF || err == io.ErrUnexpectedEOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// slowAPI answers every request d later.
type slowAPI struct {
	to http.RoundTripper
	d  time.Duration
}

func (s slowAPI) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-time.After(s.d):
		return s.to.RoundTrip(req)
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// A hundred videos before ten thousand decks, or after them, in small: the API is what
// the decks take, the line to storage what the videos take, and a run of both takes
// little longer than the longer of the two alone.
func TestVideosAndDecksDoNotWaitForEachOther(t *testing.T) {
	const (
		videos, videoSize = 12, 512 << 10
		decks             = 200
		lineRate          = 64 << 10    // so the videos take 96 s
		latency           = time.Second // so the decks take 50 s: two requests each, 8 at once
	)
	content := strings.Repeat("0123456789abcdef", videoSize/16)
	for _, first := range []string{"videos", "decks", "mixed"} {
		t.Run(first, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				line := &sharedLine{to: w.tenant, rate: lineRate}
				w.configure = func(c *showpad.Config) { c.Storage, c.Base = line, slowAPI{c.Base, latency} }
				w.options = pipeline.WithLanes(w.options, 64<<10, 0)
				video := func(i int) { w.add(fmt.Sprintf("video-%d", i), fmt.Sprint(i, content)) }
				for i := range videos {
					if first == "videos" {
						video(i)
					}
				}
				for i := range decks {
					w.add(fmt.Sprintf("deck-%d", i), fmt.Sprint("a deck ", i))
					if first == "mixed" && i%(decks/videos) == 0 && i/(decks/videos) < videos {
						video(i / (decks / videos))
					}
				}
				for i := range videos {
					if first == "decks" {
						video(i)
					}
				}
				begin := time.Now()
				var lastDeck, firstVideo time.Duration
				w.observe = func(e pipeline.Event) {
					switch e := e.(type) {
					case pipeline.Stage:
						if e.Stage == "settle" && strings.HasPrefix(e.ExternalID, "deck") {
							lastDeck = time.Since(begin)
						}
					case pipeline.Sent:
						if strings.HasPrefix(e.ExternalID, "video") && firstVideo == 0 {
							firstVideo = time.Since(begin)
						}
					}
				}
				w.mustRun(0)
				w.check()
				total := time.Since(begin)
				t.Logf("in all %s; the last deck was sent after %s, the first video begun after %s; %d at once", total, lastDeck, firstVideo, line.peak)
				if total > 115*time.Second {
					t.Errorf("it took %s, want little more than the 96 s of the videos alone", total)
				}
				if lastDeck > 65*time.Second {
					t.Errorf("the last deck was sent after %s, want little more than the 50 s of the decks alone", lastDeck)
				}
				if firstVideo > 15*time.Second {
					t.Errorf("the first video was begun after %s", firstVideo)
				}
				if line.peak > 8 {
					t.Errorf("%d uploads at once, want 8 at most", line.peak)
				}
			})
		})
	}
}
