package manifest

import (
	"strings"
	"testing"
)

func TestReadSettings(t *testing.T) {
	tests := []struct {
		name, text string
		want       map[string]string
		problems   []string // beginnings
	}{
		{name: "empty", text: ""},
		{name: "only a comment", text: "# nothing yet\n"},
		{name: "values stay as written", text: "settle-time: 2s\nuploads: 012\nstrict: yes\nstate: ~\n",
			want: map[string]string{"settle-time": "2s", "uploads": "012", "strict": "yes", "state": ""}},
		{name: "twice", text: "uploads: 1\nuploads: 2\n", want: map[string]string{"uploads": "1"},
			problems: []string{`m.yaml:2:1: C002: "uploads" is set twice, also at m.yaml:1:1`}},
		{name: "list", text: "uploads: [1, 2]\nwait: 1m\n", want: map[string]string{"wait": "1m"},
			problems: []string{`m.yaml:1:1: C002: "uploads" must have a single value`}},
		{name: "not a mapping", text: "- a\n", problems: []string{"m.yaml:1:1: C002: is not a list of names"}},
		{name: "syntax", text: "a: 1\n b: 2\n", problems: []string{"m.yaml:2: C001: cannot be read as YAML"}},
		{name: "two documents", text: "wait: 1m\n---\nwait: 2m\n", want: map[string]string{"wait": "1m"},
			problems: []string{"m.yaml: C002: holds more than one document"}},
		{name: "crafted merge key", text: "? {x: 1}\n: 2\n<<: {a: 1}\n",
			problems: []string{"m.yaml:1:3: C002: the name of a setting", "m.yaml:3:1: C002: the name of a setting"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := ReadSettings(strings.NewReader(tt.text), "m.yaml")
			if len(got) != len(tt.want) {
				t.Errorf("settings: got %v, want %v", got, tt.want)
			}
			for k, v := range tt.want {
				if got[k].Value != v {
					t.Errorf("%s: got %q, want %q", k, got[k].Value, v)
				}
			}
			if len(problems) != len(tt.problems) {
				t.Fatalf("problems: got %d, want %d:\n%v", len(problems), len(tt.problems), problems)
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), tt.problems[i]) {
					t.Errorf("problem %d: got %q, want it to begin with %q", i, p, tt.problems[i])
				}
				if p.Fix == "" || p.Class != Stop {
					t.Errorf("problem %d: no fix, or not of class stop: %+v", i, p)
				}
			}
		})
	}
}

func FuzzReadSettings(f *testing.F) {
	f.Add("settle-time: 2s\n")
	f.Add("? {x: 1}\n: 2\n<<: {a: 1}\n")
	f.Add("a: &x [*x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, problems := ReadSettings(strings.NewReader(text), "m.yaml")
		for _, p := range problems {
			if p.Code == "" || p.What == "" || p.Class != Stop {
				t.Fatalf("not a complete problem: %+v", p)
			}
		}
	})
}
