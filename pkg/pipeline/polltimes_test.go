package pipeline

import (
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestProcessingTimesAreLearnt: the first question comes when a file of its size may be
// there, not before, and sooner again when files are there each time.
func TestProcessingTimesAreLearnt(t *testing.T) {
	var p pollTimes
	now := time.Now()
	deck := func(age time.Duration, polled bool) *watched {
		o := &watched{w: &work{rec: &state.Record{Size: 1 << 10}}, sent: now.Add(-age), polled: polled}
		return o
	}
	video := &watched{w: &work{rec: &state.Record{Size: 1 << 30}}, sent: now}
	if at := p.due([]*watched{deck(0, false)}); !at.IsZero() {
		t.Errorf("nothing is known, and it waits until %v", at)
	}
	for range 5 { // there at the first look, at once: nothing to wait for
		p.seen(1<<10, 0, time.Millisecond)
		p.learn()
	}
	if p.typical[0] != 0 {
		t.Errorf("what was never seen to take time takes %v", p.typical[0])
	}
	for range 3 {
		p.seen(1<<10, 100*time.Second, 140*time.Second)
		p.seen(2<<10, 110*time.Second, 130*time.Second)
		p.learn()
	}
	if p.typical[0] != 2*time.Minute {
		t.Fatalf("learnt %v, want 2 min", p.typical[0])
	}
	batch := []*watched{deck(10*time.Second, false), deck(0, false)}
	if d := p.due(batch).Sub(now); d != 86*time.Second {
		t.Errorf("the oldest is asked about in %v, want 0.8 of 2 min after it was sent", d)
	}
	if d := p.again(batch); d != 12*time.Second {
		t.Errorf("and again after %v, want 12 s", d)
	}
	if at := p.due([]*watched{deck(0, false), video}); !at.IsZero() {
		t.Error("a file of which nothing is known may be there at any time")
	}
	if at := p.due([]*watched{deck(0, true)}); !at.IsZero() {
		t.Error("the first pause counts once")
	}
	for range 10 {
		p.seen(1<<10, 0, 96*time.Second)
		p.learn()
	}
	if p.typical[0] >= 100*time.Second || p.typical[0] <= time.Second {
		t.Errorf("they are there at every first look, and %v is believed", p.typical[0])
	}
}
