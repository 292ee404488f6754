package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/note"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

func TestWhatATenantNoteMeansForARun(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const settle = time.Minute
	self := note.Entry{State: "/m.state.db", Host: "here", Manifest: "m", Run: "new", Start: now}
	runs := []state.Run{{ID: "whole", Start: ago(time.Hour), End: ago(time.Hour)}, {ID: "half", Start: ago(time.Hour)}, {ID: "new", Start: now}}
	const other = "/other.state.db"
	tests := []struct {
		name  string
		entry note.Entry
		seen  sight
		doubt bool
		line  string // part of it; "" is none
	}{
		{"our last run", note.Entry{State: self.State, Host: "here", Run: "whole", Start: ago(time.Hour), End: ago(time.Hour)}, sight{}, false, ""},
		{"our last run was killed", note.Entry{State: self.State, Host: "here", Run: "half", Start: ago(time.Second)}, sight{}, false, ""},
		{"we were rebuilt", note.Entry{State: self.State, Host: "here", Start: ago(time.Hour), End: ago(time.Second)}, sight{}, false, ""},
		{"a run that we do not know", note.Entry{State: self.State, Host: "here", Run: "lost", Start: ago(24 * time.Hour), End: ago(23 * time.Hour)}, sight{}, true, "does not know all of run lost"},
		{"a run of which we know the beginning", note.Entry{State: self.State, Host: "here", Run: "half", Start: ago(time.Hour), End: ago(time.Minute)}, sight{}, true, "does not know all of run half"},
		{"a run that doubted a moment ago", note.Entry{State: self.State, Host: "here", Run: "half", Start: ago(time.Second), Doubted: ago(settle - 1)}, sight{}, true, "a moment ago"},
		{"a run that doubted, and whoever waited is through", note.Entry{State: self.State, Host: "here", Run: "half", Start: ago(time.Second), Doubted: ago(settle)}, sight{}, false, ""},
		{"the same path elsewhere", note.Entry{State: self.State, Host: "there", Run: "lost", Start: ago(time.Hour), End: ago(time.Hour)}, sight{}, false, ""},

		{"another state, long ago", note.Entry{State: other, Host: "here", Run: "o", Start: ago(time.Hour), End: ago(settle), Made: ago(settle)}, sight{}, false, ""},
		{"another state, just now", note.Entry{State: other, Host: "here", Run: "o", Start: ago(time.Hour), End: ago(settle - 1), Made: ago(settle - 1)}, sight{}, true, "another state worked on acme a moment ago"},
		{"by a clock that was ahead", note.Entry{State: other, Host: "here", Run: "o", Start: ago(time.Hour), End: now.Add(time.Hour), Made: now.Add(time.Hour)}, sight{}, true, "another state"},
		{"another state, at work", note.Entry{State: other, Host: "here", Manifest: "wave-2", Run: "o", Start: ago(time.Hour)}, sight{holder: &state.Holder{PID: 7, Host: "here"}}, true, "process 7 on here"},
		{"another state, killed long ago", note.Entry{State: other, Host: "here", Run: "o", Start: ago(3 * time.Hour)}, sight{written: ago(2 * time.Minute)}, false, ""},
		{"another state, killed just now", note.Entry{State: other, Host: "here", Run: "o", Start: ago(3 * time.Hour)}, sight{written: ago(time.Second)}, true, "another state"},
		{"another state, begun just now, then an old copy", note.Entry{State: other, Host: "here", Run: "o", Start: ago(time.Second)}, sight{written: ago(time.Hour)}, true, "another state"},
		{"another state, killed and deleted today", note.Entry{State: other, Host: "here", Run: "o", Start: ago(3 * time.Hour)}, sight{}, true, "another state"},
		{"another state, killed and deleted some day", note.Entry{State: other, Host: "here", Run: "o", Start: ago(25 * time.Hour)}, sight{}, false, ""},
		{"another state, never ended on another machine", note.Entry{State: other, Host: "there", Run: "o", Start: ago(3 * time.Hour)}, sight{written: ago(time.Hour)}, true, "another state"},
		{"ourselves before we were moved", note.Entry{State: other, Host: "here", Run: "whole", Start: ago(time.Second), End: ago(time.Second)}, sight{}, false, ""},
		{"what we were copied from, at work", note.Entry{State: other, Host: "here", Run: "half", Start: ago(time.Hour)}, sight{holder: &state.Holder{PID: 7}}, true, "at work"},
		{"what we were copied from, ended since", note.Entry{State: other, Host: "here", Run: "half", Start: ago(time.Hour), End: ago(time.Second), Made: ago(time.Second)}, sight{}, true, "another state"},
		{"another state, that made nothing", note.Entry{State: other, Host: "here", Run: "o", Start: ago(time.Hour), End: ago(time.Second)}, sight{}, false, ""},
		{"another state, that made nothing just now, and something before", note.Entry{State: other, Host: "here", Run: "o", Start: ago(time.Second), End: ago(time.Second), Made: ago(settle / 2)}, sight{}, true, "another state"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := heeder{self: self, runs: runs, now: now, settle: settle, tenant: "acme", shown: "m.state.db", look: func(path string) sight {
				if path != tt.entry.State || tt.entry.Host != "here" {
					t.Errorf("looked at %s", path)
				}
				return tt.seen
			}}
			doubt, line := h.heed(tt.entry)
			if doubt != tt.doubt || (line != "") != (tt.line != "") || !strings.Contains(line, tt.line) {
				t.Errorf("doubt %v, line %q; want %v, %q", doubt, line, tt.doubt, tt.line)
			}
		})
	}
}

func TestNameOfATenantNote(t *testing.T) {
	name := func(tg target) string {
		t.Helper()
		n, err := tg.noteName()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := name(target{mode: "SANDBOX", subdomain: "acme"}); n != "" {
		t.Errorf("a sandbox has the note %s", n)
	}
	if n := name(target{mode: "LIVE", subdomain: "acme"}); n != "acme" {
		t.Errorf("acme has the note %s", n)
	}
	a, b := name(target{mode: "LIVE", subdomain: "acme", host: "127.0.0.1:1"}), name(target{mode: "LIVE", subdomain: "acme", host: "127.0.0.1:2"})
	if a == b || !strings.HasPrefix(a, "loopback-acme-") {
		t.Errorf("servers on this machine have the notes %s and %s", a, b)
	}
	if _, err := (target{mode: "LIVE", subdomain: "../acme"}).noteName(); err == nil {
		t.Error("a name that leads elsewhere was accepted")
	}
}

// TestANoteThatCannotBeKeptStopsNothing has a file where the folder of notes should be.
func TestANoteThatCannotBeKeptStopsNothing(t *testing.T) {
	_, vars := serve(t, emulator.Options{})
	dir := write(t, twoItems())
	vars["XDG_CONFIG_HOME"] = filepath.Join(dir, "config")
	if err := os.WriteFile(vars["XDG_CONFIG_HOME"], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := expect(t, vars, exitOK, "run", "m.yaml")
	if !strings.Contains(p.err.String(), "would go unnoticed") {
		t.Errorf("nothing is said of it:\n%s", p.err)
	}
}
