package pipeline

import (
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

func TestWhatLimitedARunInOneSentence(t *testing.T) {
	type times = map[string]time.Duration
	const min = time.Minute
	for _, c := range []struct {
		name string
		u    usage
		by   string
		want string // "": nothing is told
	}{
		{"a moment", usage{total: 9 * time.Second, times: times{byRate: 9 * time.Second}}, "", ""},
		{"nothing", usage{total: 10 * min, times: times{byRate: min, byState: min}}, "", "Nothing in particular limited this run."},
		{"the service's rate", usage{total: 10 * min, times: times{byRate: 9 * min}, gate: showpad.PaceNow{Ceiling: 6.94}}, byRate, "The service's rate limited this run: 6.94 requests/s were allowed."},
		{"a rate and its pauses", usage{total: 10 * min, times: times{byClosed: 2 * min, byRate: 7 * min}, gate: showpad.PaceNow{Ceiling: 20, Rate: 19}}, byRate, "The service's rate limited this run: 20 requests/s were allowed."},
		{"a given rate", usage{total: 10 * min, times: times{byRate: 9 * min}, gate: showpad.PaceNow{Given: 7, Rate: 7}}, byRate, "The rate that it was given limited this run: 7 requests/s (--rate)."},
		{"a given rate above the service's", usage{total: 10 * min, times: times{byRate: 9 * min}, gate: showpad.PaceNow{Given: 7, Ceiling: 5}}, byRate, "The service's rate limited this run: 5 requests/s were allowed."},
		{"told to wait", usage{total: 60 * min, times: times{byClosed: 41 * min, byRate: 2 * min}}, byClosed, "The service limited this run: it asked to wait, 41 min in all."},
		{"requests in flight", usage{total: 10 * min, times: times{byRequests: 8 * min, byUploads: 10 * min}, gate: showpad.PaceNow{Slots: 8}}, byRequests, "The time that requests take limited this run: 8 were in flight at most (--requests)."},
		{"a given bandwidth", usage{total: 10 * min, times: times{byBandwidth: 9 * min, byUploads: 10 * min}, up: UploadsNow{Bandwidth: 20 << 20}}, byBandwidth, "The bandwidth that it was given limited this run: 21 MB/s (--bandwidth)."},
		{"the line", usage{total: 100 * time.Second, bytes: 1.9e9, times: times{byUploads: 99 * time.Second}, up: UploadsNow{Limit: 4, Cap: 8}}, byUploads, "The line limited this run: 19 MB/s, and more uploads at once were no faster."},
		{"uploads in flight", usage{total: 100 * time.Second, bytes: 1.9e9, times: times{byUploads: 99 * time.Second}, up: UploadsNow{Limit: 8, Cap: 8}}, byUploads, "The speed of uploads limited this run: 8 were in flight at most (--uploads), 19 MB/s."},
		{"one file", usage{total: 100 * time.Second, bytes: 4e9, times: times{byFile: 99 * time.Second}}, byFile, "The speed of single uploads limited this run: too few files were left to send more at once, 40 MB/s."},
		{"the disk with the files", usage{total: 100 * time.Second, read: 5e9, times: times{bySource: 50 * time.Second, byFile: 20 * time.Second}}, bySource, "Reading the files limited this run: 100 MB/s."},
		{"checksums", usage{total: 100 * time.Second, read: 5e9, times: times{byHashing: 50 * time.Second}}, byHashing, "Computing checksums limited this run: 100 MB/s."},
		{"the disk of the state", usage{total: 100 * time.Second, times: times{byState: 50 * time.Second}}, byState, "The disk with the state limited this run."},
		{"processing", usage{total: 20 * min, times: times{byProcessing: 12 * min, byFile: 2 * min}}, byProcessing, "Showpad's processing limited this run: it was waited for, 12 min in all."},
		{"the budget", usage{total: time.Second, times: times{byState: time.Second}, ended: byBudget}, byBudget, "The budget of requests ended this run."},
		{"the window", usage{total: time.Second, times: times{byState: time.Second}, ended: byWindow}, byWindow, "The end of its time ended this run."},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := c.u.limit()
			if l == nil {
				if c.want != "" {
					t.Errorf("nothing is told, want %q", c.want)
				}
				return
			}
			sum := 0.0
			for _, s := range l.Shares {
				sum += s
			}
			if l.By != c.by || l.Sentence != c.want || sum > 1.001 {
				t.Errorf("%q %q %v; want %q %q", l.By, l.Sentence, l.Shares, c.by, c.want)
			}
		})
	}
}

func TestALineIsFitThroughUploads(t *testing.T) {
	for _, c := range []struct {
		name        string
		points      [][2]float64
		base, slope float64
	}{
		{"nothing", nil, 0, 0},
		{"one size", [][2]float64{{100, 2}, {100, 4}}, 3, 0},
		{"two sizes", [][2]float64{{100, 2}, {300, 4}}, 1, 0.01},
		{"larger ones faster", [][2]float64{{100, 4}, {300, 2}}, 3, 0},
		{"through zero at least", [][2]float64{{100, 1}, {300, 5}}, 0, 0.015},
	} {
		var f slant
		for _, p := range c.points {
			f.add(p[0], p[1])
		}
		if base, slope := f.line(); abs(int((base-c.base)*1e6)) > 1 || abs(int((slope-c.slope)*1e6)) > 1 {
			t.Errorf("%s: %g + %g x, want %g + %g x", c.name, base, slope, c.base, c.slope)
		}
	}
}
