package view

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

var controls = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// last is what was drawn last: the lines from the last one of the items on.
func (p *page) last() string {
	text := controls.ReplaceAllString(p.String(), "")
	return text[max(0, strings.LastIndex(text, "items ")):]
}

func TestFilesThatTakeLongHaveBarsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		s := newScreen(&out, 120)
		lines := 30
		s.height = func() int { return lines }
		snap := Snapshot{Items: 9, Finished: 3, Bytes: 150, ToSend: 900, Elapsed: 10 * time.Second, Stages: map[string]int{"transfer": 2, "settle": 1, "hash": 3}, Uploads: []Upload{
			{"V1", "a \x1b[2Jlong film about something that nobody will ever watch to its end.mp4", 100, 400, 10 * time.Second},
			{"V2", "", 50, 400, 5 * time.Second},
			{"S", "small.pdf", 1, 2, time.Second},
		}}
		draw := func() string {
			s.update(snap)
			<-time.After(3 * refresh)
			synctest.Wait()
			return out.last()
		}
		got := draw()
		for _, want := range []string{"3/9", "0.3 items/s, 15 B/s", "3 hashing, 2 sending, 1 processing", "a long film about something…", "100 B/400 B", "10 B/s", "V2", "50 B/400 B"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing in\n%s", want, got)
			}
		}
		if strings.Contains(got, "small") {
			t.Errorf("a small file has a bar:\n%s", got)
		}
		// It has all its bytes, and then it is gone.
		snap.Uploads[0].Sent = 400
		if got := draw(); !strings.Contains(got, "400 B/400 B") {
			t.Errorf("the first file is not full:\n%s", got)
		}
		snap.Uploads = snap.Uploads[1:]
		if got := draw(); strings.Contains(got, "long film") || !strings.Contains(got, "V2") {
			t.Errorf("the first file is still there, or the second is not:\n%s", got)
		}
		// The terminal became small.
		lines = ownLines
		if got := draw(); strings.Contains(got, "V2") {
			t.Errorf("a file takes the place of what matters more:\n%s", got)
		}
		snap.Items, snap.Finished = 12_000, 1204
		if got := draw(); !strings.Contains(got, "1,204/12,000") {
			t.Errorf("many items are counted otherwise than elsewhere:\n%s", got)
		}
		snap.Items, snap.Finished, snap.Uploads = 9, 9, nil
		s.close(snap)
		if got := out.last(); !strings.Contains(got, "9/9") || strings.Contains(got, "V2") || strings.Contains(got, "sending") {
			t.Errorf("at the end:\n%s", got)
		}
	})
}

// Where there is no room for a bar its labels stay apart, and what counts most is said
// first.
func TestLabelsStayApartWhereItIsNarrow(t *testing.T) {
	snap := Snapshot{Items: 303, Finished: 126, Bytes: 5_300_000, ToSend: 189_000_000, Elapsed: 10 * time.Second, Stages: map[string]int{"hash": 6, "register": 20}}
	snap.Left = &pipeline.Left{Known: true, Least: 13 * time.Second, Likely: time.Minute, Worst: 2 * time.Minute, Share: 1}
	for _, width := range []int{40, 50, 60, 80, 120} {
		synctest.Test(t, func(t *testing.T) {
			var out page
			s := newScreen(&out, width)
			s.width = func() int { return width }
			s.update(snap)
			<-time.After(3 * refresh)
			synctest.Wait()
			got := out.last()
			s.close(snap)
			for _, want := range []string{`126/303 `, `5\.3 MB/189 MB `} {
				if !regexp.MustCompile(want).MatchString(got) {
					t.Errorf("%d columns: %q is missing in\n%s", width, want, got)
				}
			}
			if !strings.Contains(got, "13 s to ") || width < narrowWidth && strings.Contains(got, "items/s") {
				t.Errorf("%d columns: what is left is missing, or something else is in its way\n%s", width, got)
			}
		})
	}
}
