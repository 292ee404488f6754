package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// commands are all commands of ours, by their whole name.
func commands() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		all[c.CommandPath()] = c
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&app{env: newProcess(nil).env}))
	return all
}

func TestEveryHelpEndsInItsExample(t *testing.T) {
	all := commands()
	for name, c := range all {
		if c.Example == "" || c.Short == "" || c.Long == "" {
			t.Errorf("%s: no example, no short or no long text", name)
			continue
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: the short text ends in a full stop", name)
		}
		args := append(strings.Fields(name)[1:], "--help")
		if name == "migrate help" {
			args = []string{"help", "help"}
		}
		p := expect(t, nil, exitOK, args...)
		if !strings.HasSuffix(strings.TrimRight(p.out.String(), "\n"), "\nExample:\n"+c.Example) {
			t.Errorf("%s: the help does not end in the example:\n%s", name, p.out)
		}
	}
	if len(all) < 14 {
		t.Errorf("%d commands found", len(all))
	}
}

// TestExamples runs every example as it is printed, in the folder of a sample
// library that has run once.
func TestExamples(t *testing.T) {
	all := commands()
	sample := t.TempDir() // the sample library, in a sandbox
	t.Chdir(sample)
	expect(t, nil, exitOK, "init", "--sample", ".")
	expect(t, nil, exitOK, "run", "manifest.yaml", "--sandbox")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == "migrate sandbox" {
			continue // serves until it is stopped: TestTheExampleOfSandbox
		}
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var vars map[string]string
			asset := "" // of SAMPLE-001, for the examples that name one by its id
			switch {
			case name == "migrate", name == "migrate init":
			case liveOnly(all[name]):
				var server *emulator.Server
				server, vars = serve(t, emulator.Options{KeepBytes: true})
				expect(t, nil, exitOK, "init", "--sample", ".")
				expect(t, vars, exitOK, "run", "manifest.yaml")
				expect(t, vars, exitOK, "categories", "create", "Region", "--division", "Marketing")
				expect(t, vars, exitOK, "categories", "create", "EMEA", "--parent", "Region", "--tag", "Sample")
				for _, made := range server.Assets() {
					if made.ExternalID == "SAMPLE-001" {
						asset = made.ID
					}
				}
			default:
				if err := os.CopyFS(".", os.DirFS(sample)); err != nil {
					t.Fatal(err)
				}
			}
			if name == "migrate state rebuild" { // for a state that is lost
				if err := os.Remove(filepath.Join("manifest.sandbox", "state.db")); err != nil {
					t.Fatal(err)
				}
			}
			for line := range strings.Lines(all[name].Example) {
				if name == "migrate state bind" {
					line = idInText.ReplaceAllString(line, assetOf(t, "SAMPLE-001"))
				}
				if asset != "" {
					line = idInText.ReplaceAllString(line, asset)
				}
				args := shellWords(line)
				if len(args) == 0 || args[0] != "migrate" {
					t.Fatalf("not a command: %q", line)
				}
				expect(t, vars, exitOK, glob(t, args[1:])...)
			}
		})
	}
}

// liveOnly tells the commands that talk to the service and know no sandbox: those by
// hand. Their examples run against a tenant that has the sample library.
func liveOnly(c *cobra.Command) bool {
	verbs := append([]*cobra.Command{c}, c.Commands()...)
	return slices.ContainsFunc(verbs, func(v *cobra.Command) bool {
		return v.Flags().Lookup("subdomain") != nil && v.Flags().Lookup("sandbox") == nil
	})
}

var idInText = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// assetOf is the id of an item's asset in the sample's sandbox.
func assetOf(t *testing.T, externalID string) string {
	t.Helper()
	story := expect(t, nil, exitOK, "why", externalID, "manifest.yaml", "--sandbox").out.String()
	id := idInText.FindString(story)
	if id == "" {
		t.Fatalf("no asset of %s in\n%s", externalID, story)
	}
	return id
}

// glob does what a shell would do with a *.
func glob(t *testing.T, args []string) []string {
	var out []string
	for _, a := range args {
		found, err := filepath.Glob(a)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(a, "*") || len(found) == 0 {
			found = []string{a}
		}
		out = append(out, found...)
	}
	return out
}

func TestTheExampleOfSandbox(t *testing.T) {
	args := strings.Fields(commands()["migrate sandbox"].Example)[1:]
	at := slices.Index(args, "--addr")
	if at < 0 {
		t.Fatal("the example names no address")
	}
	args[at+1] = "127.0.0.1:0" // the one of the example may be taken here
	p := newProcess(nil)
	code := make(chan int, 1)
	go func() { code <- p.run(t, args...) }()
	if text, ok := p.out.await("SHOWPAD_TOKEN"); !ok {
		t.Fatalf("got %s%s", text, p.err)
	}
	p.signals <- os.Interrupt
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d", c)
	}
}

func TestNoFlagIsASecret(t *testing.T) {
	seen := 0
	for name, c := range commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			seen++
			for _, word := range []string{"token", "secret", "password", "refresh"} {
				if strings.Contains(f.Name, word) {
					t.Errorf("%s has --%s: secrets are never flags", name, f.Name)
				}
			}
		})
	}
	if seen == 0 {
		t.Error("no flags found")
	}
}
