package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheStarterIsAcceptedAsItIs holds what init writes: lint and a run take it,
// and every setting that it proposes is one, with the default of its flag.
func TestTheStarterIsAcceptedAsItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	expect(t, nil, exitOK, "init")
	p := expect(t, nil, exitOK, "lint", "manifest.yaml", "--offline")
	if strings.Contains(p.out.String(), "error") || strings.Contains(p.out.String(), "blocked") {
		t.Errorf("lint:\n%s", p.out)
	}
	expect(t, nil, exitOK, "run", "manifest.yaml", "--sandbox")

	text, err := os.ReadFile("migrate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^# ([a-z-]+): (\S+) +# `)
	proposed := line.FindAllStringSubmatch(string(text), -1)
	if len(proposed) < 8 {
		t.Fatalf("%d settings in\n%s", len(proposed), text)
	}
	flags := commands()["migrate run"].Flags()
	for _, m := range proposed {
		f := flags.Lookup(m[1])
		if f == nil {
			f = commands()["migrate"].PersistentFlags().Lookup(m[1])
		}
		if f == nil {
			t.Errorf("%s is no flag", m[1])
			continue
		}
		if err := f.Value.Set(strings.Trim(m[2], `"`)); err != nil || f.Value.String() != f.DefValue {
			t.Errorf("%s: %s, %v; the default is %s", m[1], f.Value, err, f.DefValue)
		}
	}
	if err := os.WriteFile("migrate.yaml", []byte(line.ReplaceAllString(string(text), "$1: $2 # ")), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, nil, exitOK, "run", "manifest.yaml", "--sandbox")
}
