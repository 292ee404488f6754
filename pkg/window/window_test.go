package window

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones must not depend on the machine
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestWhatIsNoWindowIsSaid(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "it is empty"},
		{"22-06", `"22" is no time from 00:00 to 24:00`},
		{"22:00", `"22:00" is one time, and a window has two`},
		{"22:00-25:00", `"25:00" is no time from 00:00 to 24:00`},
		{"24:30-06:00", `"24:30" is no time`},
		{"22:60-06:00", `"22:60" is no time`},
		{"22:00-6:5", `"6:5" is no time`},
		{"22:00-22:00", "it ends when it begins: 00:00-24:00 is a whole day"},
		{"24:00-06:00", "it begins at 24:00, which is 00:00 of the next day"},
		{"22:00-06:00 Mo-Fr", `"Mo" is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun`},
		{"22:00-06:00 Mon-", `"" is no day`},
		{"22:00-06:00 Mon Fri", `it has days twice, "Mon" and "Fri"`},
		{"22:00-23:00 01:00-02:00", `it has times twice, "22:00-23:00" and "01:00-02:00"`},
		{"22:00-06:00-07:00", `"06:00-07:00" is no time`},
		{"weekend", `"weekend" is no day`},
	} {
		err := Check(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `(write it as "22:00-06:00 Mon-Fri"`) {
			t.Errorf("%q: %v, want %q and how to write it", c.text, err, c.want)
		}
	}
	err := Check("22:00; 06:00-08:00; Foo")
	if err == nil || !strings.Contains(err.Error(), `"22:00": "22:00" is one time`) || !strings.Contains(err.Error(), `"Foo": "Foo" is no day`) {
		t.Errorf("not all that is wrong is said: %v", err)
	}
}

func TestAWindowCanBeWrittenInSeveralWays(t *testing.T) {
	every := [7]bool{true, true, true, true, true, true, true}
	week := [7]bool{false, true, true, true, true, true, false}
	for _, c := range []struct {
		text string
		want span
	}{
		{"22:00-06:00", span{every, 22 * 60, 30 * 60}},
		{"22:00-06:00 Mon-Fri", span{week, 22 * 60, 30 * 60}},
		{"mon-friday 22:00 - 6:00", span{week, 22 * 60, 30 * 60}},
		{"MON, tue ,Wed-Fri  22:00–06:00", span{week, 22 * 60, 30 * 60}},
		{"0:30-24:00 Mon - Fri", span{week, 30, 24 * 60}},
		{"22:00-24:00", span{every, 22 * 60, 24 * 60}},
		{"22:00-00:00", span{every, 22 * 60, 24 * 60}},
		{"Sat,Sun", span{[7]bool{true, false, false, false, false, false, true}, 0, 24 * 60}},
		{"Fri-Mon", span{[7]bool{true, true, false, false, false, true, true}, 0, 24 * 60}},
		{"Sun", span{[7]bool{true}, 0, 24 * 60}},
	} {
		got, err := parse(c.text)
		if err != nil || got != c.want {
			t.Errorf("%q is %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
}

func TestNextKnowsNightsAndWeeks(t *testing.T) {
	const layout = "2006-01-02 15:04 MST"
	for _, c := range []struct {
		zone, windows, now  string
		open, close, length string // open "": inside
	}{
		// The day is that on which the window begins.
		{"Europe/Brussels", "22:00-06:00 Mon-Fri", "2026-11-22 12:00 CET", "2026-11-23 22:00 CET", "2026-11-24 06:00 CET", "8h0m0s"}, // a Sunday
		{"Europe/Brussels", "22:00-06:00 Mon-Fri", "2026-11-23 03:00 CET", "2026-11-23 22:00 CET", "2026-11-24 06:00 CET", "8h0m0s"},
		{"Europe/Brussels", "22:00-06:00 Mon-Fri", "2026-11-28 05:59 CET", "", "2026-11-28 06:00 CET", "8h0m0s"},                     // the night of Friday
		{"Europe/Brussels", "22:00-06:00 Mon-Fri", "2026-11-28 06:00 CET", "2026-11-30 22:00 CET", "2026-12-01 06:00 CET", "8h0m0s"}, // its end is not in it
		{"Europe/Brussels", "22:00-06:00 Mon-Fri", "2026-11-23 22:00 CET", "", "2026-11-24 06:00 CET", "8h0m0s"},                     // its beginning is
		// Windows that touch are one.
		{"Europe/Brussels", "22:00-06:00 Mon-Fri; Sat-Sun", "2026-11-27 23:00 CET", "", "2026-11-30 00:00 CET", "50h0m0s"},
		{"Europe/Brussels", "22:00-24:00; 00:00-06:00", "2026-11-27 23:00 CET", "", "2026-11-28 06:00 CET", "8h0m0s"},
		{"UTC", "00:00-24:00", "2026-11-27 23:00 UTC", "", "", "0s"}, // it does not close
		// The night has its real length.
		{"Europe/Brussels", "22:00-06:00", "2026-03-28 22:00 CET", "", "2026-03-29 06:00 CEST", "8h0m0s"},
		{"Europe/Brussels", "22:00-06:00", "2026-10-24 22:00 CEST", "", "2026-10-25 06:00 CET", "9h0m0s"},
		// 02:30 does not exist: the clock jumps over it.
		{"Europe/Brussels", "02:30-06:00", "2026-03-29 00:00 CET", "2026-03-29 03:00 CEST", "2026-03-29 06:00 CEST", "3h30m0s"},
		{"Europe/Brussels", "22:00-02:30", "2026-03-28 23:00 CET", "", "2026-03-29 03:00 CEST", "4h30m0s"},
		{"Europe/Brussels", "02:10-02:50 Sun", "2026-03-28 23:00 CET", "2026-04-05 02:10 CEST", "2026-04-05 02:50 CEST", "40m0s"},
		// 02:30 exists twice: the clock shows it twice.
		{"Europe/Brussels", "22:00-02:30", "2026-10-24 23:00 CEST", "", "2026-10-25 02:30 CEST", "4h30m0s"},
		{"Europe/Brussels", "22:00-02:30", "2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET", "4h30m0s"},
		{"Europe/Brussels", "02:30-06:00", "2026-10-25 02:30 CEST", "", "2026-10-25 02:00 CET", "3h30m0s"},
		{"Australia/Lord_Howe", "01:45-06:00", "2026-04-05 01:50 +11", "", "2026-04-05 01:30 +1030", "4h15m0s"}, // half an hour comes twice
		{"America/Sao_Paulo", "00:00-06:00", "2018-11-03 22:00 -03", "2018-11-04 01:00 -02", "2018-11-04 06:00 -02", "6h0m0s"},
	} {
		z := zone(t, c.zone)
		w, err := Parse(z, c.windows)
		if err != nil {
			t.Fatal(err)
		}
		now := find(t, z, layout, c.now)
		open, close, inside := w.Next(now)
		got := [2]string{}
		for i, at := range []time.Time{open, close} {
			if !at.IsZero() {
				got[i] = at.In(z).Format(layout)
			}
		}
		if inside {
			if !open.Equal(now) {
				t.Errorf("%s at %s: inside, and opens at %s", c.windows, c.now, got[0])
			}
			got[0] = ""
		}
		if got != [2]string{c.open, c.close} {
			t.Errorf("%s at %s: open %q, close %q; want %q, %q", c.windows, c.now, got[0], got[1], c.open, c.close)
		}
		if length := w.Longest(now); length.String() != c.length {
			t.Errorf("%s at %s: the longest is %s, want %s", c.windows, c.now, length, c.length)
		}
	}
	if open, close, inside := (Windows{}).Next(time.Now()); !open.IsZero() || !close.IsZero() || inside {
		t.Error("no windows are open")
	}
}

// find is the moment that a text shows, of the two that may show it that of the
// abbreviation.
func find(t *testing.T, z *time.Location, layout, text string) time.Time {
	t.Helper()
	clock, _, _ := strings.Cut(text, " ")
	day, err := time.Parse(time.DateOnly, clock)
	if err != nil {
		t.Fatal(err)
	}
	for at := day.Add(-24 * time.Hour); at.Before(day.Add(48 * time.Hour)); at = at.Add(time.Minute) {
		if at.In(z).Format(layout) == text {
			return at
		}
	}
	t.Fatalf("no moment shows %s", text)
	return time.Time{}
}

// oracle is what a clock on the wall shows, and nothing else: minute by minute.
func oracle(w Windows, at time.Time) bool {
	local := at.In(w.zone)
	minute := local.Hour()*60 + local.Minute()
	// The day before by the calendar: clocks and time zones may leave days out.
	before := time.Date(local.Year(), local.Month(), local.Day()-1, 12, 0, 0, 0, time.UTC).Weekday()
	return slices.ContainsFunc(w.spans, func(s span) bool {
		return s.days[local.Weekday()] && minute >= s.start && minute < min(s.end, dayMinutes) || s.days[before] && minute < s.end-dayMinutes
	})
}

// TestNextAgreesWithAClockOnTheWall walks through years minute by minute.
func TestNextAgreesWithAClockOnTheWall(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 22))
	zones := []string{"UTC", "Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "Europe/Dublin"}
	for round := range 18 {
		z := zone(t, zones[round%len(zones)])
		w := Windows{zone: z}
		for range 1 + rng.IntN(3) {
			s := span{start: rng.IntN(dayMinutes)}
			s.end = s.start + 1 + rng.IntN(dayMinutes)
			for d := range s.days {
				s.days[d] = rng.IntN(2) == 0
			}
			if rng.IntN(3) == 0 { // around the hour at which clocks change
				s.start, s.end = 60+rng.IntN(60), 120+rng.IntN(120)
			}
			if s.end > dayMinutes && s.end-s.start > dayMinutes {
				s.end = s.start + dayMinutes
			}
			w.spans = append(w.spans, s)
		}
		// Around changes of the clock, and a year of the day that Samoa left out.
		year := []int{2011, 2018, 2026}[rng.IntN(3)]
		begin := time.Date(year, time.Month(1+rng.IntN(12)), 1+rng.IntN(28), 0, 0, 0, 0, time.UTC)
		if _, jump := begin.In(z).ZoneBounds(); !jump.IsZero() {
			begin = jump.UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)
		}
		const minutes = 8 * dayMinutes
		inside := make([]bool, minutes)
		for i := range inside {
			inside[i] = oracle(w, begin.Add(time.Duration(i)*time.Minute))
		}
		next := -1 // the minute of the next change
		for i := minutes - 1; i >= 0; i-- {
			now := begin.Add(time.Duration(i)*time.Minute + time.Duration(rng.Int64N(int64(time.Minute))))
			if next >= 0 { // else the change is beyond what is known
				open, close, in := w.Next(now)
				want, got := begin.Add(time.Duration(next)*time.Minute), open
				if in {
					got = close
				}
				if in != inside[i] || !got.Equal(want) {
					t.Fatalf("%s, %+v at %s: inside %v until %s; want %v until %s", z, w.spans, now.In(z), in, got.In(z), inside[i], want.In(z))
				}
			}
			if i > 0 && inside[i] != inside[i-1] {
				next = i
			}
		}
	}
}
