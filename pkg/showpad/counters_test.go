package showpad

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCountersAreReadNowAndThen: at the first v3 answer, and again after 300 requests of
// a run that calls v4 alone; and whether they move with it is seen.
func TestCountersAreReadNowAndThen(t *testing.T) {
	for name, tc := range map[string]struct {
		left func(calls, v3 int) int
		want string
	}{
		"shared":     {func(calls, _ int) int { return 5000 - calls }, "[4999 4698m 4397m]"},
		"others too": {func(calls, _ int) int { return 5000 - 2*calls }, "[4998 4396m 3794m]"},
		"of v3":      {func(_, v3 int) int { return 5000 - v3 }, "[4999 4998 4997]"},
		"still":      {func(int, int) int { return 5000 }, "[5000 5000 5000]"},
		"none":       {nil, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			calls, v3 := 0, 0
			base := roundTrip(func(r *http.Request) (*http.Response, error) {
				calls++
				if !strings.Contains(r.URL.Path, "/v3/") {
					return answer(200, okAsset), nil
				}
				v3++
				if tc.left == nil {
					return answer(200, `{"meta":{"code":200},"response":{"id":"u1"}}`), nil
				}
				return answer(200, fmt.Sprintf(`{"meta":{"code":200,"requestRateLimit":5000,"requestRateLimitReset":86400,"requestsRemaining":%d},"response":{"id":"u1"}}`, tc.left(calls, v3))), nil
			})
			var told []string
			c := newClient(t, base, func(c *Config) {
				c.Counters = func(k Counters) {
					if k.Limit != 5000 || k.Window.Hours() != 24 {
						t.Errorf("told %+v", k)
					}
					told = append(told, fmt.Sprintf("%d%s", k.Remaining, map[bool]string{true: "m"}[k.Moves]))
				}
			})
			if _, err := c.Me(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 650 {
				if _, err := c.Asset(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
			}
			if got := fmt.Sprint(told); got != tc.want {
				t.Errorf("told %s, want %s", got, tc.want)
			}
			if want := map[bool]int{true: 1, false: 3}[tc.left == nil]; v3 != want {
				t.Errorf("%d requests to v3, want %d", v3, want)
			}
		})
	}
}
