package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/window"
)

// nightFlags say when a run may work, and for how long.
type nightFlags struct {
	windows windowTexts
	zone    zoneName
	most    time.Duration
	wait    bool
}

func (f *nightFlags) add(fs *pflag.FlagSet) {
	fs.Var(&f.windows, "window", `work only at these times: "22:00-06:00 Mon-Fri", "22:00-06:00", "Sat,Sun" (repeatable)`)
	fs.Var(&f.zone, "timezone", "of --window, such as Europe/Brussels (default: this machine's)")
	fs.DurationVar(&f.most, "max-duration", 0, "be over after this time; 0 is no limit")
	fs.BoolVar(&f.wait, "wait-for-window", false, "wait until the window opens instead of ending with 5")
}

// addForecast adds those that a plan's forecast depends on.
func (f *nightFlags) addForecast(fs *pflag.FlagSet) {
	fs.Var(&f.windows, "window", `for the forecast: when runs may work, such as "22:00-06:00 Mon-Fri" (repeatable)`)
	fs.Var(&f.zone, "timezone", "of --window, such as Europe/Brussels (default: this machine's)")
	fs.DurationVar(&f.most, "max-duration", 0, "for the forecast: how long a run may take; 0 is no limit")
}

func (f *nightFlags) numbers() []number { return []number{{"max-duration", int64(f.most), 0}} }

// windowTexts is a --window.
type windowTexts []string

func (w *windowTexts) String() string { return strings.Join(*w, "; ") }

// Set adds a window, or several that semicolons part.
func (w *windowTexts) Set(text string) error {
	if err := window.Check(text); err != nil {
		return err
	}
	if text = strings.TrimSpace(text); slices.Contains(*w, text) {
		return nil
	}
	*w = append(*w, text)
	return nil
}

// Type is shown in the help.
func (*windowTexts) Type() string { return "window" }

// zoneName is a --timezone.
type zoneName string

func (z *zoneName) String() string { return string(*z) }

// Set takes a name of the IANA time zone database.
func (z *zoneName) Set(text string) error {
	if _, err := time.LoadLocation(text); err != nil {
		return errors.New("use a name of the IANA time zone database, such as Europe/Brussels or UTC")
	}
	*z = zoneName(text)
	return nil
}

// Type is shown in the help.
func (*zoneName) Type() string { return "zone" }

// night is when a run may work. Its methods may be called concurrently.
type night struct {
	windows window.Windows
	texts   string
	named   bool // its time zone
	most    time.Duration
	begun   time.Time // monotonic
	clock   func() time.Time

	mu   sync.Mutex
	from time.Time // of the wall clock; until the window closes, what was found for it holds
	now  opening
}

// opening is the window that is open.
type opening struct {
	close, again time.Time // zero: it does not close
	longest      time.Duration
}

// newNight begins to count --max-duration. A zone in the settings may wait for a command with a
// window; one that was typed without a window was meant to do something.
func (a *app) newNight(f *nightFlags) (*night, error) {
	n, err := newNight(f)
	if err == nil && a.origins["timezone"] == "flag" && !n.windows.Any() {
		return nil, usagef("--timezone: it is of --window, and there is none (give --window, or leave it out)")
	}
	return n, err
}

func newNight(f *nightFlags) (*night, error) {
	zone := time.Local
	if f.zone != "" {
		var err error
		if zone, err = time.LoadLocation(string(f.zone)); err != nil {
			return nil, usagef("--timezone: %v", err)
		}
	}
	w, err := window.Parse(zone, f.windows...)
	if err != nil {
		return nil, usagef("--window: %v", err)
	}
	if f.wait && !w.Any() {
		return nil, usagef("--wait-for-window: there is none to wait for (give --window)")
	}
	return &night{windows: w, texts: f.windows.String(), named: f.zone != "", most: f.most, begun: time.Now(), clock: wallClock}, nil
}

// wallClock is the time without its monotonic reading: a machine may sleep, and its
// clock may be set.
func wallClock() time.Time { return time.Now().Round(0) }

// limited reports whether there is a time at which a run has to be over.
func (n *night) limited() bool { return n.windows.Any() || n.most > 0 }

// closed is the end of a command outside of its window; nil inside.
func (n *night) closed() error {
	if !n.windows.Any() {
		return nil
	}
	now := n.clock()
	open, _, inside := n.windows.Next(now)
	if inside {
		return nil
	}
	return &pipeline.StopError{Code: exitLimit, Err: fmt.Errorf("the window %s is closed: it opens %s, in %s (--wait-for-window waits for it); nothing was sent",
		n.texts, n.moment(now, open), view.Duration(open.Sub(now)))}
}

// moment is a time for people: with the date when it is not within the week.
func (n *night) moment(now, at time.Time) string {
	layout := "Mon 15:04 MST"
	if at.Sub(now) > 6*24*time.Hour {
		layout = "Mon 2 Jan 15:04 MST"
	}
	return at.In(n.windows.Zone()).Format(layout)
}

// Pauses of the wait for a window.
const (
	windowCheck = time.Minute // the wall clock may jump
	windowTold  = time.Hour
)

// wait returns once the window is open. Tell is given a line at first and at times.
func (n *night) wait(ctx context.Context, tell func(string)) error {
	var told time.Time
	for {
		now := n.clock()
		open, _, inside := n.windows.Next(now)
		if inside {
			n.mu.Lock()
			n.begun = time.Now()
			n.mu.Unlock()
			return nil
		}
		left := open.Sub(now)
		if told.IsZero() || time.Since(told) >= windowTold {
			told = time.Now()
			tell(fmt.Sprintf("waiting for the window %s: it opens %s, in %s", n.texts, n.moment(now, open), view.Duration(left)))
		}
		t := time.NewTimer(min(left, windowCheck))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// opening is the window that is open now; false when none is.
func (n *night) opening(now time.Time) (opening, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.from.IsZero() && !now.Before(n.from) && (n.now.close.IsZero() || now.Before(n.now.close)) {
		return n.now, true
	}
	_, end, inside := n.windows.Next(now)
	if !inside {
		return opening{}, false
	}
	n.from, n.now = now, opening{close: end}
	if !end.IsZero() {
		n.now.again, _, _ = n.windows.Next(end)
		n.now.longest = n.windows.Longest(now)
	}
	return n.now, true
}

// durationOver begins to say when --max-duration ends a run.
const durationOver = "--max-duration is over "

// until is when a run has to be over, see [pipeline.Options.Until]. A window is of the
// wall clock, --max-duration is not.
func (n *night) until() (d pipeline.Deadline) {
	if n.windows.Any() {
		wall, now := n.clock(), time.Now()
		switch w, inside := n.opening(wall); {
		case !inside:
			d.At, d.Why = now, "the window is closed"
		case !w.close.IsZero():
			d.At, d.Why = now.Add(w.close.Sub(wall)).In(n.windows.Zone()), "the window closes "+n.moment(wall, w.close)
			d.Longest = w.longest
			if !w.again.IsZero() {
				d.Again = "when it opens again, " + n.moment(wall, w.again)
			}
		}
	}
	if n.most > 0 {
		n.mu.Lock()
		end := n.begun.Add(n.most)
		n.mu.Unlock()
		if d.At.IsZero() || end.Before(d.At) {
			d.At, d.Why, d.Again = end.In(n.windows.Zone()), durationOver+n.moment(n.clock(), end), ""
		}
		if d.Longest == 0 || n.most < d.Longest {
			d.Longest = n.most
		}
	}
	return d
}

// line says until when a run works; "" when nothing limits it.
func (n *night) line() string {
	d := n.until()
	switch {
	case !n.limited():
		return ""
	case d.At.IsZero():
		return "window: open, and does not close"
	}
	what, by := "window", "this machine's time zone"
	switch {
	case strings.HasPrefix(d.Why, durationOver):
		what, by = "--max-duration", ""
	case n.named:
		by = n.windows.Zone().String()
	}
	if by != "" {
		by = "; " + by
	}
	return fmt.Sprintf("%s: until %s (%s%s)", what, n.moment(n.clock(), d.At), view.Duration(time.Until(d.At)), by)
}

// before is a context for what comes before a run: it ends when the run would have to
// be over.
func (n *night) before(ctx context.Context) (context.Context, context.CancelFunc) {
	d := n.until()
	if d.At.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, d.At, &pipeline.StopError{Code: exitLimit, Err: fmt.Errorf("%s: nothing was begun (run again to continue)", d.Why)})
}

// cut is the cause of a context of before whose time was up, else err.
func cut(ctx context.Context, err error) error {
	var stop *pipeline.StopError
	if err != nil && errors.As(context.Cause(ctx), &stop) {
		return stop
	}
	return err
}

// begin waits for the window if that is wanted. Check is called before a wait: what is
// wrong with a manifest is not to be found out in the middle of the night.
func (n *night) begin(ctx context.Context, a *app, f *nightFlags, quiet bool, check func() error) error {
	err := n.closed()
	if err == nil || !f.wait {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	return n.wait(ctx, func(line string) {
		if !quiet {
			say(a.err, "%s", line)
		}
	})
}
