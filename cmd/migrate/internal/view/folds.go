package view

import (
	"fmt"
	"sync"
	"time"
)

// someWarnings is how many warnings of a code are shown; the rest is counted.
const someWarnings = 10

// folds keeps what comes again and again from filling a terminal. The zero
// value is ready; its methods may be called concurrently.
type folds struct {
	mu     sync.Mutex
	counts map[string]int // warnings by code
	codes  []string       // in the order of their first warning
	last   string         // the text shown last
	waits  map[string]wait
}

// wait is what was told of a wait.
type wait struct{ at, until time.Time }

// shown reports whether a warning is to be shown: the same text once in a row,
// and each code a few times. Others are counted.
func (f *folds) shown(code, text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text == f.last {
		return false
	}
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	if f.counts[code] == 0 {
		f.codes = append(f.codes, code)
	}
	f.counts[code]++
	if f.counts[code] > someWarnings {
		return false
	}
	f.last = text
	return true
}

// rest says how many warnings of each code were not shown.
func (f *folds) rest() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, code := range f.codes {
		if n := f.counts[code] - someWarnings; n > 0 {
			lines = append(lines, fmt.Sprintf("... and %s like it%s", Plural(n, "more warning", "more warnings"), either(code == "", "", " ("+Clean(code)+")")))
		}
	}
	return lines
}

// due reports whether a wait of this kind is to be told: the first time, when
// it was not told for a while, and when it has become much longer.
func (f *folds) due(kind string, until time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if w, told := f.waits[kind]; told && now.Sub(w.at) < nextLines && until.Sub(w.until) < nextLines {
		return false
	}
	if f.waits == nil {
		f.waits = map[string]wait{}
	}
	f.waits[kind] = wait{at: now, until: until}
	return true
}
