package view

import (
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func TestWhatIsLeftIsToldAsARange(t *testing.T) {
	until := time.Date(2026, 11, 23, 6, 0, 0, 0, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		left     *pipeline.Left
		finished int
		until    time.Time
		want     string
	}{
		{nil, 10, time.Time{}, ""},
		{&pipeline.Left{Least: 12 * time.Minute, Likely: 12 * time.Minute, Worst: 15 * time.Minute, Share: 1}, 10, time.Time{}, "12 to 15 min left"},
		{&pipeline.Left{Least: 12 * time.Minute, Likely: 12 * time.Minute, Worst: 12*time.Minute + 20*time.Second, Share: 1}, 10, until, "12 min left"},
		{&pipeline.Left{Least: 50 * time.Second, Likely: 50 * time.Second, Worst: 3 * time.Minute, Share: 1}, 10, until, "50 s to 3 min left"},
		{&pipeline.Left{Least: 3 * time.Hour, Likely: 3 * time.Hour, Worst: 4*time.Hour + 5*time.Minute, Share: 1}, 10, until, "3 h 0 min to 4 h 5 min left"},
		{&pipeline.Left{Least: 3 * time.Hour, Likely: 3 * time.Hour, Worst: 5 * time.Hour, Share: 0.4}, 10, until, "stops at 06:00 with about 1,200 of 3,000 done"},
		{&pipeline.Left{Least: 3 * time.Hour, Likely: 3 * time.Hour, Worst: 5 * time.Hour, Share: 0.4}, 10, time.Time{}, "stops with about 1,200 of 3,000 done"},
		{&pipeline.Left{Least: time.Minute, Likely: time.Minute, Worst: time.Minute, Share: 1}, 3000, until, ""},
	} {
		s := Snapshot{Items: 3000, Finished: c.finished, Left: c.left, Until: c.until}
		if got := s.TimeLeft(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.left, got, c.want)
		}
	}
}
