package ledger

import "testing"

// The smallest limit that leaves so many requests leaves them, and one less does not.
func TestNeedsIsTheSmallestLimit(t *testing.T) {
	for _, reserve := range []string{"", "0", "50", "10%", "99%"} {
		var r Reserve
		if reserve != "" {
			var err error
			if r, err = ParseReserve(reserve); err != nil {
				t.Fatal(err)
			}
		}
		l := &Ledger{cfg: Config{Reserve: r}, book: &book{}}
		for _, n := range []int{1, 8, 49, 51, 600} {
			limit := l.Needs(n)
			if limit-r.Of(limit) < n || limit > 1 && limit-1-r.Of(limit-1) >= n {
				t.Errorf("reserve %q, %d requests: %d leaves %d, and one less %d", reserve, n, limit, limit-r.Of(limit), limit-1-r.Of(limit-1))
			}
		}
	}
	l := &Ledger{book: &book{Service: &reading{Limit: 10}}}
	if limit := l.Needs(8); limit != 0 {
		t.Errorf("the service allows 10 and 5 are left to others: %d", limit)
	}
}
