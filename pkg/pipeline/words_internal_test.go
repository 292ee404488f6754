package pipeline

import "testing"

func TestRatesAreNamedSoThatPeopleCanCount(t *testing.T) {
	for rate, want := range map[float64]string{
		7: "7 requests/s", 1: "1 request/s", 0.5: "30 requests a minute", 1.0 / 60: "1 request a minute", 1.0 / 1800: "2 requests an hour",
	} {
		if got := RateText(rate); got != want {
			t.Errorf("%v a second: %q, want %q", rate, got, want)
		}
	}
	if are(1) != "1 is" || are(2) != "2 are" || requests(1) != "1 request" || requests(0) != "0 requests" {
		t.Error("one is many")
	}
}
