package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Name is the ledger's name: of the tenant, which is a name that can be one of a
// file, and of the credential, of which it tells nothing.
func Name(tenant, credential string) string {
	sum := sha256.Sum256([]byte("migrate ledger\x00" + tenant + "\x00" + credential))
	return tenant + "-" + hex.EncodeToString(sum[:8]) + ".json"
}

// Standing is how a budget stands at one moment.
type Standing struct {
	Limited bool          // something is limited
	Limit   int           // requests in a window; 0: nothing is limited
	Window  time.Duration // 24 h when nothing is limited
	Spent   int           // in the last window, by this credential on this machine; with what the leases of others may still spend
	Reserve int           // of the limit, left to others
	Left    int           // before the reserve begins
	There   int           // of the limit, the reserve included
	Service bool          // the limit is the one that the service told
	Opens   time.Time     // when half of what may be used is free again; zero: not known
	Free    int           // how many are then
}

// Standing is how the budget stands now.
func (l *Ledger) Standing() Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.clock()
	s := Standing{Window: l.window(), Limited: l.limited()}
	s.Spent, _ = l.book.spent(now, s.Window, l.mine)
	for _, o := range l.leases {
		s.Spent += o.used
	}
	if !s.Limited {
		return s
	}
	s.Left, s.There, s.Service = l.left(now)
	s.Limit = l.cfg.Limit.N
	if s.Service {
		s.Limit, s.Window = l.book.Service.Limit, l.book.Service.Window
	}
	s.Reserve = l.cfg.Reserve.Of(s.Limit)
	s.Opens, s.Free = l.opens(now)
	return s
}
