package pipeline_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// TestPollsFitTheProcessing: few requests, whatever the service takes, and no item waits
// for long after it is there.
func TestPollsFitTheProcessing(t *testing.T) {
	const items = 200
	for name, tc := range map[string]struct {
		typical, some time.Duration // of all, and of one in twenty
		late          time.Duration // at most after the last one is there
		polls         int           // at most
	}{
		"at once":     {0, 0, 0, 12},
		"seconds":     {3 * time.Second, 0, 5 * time.Second, 20},
		"two minutes": {2 * time.Minute, 0, 30 * time.Second, 30},
		"an hour":     {time.Hour, 0, 15 * time.Minute, 45},
		"a mix":       {3 * time.Second, time.Hour, 15 * time.Minute, 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := emulator.Options{Processing: tc.typical}
				if tc.some > 0 {
					o.Switches.Processing = []emulator.ProcessingTime{{Pattern: "*5?.txt", Time: emulator.Duration(tc.some)}}
				}
				w := newWorld(t, o)
				w.options.Wait = 3 * time.Hour
				for i := range items {
					w.add(fmt.Sprintf("A%03d", i), "content of "+fmt.Sprint(i))
				}
				begin := time.Now()
				w.mustRun(0)
				took := time.Since(begin)
				polls := w.tenant.Books().Requests["getAssets"]
				t.Logf("%d reads of assets for %d items in %v", polls, items, took)
				if polls > tc.polls || took > max(tc.typical, tc.some)+tc.late+20*time.Second {
					t.Errorf("want at most %d reads, and %v at most after the last is there", tc.polls, tc.late)
				}
			})
		})
	}
}

// TestTheLastPollOfAWaitIsTheLast: on a clock that stands still while the service answers,
// the poll at the very end of the wait would be followed by others for ever.
func TestTheLastPollOfAWaitIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: 48 * time.Hour})
		w.many(3)
		w.options.Wait = 10*time.Minute + time.Nanosecond
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var requests atomic.Int64
		w.configure = func(c *showpad.Config) {
			c.Observe = func(showpad.Call) {
				if requests.Add(1) > 10_000 {
					cancel()
				}
			}
		}
		if out, err := w.run(ctx, nil); err != nil || out.Code != 6 {
			t.Errorf("code %d, %v after %d requests; want 6", out.Code, err, requests.Load())
		}
	})
}

// TestPollsWithoutAnAnswerAreApart: where no file is waited for, those that nobody has asked
// for yet are asked for at once, but not at a service that answers nothing.
func TestPollsWithoutAnAnswerAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Hour})
		w.many(6)
		w.options = pipeline.WithLimits(w.options, 0, 0, 2)
		w.options.Wait = -1
		var polls atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.configure = func(c *showpad.Config) {
			c.Retries = -1
			c.Observe = func(call showpad.Call) {
				if call.Status == http.StatusGatewayTimeout && polls.Add(1) > 100 {
					cancel()
				}
			}
		}
		w.observe = func(e pipeline.Event) {
			if s, ok := e.(pipeline.Stage); ok && s.Stage == "transfer" {
				w.tenant.Fail(emulator.Fault{Op: "getAssets", For: emulator.Duration(time.Hour), Kind: emulator.KindStatus, Status: http.StatusGatewayTimeout})
			}
		}
		if out, err := w.run(ctx, nil); err != nil || out.Code != 6 {
			t.Errorf("code %d, %v; want 6", out.Code, err)
		}
		if n := polls.Load(); n < 2 || n > 20 {
			t.Errorf("%d requests without an answer", n)
		}
	})
}
