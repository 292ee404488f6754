package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

const (
	// ownLines are kept free of the bars of files: the two bars of the run, what was
	// said before them, and a prompt.
	ownLines = 6
	// mostFiles is how many files have bars, however tall the terminal is.
	mostFiles = 8
	// slowFile is how long a file is on its way before it has a bar: those of
	// small files would only flicker.
	slowFile = 2 * time.Second
	// nameWidth is what a file's name may take of a line, in columns.
	nameWidth = 28
	// barWidth is that of a bar, in columns; of the whole line where there is no terminal.
	barWidth = 40
)

// screen is the bars of a terminal: items, bytes, and, where the terminal is tall
// enough, the files that are on their way for long.
type screen struct {
	progress *mpb.Progress
	height   func() int // of the terminal, in lines, at this moment
	width    func() int // likewise, in columns; 0: there is none
	items    *mpb.Bar
	bytes    *mpb.Bar
	files    map[string]*fileBar // by external ID

	mu    sync.Mutex // the bars are drawn by goroutines of their own
	pace  string     // after the items
	where string     // after the bytes
}

// fileBar is a file with the bar that it has.
type fileBar struct {
	bar *mpb.Bar
	now Upload // guarded by the screen's lock
}

func newScreen(out io.Writer, width int) *screen {
	s := &screen{
		progress: mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh(), mpb.WithRefreshRate(refresh), mpb.WithWidth(width)),
		files:    map[string]*fileBar{},
	}
	s.width, s.height = sizeOf(out)
	s.items = s.progress.AddBar(0, mpb.BarFillerTrim(),
		mpb.PrependDecorators(decor.Name("items ", decor.WCSyncSpaceR), decor.Any(func(s decor.Statistics) string { return Count(s.Current) + "/" + Count(s.Total) }, decor.WCSyncSpace), decor.Name(" ")),
		mpb.AppendDecorators(s.text(func() string { return s.pace })))
	s.bytes = s.progress.AddBar(0, mpb.BarFillerTrim(),
		mpb.PrependDecorators(decor.Name("bytes ", decor.WCSyncSpaceR), decor.Any(func(s decor.Statistics) string { return Bytes(s.Current) + "/" + Bytes(s.Total) }, decor.WCSyncSpace), decor.Name(" ")),
		mpb.AppendDecorators(s.text(func() string { return s.where })))
	return s
}

// sizeOf tells the columns and the lines of the terminal behind out; 0 when there is none.
func sizeOf(out io.Writer) (width, height func() int) {
	file, ok := out.(interface{ Fd() uintptr })
	size := func() (columns, lines int) {
		if ok {
			columns, lines, _ = term.GetSize(int(file.Fd())) // 0 with an error
		}
		return columns, lines
	}
	return func() int { w, _ := size(); return w }, func() int { _, h := size(); return h }
}

// text is a part of a line that changes; get is called with the lock held.
func (s *screen) text(get func() string) decor.Decorator {
	return decor.Any(func(decor.Statistics) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return " " + get() // mpb's own spaces go with a bar that has no room
	})
}

func (s *screen) update(snap Snapshot) {
	s.mu.Lock()
	s.pace, s.where = paceText(snap, s.narrow()), stagesText(snap.Stages)
	s.mu.Unlock()
	s.items.SetTotal(int64(snap.Items), false)
	s.items.SetCurrent(int64(snap.Finished))
	s.bytes.SetTotal(max(snap.ToSend, snap.Bytes), false)
	s.bytes.SetCurrent(max(0, snap.Bytes))
	s.show(snap.Uploads)
}

// show gives bars to the files that are on their way for long, as many as fit.
func (s *screen) show(uploads []Upload) {
	room := min(mostFiles, s.height()-ownLines)
	moving := map[string]bool{}
	for _, u := range uploads {
		if len(moving) >= room || u.Elapsed < slowFile {
			break // the oldest come first
		}
		moving[u.ExternalID] = true
		f := s.files[u.ExternalID]
		if f == nil {
			f = s.add(u)
		}
		s.mu.Lock()
		f.now = u
		s.mu.Unlock()
		f.bar.SetTotal(u.Size, false)
		f.bar.SetCurrent(u.Sent)
	}
	for id, f := range s.files {
		if !moving[id] {
			f.bar.Abort(true) // and its line goes
			delete(s.files, id)
		}
	}
}

func (s *screen) add(u Upload) *fileBar {
	f := &fileBar{now: u}
	name := runewidth.Truncate(Clean(u.Name), nameWidth, "…")
	if name == "" {
		name = runewidth.Truncate(Clean(u.ExternalID), nameWidth, "…")
	}
	f.bar = s.progress.AddBar(0, mpb.BarFillerTrim(), // one with a total would end by itself, and stay
		mpb.PrependDecorators(decor.Name("  "+name+" ", decor.WCSyncSpaceR), decor.Any(func(s decor.Statistics) string { return Bytes(s.Current) + "/" + Bytes(s.Total) }, decor.WCSyncSpace), decor.Name(" ")),
		mpb.AppendDecorators(s.text(func() string { return f.now.Speed() })))
	s.files[u.ExternalID] = f
	return f
}

// close draws the last state and leaves the bars of the run on the screen.
func (s *screen) close(snap Snapshot) {
	snap.Uploads, snap.Stages, snap.Left, snap.Draining = nil, nil, nil, time.Time{}
	s.update(snap)
	s.items.Abort(false)
	s.bytes.Abort(false)
	s.progress.Wait()
}

// narrowWidth is that of a terminal that has no room for all that could be said, in
// columns.
const narrowWidth = 70

// narrow reports whether the terminal is, at this moment.
func (s *screen) narrow() bool {
	w := s.width()
	return w > 0 && w < narrowWidth
}

// paceText is what stands after the items; where it is narrow, what counts most.
func paceText(snap Snapshot, narrow bool) string {
	if !snap.Draining.IsZero() {
		return snap.stopping()
	}
	if snap.Waiting != "" {
		return "waiting: " + Clean(snap.Waiting)
	}
	var parts []string
	if left := snap.TimeLeft(); left != "" && narrow {
		return left
	}
	if seconds := snap.Elapsed.Seconds(); seconds >= 1 {
		parts = append(parts, fmt.Sprintf("%.1f items/s, %s/s", float64(snap.Finished)/seconds, Bytes(int64(float64(snap.Bytes)/seconds))))
	}
	if left := snap.TimeLeft(); left != "" {
		parts = append(parts, left)
	}
	if bad := snap.bad(); bad > 0 {
		parts = append(parts, Plural(bad, "needs", "need")+" somebody")
	}
	return strings.Join(parts, ", ")
}

// stagesText is where the items are that are under way.
func stagesText(in map[string]int) string {
	var parts []string
	for _, s := range stages {
		if n := in[s.name]; n > 0 {
			parts = append(parts, Count(n)+" "+s.text)
		}
	}
	return strings.Join(parts, ", ")
}
