package state

import (
	"errors"
	"strings"
	"testing"
)

func TestDamageIsToldInWordsOfPeople(t *testing.T) {
	for _, c := range []struct{ key, want string }{
		{"SP-1", `the entry "SP-1" does`},
		{string(eventKey(join("SP-1", ""), 7)), `the entry "SP-1" does`},
		{string(join("20261122T015346Z-c3b8", "SP-1")), `the entry "20261122T015346Z-c3b8 SP-1" does`},
	} {
		_, err := unseal([]byte(c.key), []byte("no checksum of it"))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.key, err, c.want)
		}
	}
	c := Counts{Total: 3, ByOp: map[Op]int{Create: 3, Update: 0}, ByStatus: map[Status]int{Done: 2, Pending: 1}}
	if got, want := tally(c), "3 records (3 create; 2 done, 1 pending)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
