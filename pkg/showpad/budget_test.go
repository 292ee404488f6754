package showpad

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// purse is a budget of so many requests.
type purse struct {
	mu     sync.Mutex
	left   int
	took   int
	broken error
}

func (p *purse) Spend(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return p.broken
	}
	if p.took >= p.left {
		return fmt.Errorf("%w: %d of %d", ErrBudget, p.took, p.left)
	}
	p.took++
	return nil
}

// TestEachAttemptIsSpent: repeats count, v3 counts, bytes do not; and what the budget
// does not give never leaves.
func TestEachAttemptIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(says(503, ""), says(429, ""), says(200, okAsset), says(200, `{"meta":{"code":200},"response":{"id":"u1"}}`), says(200, okAsset))
		p := &purse{left: 4}
		c := newClient(t, s, func(c *Config) { c.Gate = NewPacedGate(GateConfig{Budget: p}) })
		if _, err := c.Asset(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.took != 4 || s.count() != 4 {
			t.Errorf("%d spent for %d requests, want 4", p.took, s.count())
		}
		_, err := c.Asset(t.Context(), "a")
		if v := Classify(KindRead, errOr(err)); v != StopRun || s.count() != 4 {
			t.Errorf("%v (%v) after %d requests, want StopRun after 4", err, v, s.count())
		}
		p.broken = errors.New("disk full")
		if _, err := c.CreateAsset(t.Context(), AssetFields{}); !errors.Is(err, p.broken) || errors.Is(err, ErrUnknownOutcome) || s.count() != 4 {
			t.Errorf("%v after %d requests, want the disk's error after 4", err, s.count())
		}
		if now := c.gate.Pace(); now.InFlight != 0 || now.Waiting != 0 {
			t.Errorf("left behind: %+v", now)
		}
	})
}

func errOr(err error) error {
	if err == nil {
		return fmt.Errorf("no error")
	}
	return err
}
