package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	dayForm      = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	relativeForm = regexp.MustCompile(`(?i)^\+\s*(\d{1,4})\s*(day|week|month|year)s?((?:\s+\d{1,4}\s*(?:day|week|month|year)s?)*)$`)
	// What spreadsheets make of dates, with the time of day after it: the year
	// first, or days and months with dots, as they are written in Europe.
	yearFirst = regexp.MustCompile(`^(\d{4})[-/.]\s?(\d{1,2})[-/.]\s?(\d{1,2})\.?(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?$`)
	dayFirst  = regexp.MustCompile(`^(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?: +(\d{1,2}):(\d{2})(?::(\d{2}))?)?$`)
	twoFaced  = regexp.MustCompile(`^(\d{1,2})[-/](\d{1,2})[-/](\d{4})(?:\D.*)?$`)

	relativePart = regexp.MustCompile(`(?i)(\d{1,4})\s*(day|week|month|year)`)
)

// localForm is a moment without a zone: the clock of the header's timezone.
const localForm = "2006-01-02T15:04:05"

const datesExample = `write 2027-12-31T23:00:00Z, 2027-12-31, or "+18 months"`

func (d *decoder) release(v Value) (Instant, bool) { return d.instant(v, false) }
func (d *decoder) expiry(v Value) (Instant, bool)  { return d.instant(v, true) }

// instant reads a moment. A date is the first second of its day, or the last
// one when it ends something. Fractions of a second are cut off. A moment has a
// year of four digits in UTC too: nothing else can be written down.
func (d *decoder) instant(v Value, end bool) (Instant, bool) {
	i, ok := d.moment(v, end)
	if year := i.At.Year(); ok && (year < 1 || year > 9999) {
		d.ps.add(CodeDate, v.Pos, fmt.Sprintf("%s: %q is in the year %d by UTC", d.field, clip(v.Text), year), "write a day of the years 1 to 9999; leave the field out for what never ends")
		return Instant{}, false
	}
	return i, ok
}

func (d *decoder) moment(v Value, end bool) (Instant, bool) {
	s, ok := d.scalar(v, "a date: 2027-12-31")
	if !ok {
		return Instant{}, false
	}
	s = strings.TrimSpace(s)
	written := s
	if v.Loose {
		if s, ok = d.cellDate(v, s); !ok {
			return Instant{}, false
		}
	}
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
	if v.Loose {
		if at, err := time.Parse(localForm, s); err == nil {
			return d.localMoment(v, at)
		}
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		if date, ok := rewrittenDate(s); ok && !v.Loose {
			d.repair(v.Pos, repairText, date, "%s: %q is now %s", d.field, clip(s), date)
		}
		fix := datesExample
		if t, err := time.Parse(localForm, strings.Replace(s, " ", "T", 1)); err == nil {
			fix = "add the zone: " + t.Format(localForm) + "Z"
		}
		d.ps.add(CodeDate, v.Pos, fmt.Sprintf("%s: %q is no date", d.field, clip(written)), fix)
		return Instant{}, false
	}
	if zone := d.zone; v.Add != nil && zone != nil {
		at = at.In(zone)
	}
	return Instant{At: v.Add.to(at).UTC().Truncate(time.Second)}, true
}

// cellDate is a date of a cell as a manifest would write it. What it does not
// know comes back as it is; false: it can be read in two ways, which is reported.
func (d *decoder) cellDate(v Value, s string) (string, bool) {
	var year, month, day, clock string
	if m := yearFirst.FindStringSubmatch(s); m != nil {
		year, month, day, clock = m[1], m[2], m[3], clockOf(m[4:])
	} else if m := dayFirst.FindStringSubmatch(s); m != nil {
		year, month, day, clock = m[3], m[2], m[1], clockOf(m[4:])
	} else if m := twoFaced.FindStringSubmatch(s); m != nil {
		// What is wrong is the same for all of them; see above.
		d.ps.add(CodeDate, v.Pos, d.field+": the date does not say which of its numbers is the month",
			fmt.Sprintf("write %s; a spreadsheet does it for the whole column with the format yyyy-mm-dd", readings(m[1], m[2], m[3])))
		return "", false
	} else {
		return s, true
	}
	pad := func(s string) string { return strings.Repeat("0", 2-len(s)) + s }
	return year + "-" + pad(month) + "-" + pad(day) + clock, true
}

// clockOf is the time of day of hours, minutes and seconds, or "".
func clockOf(parts []string) string {
	if parts[0] == "" {
		return ""
	}
	h, sec := parts[0], parts[2]
	if len(h) == 1 {
		h = "0" + h
	}
	if sec == "" {
		sec = "00"
	}
	return "T" + h + ":" + parts[1] + ":" + sec
}

// readings are the days that a date with slashes can be.
func readings(a, b, year string) string {
	var days []string
	for _, form := range []string{"2-1-2006", "1-2-2006"} {
		if t, err := time.Parse(form, a+"-"+b+"-"+year); err == nil && !slices.Contains(days, t.Format(time.DateOnly)) {
			days = append(days, t.Format(time.DateOnly))
		}
	}
	if days == nil {
		return "a day such as 2027-12-31"
	}
	return strings.Join(days, " or ")
}

// localMoment is a moment by the clock of the header's timezone.
func (d *decoder) localMoment(v Value, at time.Time) (Instant, bool) {
	if d.zone == nil {
		d.ps.add(CodeNeedsTimezone, v.Pos, d.field+": the time has no zone, and the header names no timezone",
			"write timezone: Europe/Brussels in the header, or the time with its zone: "+at.Format(localForm)+"Z")
		return Instant{}, false
	}
	at = v.Add.to(at)
	return Instant{At: time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, d.zone).UTC()}, true
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
