package main

import (
	"testing"
	"time"
)

// A pause of 25 hours must not look like one of an hour.
func TestAMomentOfAnotherDayIsToldWithIt(t *testing.T) {
	now := time.Date(2026, 11, 22, 22, 30, 0, 0, time.Local)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{now.Add(10 * time.Second), "22:30:10"},
		{now.AddDate(0, 0, 1), "Mon 23 Nov 22:30 " + now.Format("MST")},
		{now.AddDate(1, 0, 0), "Mon 22 Nov 22:30 " + now.Format("MST")},
	} {
		if got := clock(now, c.at.UTC()); got != c.want {
			t.Errorf("%s: %q, want %q", c.at, got, c.want)
		}
	}
}
