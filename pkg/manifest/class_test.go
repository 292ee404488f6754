package manifest

import (
	"encoding/json"
	"testing"
)

func TestClassSurvivesJSON(t *testing.T) {
	for _, want := range []Class{Stop, Block, Warn} {
		b, err := json.Marshal(Problem{Class: want})
		if err != nil {
			t.Fatal(err)
		}
		var p Problem
		if err := json.Unmarshal(b, &p); err != nil || p.Class != want {
			t.Errorf("%s: got %v, %v; want %v", b, p.Class, err, want)
		}
	}
	var p Problem
	if err := json.Unmarshal([]byte(`{"class":"fatal"}`), &p); err == nil {
		t.Error("an unknown class was taken")
	}
}
