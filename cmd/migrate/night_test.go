package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// testNight is a night at a moment of Brussels.
func testNight(t *testing.T, at string, f nightFlags) *night {
	t.Helper()
	f.zone = "Europe/Brussels"
	n, err := newNight(&f)
	if err != nil {
		t.Fatal(err)
	}
	moment, err := time.ParseInLocation("2006-01-02 15:04", at, n.windows.Zone())
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(moment); d > 0 { // in a bubble, which begins in 2000
		<-time.After(d)
		n.begun = time.Now()
	}
	return n
}

func TestUntilIsTheEarlierOfWindowAndDuration(t *testing.T) {
	for _, c := range []struct {
		at                          string
		flags                       nightFlags
		left, longest               time.Duration
		line, why, again, closedFor string
	}{
		{
			at: "2026-11-22 22:20", flags: nightFlags{windows: windowTexts{"22:00-06:00"}}, left: 7*time.Hour + 40*time.Minute, longest: 8 * time.Hour,
			line: "window: until Mon 06:00 CET (7 h 40 min; Europe/Brussels)", why: "the window closes Mon 06:00 CET", again: "when it opens again, Mon 22:00 CET",
		},
		{
			at: "2026-11-27 23:00", flags: nightFlags{windows: windowTexts{"22:00-06:00 Fri"}}, left: 7 * time.Hour, longest: 8 * time.Hour,
			line: "window: until Sat 06:00 CET (7 h 0 min; Europe/Brussels)", why: "the window closes Sat 06:00 CET", again: "when it opens again, Fri 4 Dec 22:00 CET",
		},
		{
			at: "2026-10-24 22:00", flags: nightFlags{windows: windowTexts{"22:00-06:00"}}, left: 9 * time.Hour, longest: 9 * time.Hour, // clocks go back
			line: "window: until Sun 06:00 CET (9 h 0 min; Europe/Brussels)", why: "the window closes Sun 06:00 CET", again: "when it opens again, Sun 22:00 CET",
		},
		{
			at: "2026-11-22 22:20", flags: nightFlags{windows: windowTexts{"22:00-06:00"}, most: 4 * time.Hour}, left: 4 * time.Hour, longest: 4 * time.Hour,
			line: "--max-duration: until Mon 02:20 CET (4 h 0 min)", why: "--max-duration is over Mon 02:20 CET",
		},
		{
			at: "2026-11-22 22:20", flags: nightFlags{most: time.Hour}, left: time.Hour, longest: time.Hour,
			line: "--max-duration: until Sun 23:20 CET (60 min)", why: "--max-duration is over Sun 23:20 CET",
		},
		{at: "2026-11-22 22:20", flags: nightFlags{windows: windowTexts{"00:00-24:00"}}, line: "window: open, and does not close"},
		{at: "2026-11-22 22:20"},
		{
			at: "2026-11-22 12:00", flags: nightFlags{windows: windowTexts{"22:00-06:00 Mon-Fri", "20:00-21:00"}}, why: "the window is closed",
			closedFor: "the window 22:00-06:00 Mon-Fri; 20:00-21:00 is closed: it opens Sun 20:00 CET, in 8 h 0 min (--wait-for-window waits for it); nothing was sent",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := testNight(t, c.at, c.flags)
			for range 2 { // found, and remembered
				d := n.until()
				if d.Why != c.why || d.Again != c.again || d.Longest != c.longest {
					t.Errorf("%s, %v: %+v", c.at, c.flags, d)
				}
				if c.left > 0 && time.Until(d.At) != c.left || c.why == "" && !d.At.IsZero() {
					t.Errorf("%s, %v: %s are left, want %s", c.at, c.flags, time.Until(d.At), c.left)
				}
			}
			if err := n.closed(); (err != nil) != (c.closedFor != "") || err != nil && (err.Error() != c.closedFor || codeOf(err) != exitLimit) {
				t.Errorf("%s, %v: closed says %v", c.at, c.flags, err)
			}
			if line := n.line(); c.closedFor == "" && line != c.line {
				t.Errorf("%s, %v: the line is %q", c.at, c.flags, line)
			}
		})
	}
}

// A window is of the wall clock, and --max-duration is not.
func TestAClockThatJumpsMovesTheWindowAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNight(t, "2026-11-22 22:00", nightFlags{windows: windowTexts{"22:00-06:00"}, most: 10 * time.Hour})
		skew := time.Duration(0)
		n.clock = func() time.Time { return time.Now().Round(0).Add(skew) }
		for _, c := range []struct{ skew, left time.Duration }{
			{0, 8 * time.Hour}, {7 * time.Hour, time.Hour}, {-2 * time.Hour, 0}, {time.Hour, 7 * time.Hour}, {9 * time.Hour, 0},
		} {
			skew = c.skew
			if left := time.Until(n.until().At); left != c.left {
				t.Errorf("the clock is %s off: %s are left, want %s", c.skew, left, c.left)
			}
		}
		n.from = time.Time{}
		skew = -time.Minute
		if err := n.closed(); err == nil {
			t.Error("the clock was put back before the window, which is still open")
		}
		n.most = time.Hour
		skew = 2 * time.Hour
		if left := time.Until(n.until().At); left != time.Hour {
			t.Errorf("--max-duration has %s left, want an hour", left)
		}
	})
}

func TestWaitingForAWindowIsToldEachHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNight(t, "2026-11-22 19:30", nightFlags{windows: windowTexts{"22:00-06:00"}, most: time.Hour})
		var lines []string
		if err := n.wait(t.Context(), func(line string) { lines = append(lines, line) }); err != nil {
			t.Fatal(err)
		}
		if at := n.moment(time.Now(), time.Now()); at != "Sun 22:00 CET" {
			t.Errorf("it waited until %s", at)
		}
		if len(lines) != 3 || lines[0] != "waiting for the window 22:00-06:00: it opens Sun 22:00 CET, in 2 h 30 min" || !strings.HasSuffix(lines[2], "in 30 min") {
			t.Errorf("it told %q", lines)
		}
		if left := time.Until(n.until().At); left != time.Hour {
			t.Errorf("--max-duration counts from the wait: %s are left", left)
		}
	})
}

func TestWaitingNoticesAClockThatWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNight(t, "2026-11-22 12:00", nightFlags{windows: windowTexts{"22:00-06:00"}})
		begun := time.Now()
		n.clock = func() time.Time {
			if time.Since(begun) > 5*time.Minute { // the machine slept
				return time.Now().Round(0).Add(11 * time.Hour)
			}
			return time.Now().Round(0)
		}
		if err := n.wait(t.Context(), func(string) {}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begun); d > 7*time.Minute {
			t.Errorf("it waited %s on", d)
		}
	})
}

// A signal ends the wait, and nobody was asked for anything.
func TestASignalEndsTheWaitForAWindow(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	now := time.Now().UTC()
	closed := now.Add(4*time.Hour).Format("15:04") + "-" + now.Add(5*time.Hour).Format("15:04")
	p := newProcess(vars)
	code := make(chan int, 1)
	go func() {
		code <- p.run(t, "run", "m.yaml", "--window", closed, "--timezone", "UTC", "--wait-for-window")
	}()
	if _, ok := p.err.await("waiting for the window"); !ok {
		t.Fatalf("it does not wait:\n%s%s", p.out, p.err)
	}
	p.signals <- os.Interrupt
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s%s", c, exitInterrupted, p.out, p.err)
	}
	if n := tenant.Books().API; n > 0 {
		t.Errorf("%d requests", n)
	}
	if fileExists("m.state.db") {
		t.Error("it made a state")
	}
}

// What comes before a run ends with its window too.
func TestAQuestionIsNotAnsweredAfterTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := testNight(t, "2026-11-22 22:00", nightFlags{windows: windowTexts{"22:00-06:00"}})
		ctx, cancel := n.before(t.Context())
		defer cancel()
		<-ctx.Done()
		err := cut(ctx, context.Cause(ctx))
		var stop *pipeline.StopError
		if !errors.As(err, &stop) || stop.Code != exitLimit || n.moment(time.Now(), time.Now()) != "Mon 06:00 CET" {
			t.Errorf("at %s: %v", n.moment(time.Now(), time.Now()), err)
		}
	})
}

// TestAPlanKnowsWhenItsRunsMayWork: a forecast begins when the window opens.
func TestAPlanKnowsWhenItsRunsMayWork(t *testing.T) {
	_, vars := serve(t, emulator.Options{})
	write(t, twoItems())
	opens := time.Now().UTC().AddDate(0, 0, 2).Truncate(24 * time.Hour)
	window := opens.Weekday().String()[:3]
	for _, command := range [][]string{{"plan", "m.yaml"}, {"run", "m.yaml", "--dry-run"}} {
		p := expect(t, vars, exitOK, append(command, "--json", "--window", window, "--timezone", "UTC", "--rate", "1000/s")...)
		var doc struct {
			Summary pipeline.Summary `json:"summary"`
		}
		if err := json.Unmarshal([]byte(p.out.String()), &doc); err != nil {
			t.Fatal(err)
		}
		f := doc.Summary.Forecast
		if f == nil || len(f.Runs) != 1 || !f.Runs[0].Start.Equal(opens) || f.Assumptions.Rate.Value != 1000 || f.Assumptions.Rate.Origin != pipeline.OriginGiven {
			t.Errorf("%s on %s, which begins %s: %+v", command[0], window, opens, f)
		}
	}
	p := expect(t, vars, exitOK, "plan", "m.yaml", "--max-duration", "1ms")
	if !strings.Contains(p.out.String(), "no run is long enough (see --max-duration)") {
		t.Errorf("stdout:\n%s", p.out)
	}
	p = expect(t, vars, exitUsage, "plan", "m.yaml", "--max-duration", "-1s")
	if !strings.Contains(p.err.String(), "--max-duration must be 0 or more") {
		t.Errorf("stderr:\n%s", p.err)
	}
}
