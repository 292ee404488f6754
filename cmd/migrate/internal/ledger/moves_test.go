package ledger

import (
	"testing"
	"time"
)

// That the service's count moves is believed for a month, and then has to be seen again.
func TestThatTheCountMovesIsBelievedForAMonth(t *testing.T) {
	at := Instant{Wall: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	after := func(d time.Duration) Instant { return Instant{Wall: at.Wall.Add(d)} }
	l := &Ledger{book: &book{Version: version}, known: &reading{Limit: 5000, Remaining: 10, Window: 24 * time.Hour, At: at}}
	l.heard(at)
	if l.book.clean(after(29 * 24 * time.Hour)); !l.Moves() {
		t.Error("it is forgotten after 29 days")
	}
	if l.book.clean(after(31 * 24 * time.Hour)); l.Moves() || l.book.Service != nil {
		t.Error("it is believed after 31 days")
	}
	l.known.At = after(31 * 24 * time.Hour)
	if l.heard(l.known.At); !l.Moves() {
		t.Error("it is not believed when it was seen again")
	}
	// A book of an earlier version does not say when.
	d := &book{Version: version, Moves: true}
	if d.clean(at); !d.Moves || d.MovedAt != at {
		t.Errorf("%+v", d)
	}
}
