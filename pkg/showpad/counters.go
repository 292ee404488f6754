package showpad

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// recountEvery is after how many requests the counters of v3 are read again, when a run
// calls v4 alone: a third of a per cent of its requests.
const recountEvery = 300

// Counters is what a v3 answer tells of the request budget. Source: meta of v3 answers;
// that requestRateLimitReset is the length of the window is ASSUME.
type Counters struct {
	Limit     int           // requests in a window
	Remaining int           // of Limit
	Window    time.Duration // 0: not told

	// Moves: between two answers the counter fell by at least about as much as this client
	// sent, most of it to v4. Until that was seen it is false, and the counter may be about
	// something else.
	Moves bool
}

// counting reads the counters of v3 answers, for Config.Counters.
type counting struct {
	tell func(Counters)

	mu    sync.Mutex
	sent  int // API requests
	v4    int // of them
	told  Counters
	at    int // sent, at the last counters
	at4   int
	known bool // there were counters
	due   bool // somebody reads them now
}

// request counts an attempt of an operation.
func (n *counting) request(op string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	if !strings.HasPrefix(op, "v3 ") {
		n.v4++
	}
}

// answered takes the counters out of an answer of v3.
func (n *counting) answered(body []byte) {
	var env struct {
		Meta v3Meta `json:"meta"`
	}
	if json.Unmarshal(body, &env) != nil {
		return
	}
	limit, ok1 := env.Meta.RateLimit.get()
	left, ok2 := env.Meta.Remaining.get()
	if !ok1 || !ok2 || limit < 1 || left < 0 {
		return
	}
	window, _ := env.Meta.Window.get()
	n.mu.Lock()
	c := Counters{Limit: int(limit), Remaining: int(left), Window: time.Duration(max(window, 0)) * time.Second, Moves: n.told.Moves}
	calls, v4 := n.sent-n.at, n.v4-n.at4
	fell := n.told.Remaining - c.Remaining
	switch {
	case !n.known || v4 < 20 || fell < 0: // too little to tell, or a new window
	default:
		c.Moves = fell >= calls*9/10
	}
	if !n.known || v4 >= 20 || fell < 0 { // else the stretch goes on
		n.told, n.at, n.at4 = c, n.sent, n.v4
	}
	n.known = true
	n.mu.Unlock()
	n.tell(c)
}

// recount reads the counters again when they have not been told for a while.
func (c *Client) recount(ctx context.Context) {
	n := c.counting
	if n == nil || c.v3URL == "" {
		return
	}
	n.mu.Lock()
	due := n.known && !n.due && n.sent-n.at >= recountEvery
	n.due = n.due || due
	n.mu.Unlock()
	if !due {
		return
	}
	_, _ = c.Me(ctx) // what it tells is taken out of its answer; without one the next 300 try again
	n.mu.Lock()
	n.due = false
	if n.sent-n.at >= recountEvery {
		n.at, n.at4, n.known = n.sent, n.v4, false
	}
	n.mu.Unlock()
}
