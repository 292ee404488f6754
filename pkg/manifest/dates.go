package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	dayForm      = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	relativeForm = regexp.MustCompile(`(?i)^\+\s*(\d{1,4})\s*(day|week|month|year)s?((?:\s+\d{1,4}\s*(?:day|week|month|year)s?)*)$`)
	relativePart = regexp.MustCompile(`(?i)(\d{1,4})\s*(day|week|month|year)`)
)

const datesExample = `write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months"`

func (d *decoder) release(v Value) (Instant, bool) { return d.instant(v, false) }
func (d *decoder) expiry(v Value) (Instant, bool)  { return d.instant(v, true) }

// instant reads a moment. A date is the first second of its day, or the last
// one when it ends something. Fractions of a second are cut off.
func (d *decoder) instant(v Value, end bool) (Instant, bool) {
	s, ok := d.scalar(v, "a date: 2027-12-31")
	if !ok {
		return Instant{}, false
	}
	s = strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(s, "+"):
		if v.Add != nil {
			d.ps.add(CodeDate, v.Pos, fmt.Sprintf("%s: %q is no date that %s can be added to", d.field, clip(s), strings.TrimPrefix(v.Add.Relative, "+")), "write a day, as in 2026-12-01")
			return Instant{}, false
		}
		if i, ok := relative(s); ok {
			return i, true
		}
		d.ps.add(CodeDate, v.Pos, fmt.Sprintf("%s: %q is no span of time", d.field, clip(s)), `write "+18 months"; possible are days, weeks, months and years`)
		return Instant{}, false
	case dayForm.MatchString(s):
		day, err := time.Parse(time.DateOnly, s)
		if err != nil {
			d.ps.add(CodeDate, v.Pos, fmt.Sprintf("%s: there is no day %s", d.field, s), "correct the month or day")
			return Instant{}, false
		}
		if d.zone == nil {
			hour := "T00:00:00Z"
			if end {
				hour = "T23:59:59Z"
			}
			// What is wrong is the same for all dates: lists of problems are folded by it.
			d.ps.add(CodeNeedsTimezone, v.Pos, d.field+": the date has no time, and the header names no timezone",
				"write timezone: Europe/Brussels in the header, or the date with its time: "+s+hour)
			return Instant{}, false
		}
		y, m, dd := v.Add.to(day).Date()
		at := time.Date(y, m, dd, 0, 0, 0, 0, d.zone)
		if end {
			at = time.Date(y, m, dd, 23, 59, 59, 0, d.zone)
		}
		return Instant{At: at.UTC()}, true
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		fix := datesExample
		if t, err := time.Parse("2006-01-02T15:04:05", strings.Replace(s, " ", "T", 1)); err == nil {
			fix = "add the zone: " + t.Format("2006-01-02T15:04:05") + "Z"
		}
		d.ps.add(CodeDate, v.Pos, fmt.Sprintf("%s: %q is no date", d.field, clip(s)), fix)
		return Instant{}, false
	}
	if zone := d.zone; v.Add != nil && zone != nil {
		at = at.In(zone)
	}
	return Instant{At: v.Add.to(at).UTC().Truncate(time.Second)}, true
}

// to is t and the span of i later, at the same time of the day; the last day of
// a shorter month stands for days that it lacks. A nil i adds nothing.
func (i *Instant) to(t time.Time) time.Time {
	if i == nil {
		return t
	}
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location()).AddDate(i.Years, i.Months, 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1+i.Days)
}

// relative reads "+18 months" or "+1 year 6 months".
func relative(s string) (Instant, bool) {
	if !relativeForm.MatchString(s) {
		return Instant{}, false
	}
	var i Instant
	var words []string
	for _, m := range relativePart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return Instant{}, false
		}
		unit := strings.ToLower(m[2])
		switch unit {
		case "day":
			i.Days += n
		case "week":
			i.Days += 7 * n
		case "month":
			i.Months += n
		case "year":
			i.Years += n
		}
		if n != 1 {
			unit += "s"
		}
		words = append(words, fmt.Sprintf("%d %s", n, unit))
	}
	// The service's dates have years of four digits.
	if i.Years > 1000 || i.Months > 12000 || i.Days > 365000 {
		return Instant{}, false
	}
	i.Relative = "+" + strings.Join(words, " ")
	return i, true
}
