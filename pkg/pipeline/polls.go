package pipeline

import "time"

const (
	// An item is first asked about after this part of the time that such files were seen
	// to take, and the oldest ones again after a part of it: later by no more than that.
	pollBefore  = 0.8
	pollAgain   = 0.1
	pollAtMost  = 2 * time.Minute
	pollAllowed = 10 // polls of any run; beyond them one for ten items, a twentieth of their requests
	pollPerItem = 10
	// Beyond what is allowed, and under a budget, the next poll waits for a quarter of the
	// time that the oldest has taken.
	pollStretch   = 4
	pollStretched = 5 * time.Minute
)

// pollTimes are how long the service was seen to process files, by their size. Zero
// values are not known: then nothing waits for them.
type pollTimes struct {
	typical [4]time.Duration
	late    [4]time.Duration // of this poll: sum over those that were seen on their way
	n       [4]int
	early   [4]int // of this poll: those that were there when first asked about
}

// pollClass is which of the four kinds of files one of that many bytes is.
func pollClass(size int64) int {
	switch {
	case size < 1<<20:
		return 0
	case size < 16<<20:
		return 1
	case size < 256<<20:
		return 2
	}
	return 3
}

// seen notes that a file was active age after it was sent, and when it last was not, 0:
// nobody had asked.
func (p *pollTimes) seen(size int64, before, age time.Duration) {
	c := pollClass(size)
	if before > 0 {
		p.late[c] += (before + age) / 2
		p.n[c]++
	} else if age < p.typical[c] {
		p.early[c]++
	}
}

// learn ends a poll.
func (p *pollTimes) learn() {
	for c := range p.typical {
		switch t := &p.typical[c]; {
		case p.n[c] > 0 && *t == 0:
			*t = p.late[c] / time.Duration(p.n[c])
		case p.n[c] > 0:
			*t = (*t + p.late[c]/time.Duration(p.n[c])) / 2
		case p.early[c] > 0:
			*t = *t * 4 / 5 // it may well have been there sooner
		}
	}
	p.late, p.n, p.early = [4]time.Duration{}, [4]int{}, [4]int{}
}

// due is when one of a batch may first be there; zero: at any time.
func (p *pollTimes) due(batch []*watched) (first time.Time) {
	for i, o := range batch {
		t := p.typical[pollClass(o.w.rec.Size)]
		if t == 0 || o.polled || o.w.item.URL != "" {
			return time.Time{}
		}
		if at := o.sent.Add(time.Duration(pollBefore * float64(t))); i == 0 || at.Before(first) {
			first = at
		}
	}
	return first
}

// again is the shortest pause before a batch is asked about once more: what is known of
// such files, or how long the youngest was seen to take so far.
func (p *pollTimes) again(batch []*watched) (d time.Duration) {
	for i, o := range batch {
		t := max(p.typical[pollClass(o.w.rec.Size)], o.not.Sub(o.sent))
		if i == 0 || t < d {
			d = t
		}
	}
	return min(time.Duration(pollAgain*float64(d)), pollAtMost)
}

// stretched is the shortest pause when there have been more polls than their share of
// the run's requests.
func (s *settler) stretched(oldest *watched) time.Duration {
	allowed := pollAllowed + s.added/pollPerItem
	if s.r.purse.limited() {
		allowed /= 2
	}
	if s.polls < allowed {
		return 0
	}
	return min(time.Since(oldest.sent)/pollStretch, pollStretched)
}

// wait is how long processing that does not advance is waited for; negative: not at all.
func (o *Options) wait() time.Duration {
	if o.Wait == 0 {
		return 30 * time.Minute
	}
	return o.Wait
}
