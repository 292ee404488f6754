// Package window knows when work is allowed: times of the day on days of the week, by
// the clock on a wall in a time zone. It is pure, and asks nobody for the time.
//
// A window is open while that clock shows a time in it. So a night has its real length
// when clocks change: 22:00-06:00 lasts nine hours when an hour comes twice, and seven
// when one is left out. A time that does not exist is when the clock jumps over it; in
// a window that ends at a time which comes twice, the hour is open, closed and open
// again as the clock shows it.
package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Windows are times at which work is allowed. The zero value has none: it is never
// open. Windows that touch or overlap are one.
type Windows struct {
	spans []span
	zone  *time.Location
}

// span is one window: from start to end on the days that it begins on. Both are in
// minutes of that day; an end of the next day is over 24 hours.
type span struct {
	days       [7]bool // by time.Weekday
	start, end int
}

const dayMinutes = 24 * 60

// horizon is how many days are looked at for the next change: a window of one day a
// week can be left out once, by clocks that jump over it.
const horizon = 15

// Parse reads windows: "22:00-06:00 Mon-Fri", "22:00-06:00" (every day), "Sat,Sun" (the
// whole days). A window that ends before it begins ends on the next day; its days are
// those that it begins on. A text may hold several, separated by semicolons. The
// error says of all of them what is wrong.
func Parse(zone *time.Location, texts ...string) (Windows, error) {
	w := Windows{zone: zone}
	var errs []error
	for _, text := range texts {
		for one := range strings.SplitSeq(text, ";") {
			s, err := parse(one)
			if err != nil {
				errs = append(errs, fmt.Errorf("%q: %w", strings.TrimSpace(one), err))
				continue
			}
			w.spans = append(w.spans, s)
		}
	}
	return w, errors.Join(errs...)
}

// Check says what is wrong with a text for [Parse]. It repeats the text only where it
// has several windows.
func Check(text string) error {
	if !strings.Contains(text, ";") {
		_, err := parse(text)
		return err
	}
	_, err := Parse(time.UTC, text)
	return err
}

// Any reports whether there is a window at all.
func (w Windows) Any() bool { return len(w.spans) > 0 }

// Zone is the time zone that the windows are of.
func (w Windows) Zone() *time.Location { return w.zone }

const howTo = `write it as "22:00-06:00 Mon-Fri", "22:00-06:00" for every day, or "Sat,Sun" for whole days`

func parse(text string) (span, error) {
	var s span
	wrong := func(format string, args ...any) (span, error) {
		return s, fmt.Errorf("%s (%s)", fmt.Sprintf(format, args...), howTo)
	}
	times, days := "", ""
	for word := range strings.FieldsSeq(tight(text)) {
		to, what := &days, "days"
		if word[0] >= '0' && word[0] <= '9' {
			to, what = &times, "times"
		}
		if *to != "" {
			return wrong("it has %s twice, %q and %q", what, *to, word)
		}
		*to = word
	}
	if times == "" && days == "" {
		return wrong("it is empty")
	}
	var err error
	if s.days, err = parseDays(days); err != nil {
		return wrong("%v", err)
	}
	s.start, s.end = 0, dayMinutes
	if times == "" {
		return s, nil
	}
	from, to, ok := strings.Cut(times, "-")
	if !ok {
		return wrong("%q is one time, and a window has two", times)
	}
	if s.start, err = parseTime(from); err != nil {
		return wrong("%v", err)
	}
	if s.end, err = parseTime(to); err != nil {
		return wrong("%v", err)
	}
	switch {
	case s.start == dayMinutes:
		return wrong("it begins at 24:00, which is 00:00 of the next day")
	case s.start == s.end:
		return wrong("it ends when it begins: 00:00-24:00 is a whole day")
	case s.end < s.start:
		s.end += dayMinutes
	}
	return s, nil
}

// tight is text without white space around dashes and commas, with dashes as keyboards
// have them.
func tight(text string) string {
	text = strings.NewReplacer("–", "-", "—", "-").Replace(text)
	for _, sep := range []string{"-", ","} {
		parts := strings.Split(text, sep)
		for i := range parts {
			if i > 0 {
				parts[i] = strings.TrimLeft(parts[i], " \t")
			}
			if i < len(parts)-1 {
				parts[i] = strings.TrimRight(parts[i], " \t")
			}
		}
		text = strings.Join(parts, sep)
	}
	return text
}

// parseTime is the minute of the day of 6:00, 06:00 or 24:00.
func parseTime(text string) (int, error) {
	h, m, ok := strings.Cut(text, ":")
	hour, okH := digits(h, 1, 2)
	minute, okM := digits(m, 2, 2)
	if !ok || !okH || !okM || minute > 59 || hour > 24 || hour == 24 && minute > 0 {
		return 0, fmt.Errorf("%q is no time from 00:00 to 24:00", text)
	}
	return hour*60 + minute, nil
}

// digits is a number of least to most digits.
func digits(text string, least, most int) (n int, ok bool) {
	if len(text) < least || len(text) > most {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// parseDays reads Mon-Fri, Sat,Sun or both; "" is every day. A range may go over the
// end of the week.
func parseDays(text string) (days [7]bool, err error) {
	if text == "" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := parseDay(from)
		if err != nil {
			return days, err
		}
		last := first
		if isRange {
			if last, err = parseDay(to); err != nil {
				return days, err
			}
		}
		for d := first; ; d = (d + 1) % 7 {
			days[d] = true
			if d == last {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun", text)
}

// Next says when work is allowed. Inside: the window is open, and closes at close; open
// is now. Else it opens at open and closes at close. A zero close is of a window that
// does not close, as far as two weeks tell; a zero open of windows that never open.
func (w Windows) Next(now time.Time) (open, close time.Time, inside bool) {
	if len(w.spans) == 0 {
		return time.Time{}, time.Time{}, false
	}
	if w.at(now) {
		return now, w.change(now), true
	}
	if open = w.change(now); open.IsZero() {
		return open, close, false
	}
	return open, w.change(open), false
}

// Longest is the longest stretch that work is allowed without a break, of those that
// begin within two weeks after now, and the rest of the one that is open. It is zero
// for windows that never open, and for one that does not close.
func (w Windows) Longest(now time.Time) time.Duration {
	var longest time.Duration
	end := now.AddDate(0, 0, horizon)
	for t := now; t.Before(end); {
		open, close, _ := w.Next(t)
		switch {
		case open.IsZero():
			return longest
		case close.IsZero():
			return 0
		}
		longest = max(longest, close.Sub(open))
		t = close
	}
	return longest
}

// at reports whether the clock on the wall shows a time in a window.
func (w Windows) at(t time.Time) bool {
	_, offset := t.In(w.zone).Zone()
	return w.shows(t.Unix() + int64(offset))
}

// shows is at for a wall clock, in seconds of its own since 1 January 1970, 00:00.
func (w Windows) shows(wall int64) bool {
	const daySeconds = dayMinutes * 60
	date := floor(wall, daySeconds)
	second := int(wall - date*daySeconds)
	today := int((date%7 + 7 + 4) % 7) // 1 January 1970 was a Thursday
	yesterday := (today + 6) % 7
	return slices.ContainsFunc(w.spans, func(s span) bool {
		return s.days[today] && second >= s.start*60 && second < s.end*60 ||
			s.days[yesterday] && second < s.end*60-daySeconds
	})
}

func floor(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}

// change is the first time after t at which a window opens or closes; zero when there
// is none within the horizon. Between two changes of the clock its offset stays, so
// that only times of windows and changes of the clock come into question.
func (w Windows) change(t time.Time) time.Time {
	inside := w.at(t)
	end := t.AddDate(0, 0, horizon)
	for t.Before(end) {
		local := t.In(w.zone)
		_, offset := local.Zone()
		_, jump := local.ZoneBounds() // zero: the offset stays for ever
		for _, at := range w.edges(t, int64(offset)) {
			if !jump.IsZero() && !at.Before(jump) {
				break
			}
			if w.at(at) != inside {
				return at
			}
		}
		t = t.Add(24 * time.Hour)
		if !jump.IsZero() && jump.Before(t) {
			if t = jump; w.at(t) != inside {
				return t
			}
		}
	}
	return time.Time{}
}

// edges are the beginnings and ends of windows within the 24 hours after t, in their
// order, by a clock of this offset.
func (w Windows) edges(t time.Time, offset int64) []time.Time {
	const daySeconds = dayMinutes * 60
	from := t.Unix()
	date := floor(from+offset, daySeconds)
	var at []int64
	for d := date; d <= date+1; d++ {
		for _, s := range w.spans {
			for _, minute := range []int{s.start, s.end % dayMinutes} {
				if e := d*daySeconds + int64(minute)*60 - offset; e > from && e <= from+daySeconds {
					at = append(at, e)
				}
			}
		}
	}
	slices.Sort(at)
	edges := make([]time.Time, 0, len(at))
	for _, e := range slices.Compact(at) {
		edges = append(edges, time.Unix(e, 0).In(w.zone))
	}
	return edges
}
