package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many uploads there are, and whenever they begin, they use the bandwidth
// together, to a few hundredths, and each gets its part.
func TestUploadsShareTheBandwidth(t *testing.T) {
	for _, c := range []struct {
		rate int64
		n    int
		size int
	}{{16 << 10, 1, 400 << 10}, {100 << 10, 8, 300 << 10}, {20 << 20, 8, 30 << 20}} {
		synctest.Test(t, func(t *testing.T) {
			u := newUploads(&Options{Uploads: 8, Bandwidth: c.rate}, nil, nil)
			begin := time.Now()
			var mu sync.Mutex
			var first, last time.Duration
			var wg sync.WaitGroup
			longest := time.Duration(0)
			for range c.n {
				wg.Go(func() {
					f := u.limited(t.Context(), io.NopCloser(io.LimitReader(zeros{}, int64(c.size))))
					buf, before := make([]byte, 32<<10), time.Now()
					for {
						n, err := f.Read(buf)
						if n > 0 {
							mu.Lock()
							longest = max(longest, time.Since(before))
							mu.Unlock()
							before = time.Now()
						}
						if err == io.EOF {
							break
						}
					}
					mu.Lock()
					defer mu.Unlock()
					if last = time.Since(begin); first == 0 {
						first = last
					}
				})
			}
			wg.Wait()
			ideal := time.Duration(float64(c.n*c.size) / float64(c.rate) * float64(time.Second))
			if last < ideal*97/100 || last > ideal*103/100 {
				t.Errorf("%d uploads of %d bytes at %d bytes/s took %s, want %s", c.n, c.size, c.rate, last, ideal)
			}
			if first < ideal*95/100 {
				t.Errorf("the first of %d was through after %s, the last after %s: want them even", c.n, first, last)
			}
			// The client gives an upload up that stands still for a minute.
			if longest > 5*time.Second {
				t.Errorf("an upload stood still for %s", longest)
			}
			if w := u.Pace().Waited.Bandwidth; w < ideal*9/10 {
				t.Errorf("%s are told as waited for bandwidth, want about %s", w, ideal)
			}
		})
	}
}

// zeros is a file without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What was not used before is not made up for.
func TestBandwidthDoesNotSaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUploads(&Options{Bandwidth: 64 << 10}, nil, nil)
		send := func() time.Duration {
			begin := time.Now()
			if _, err := io.Copy(io.Discard, u.limited(t.Context(), io.NopCloser(io.LimitReader(zeros{}, 640<<10)))); err != nil {
				t.Fatal(err)
			}
			return time.Since(begin)
		}
		send()
		<-time.After(time.Hour)
		if d := send(); d < 9800*time.Millisecond || d > 10200*time.Millisecond {
			t.Errorf("640 KiB at 64 KiB/s after an hour without uploads took %s, want 10s", d)
		}
	})
}

// A wait for bandwidth ends with its upload.
func TestAWaitForBandwidthEndsWithItsUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUploads(&Options{Bandwidth: MinBandwidth}, nil, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errDrained) })
		begin := time.Now()
		_, err := io.Copy(io.Discard, u.limited(ctx, io.NopCloser(io.LimitReader(zeros{}, 1<<30))))
		if !errors.Is(err, errDrained) || time.Since(begin) > 1100*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		if n := u.throttled; n != 0 {
			t.Errorf("%d are counted as waiting", n)
		}
	})
}

// Without a limit nothing stands between a file and its upload.
func TestNoBandwidthIsNoLimit(t *testing.T) {
	u := newUploads(&Options{}, nil, nil)
	f := io.NopCloser(&bytes.Buffer{})
	if u.limited(t.Context(), f) != f {
		t.Error("a file is read through something else")
	}
}
