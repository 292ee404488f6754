package main

import (
	"strings"
	"testing"
)

func TestARateIsRequestsInATime(t *testing.T) {
	for text, want := range map[string]float64{"7/s": 7, "420/m": 7, "0.5/s": 0.5, " 7 / s ": 7, "3600/h": 1, "10/min": 10.0 / 60, "": 0, "5/second": 5} {
		var r rateFlag
		if err := r.Set(text); err != nil || r.perSecond != want {
			t.Errorf("%q: %v, %v; want %v", text, r.perSecond, err, want)
		}
	}
	for text, word := range map[string]string{
		"7": "such as 7/s", "7/d": "such as 7/s", "/s": "such as 7/s", "seven/s": "such as 7/s", "NaN/s": "such as 7/s", "7s": "such as 7/s", "Inf/s": "more than any",
		"0/s": "more than 0", "-1/s": "more than 0", "1e9/s": "more than any", "0.1/h": "less than one",
	} {
		r := rateFlag{perSecond: 3}
		if err := r.Set(text); err == nil || !strings.Contains(err.Error(), word) || r.perSecond != 3 {
			t.Errorf("%q: %v (and the value is %v); want an error with %q", text, err, r.perSecond, word)
		}
	}
}
