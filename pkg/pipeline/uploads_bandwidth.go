package pipeline

import (
	"context"
	"io"
	"sync"
	"time"
)

// MinBandwidth is the least that Options.Bandwidth may be, in bytes a second: with
// less, uploads that wait for each other would seem to stand still.
const MinBandwidth = 16 << 10

// bandwidth lets so many bytes pass a second, in the order in which they are asked for:
// in small pieces, so that all uploads get on. Its methods may be called concurrently.
type bandwidth struct {
	rate  float64 // bytes a second
	piece int     // bytes that pass at once

	mu   sync.Mutex
	next time.Time // when the next bytes may pass
}

// newBandwidth is nil for no limit.
func newBandwidth(rate int64) *bandwidth {
	if rate <= 0 {
		return nil
	}
	rate = max(rate, MinBandwidth)
	return &bandwidth{rate: float64(rate), piece: int(min(max(rate/100, 1<<10), 32<<10))}
}

// credit is how much of what was not used may be made up for: timers are late at
// times.
const credit = 50 * time.Millisecond

// reserve takes n bytes, and is how long to wait until they may pass. What was not
// used is lost, but for a little.
func (b *bandwidth) reserve(n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.next.IsZero() {
		b.next = now
	}
	if least := now.Add(-credit); b.next.Before(least) {
		b.next = least
	}
	at := b.next
	b.next = at.Add(time.Duration(float64(n) / b.rate * float64(time.Second)))
	return at.Sub(now)
}

// limited is f at the pace that the bandwidth allows; waits is told when a wait begins
// and ends.
func (u *uploads) limited(ctx context.Context, f io.ReadCloser) io.ReadCloser {
	if u.bandwidth == nil {
		return f
	}
	return &limitedReader{ctx: ctx, f: f, u: u}
}

// limitedReader is one file at the pace that the bandwidth allows.
type limitedReader struct {
	ctx context.Context // of the upload that reads it
	f   io.ReadCloser
	u   *uploads
}

func (l *limitedReader) Read(p []byte) (int, error) {
	b := l.u.bandwidth
	n, err := l.f.Read(p[:min(len(p), b.piece)])
	if n > 0 {
		if d := b.reserve(n); d > 0 {
			l.u.throttle(+1)
			werr := sleep(l.ctx, d)
			l.u.throttle(-1)
			if werr != nil {
				return 0, werr
			}
		}
	}
	return n, err
}

func (l *limitedReader) Close() error { return l.f.Close() }

// throttle counts uploads that wait for bandwidth.
func (u *uploads) throttle(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.account(time.Now())
	u.throttled += n
}
