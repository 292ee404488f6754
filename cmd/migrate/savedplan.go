package main

import (
	"errors"
	"strings"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// chosen are the flags that a saved plan has the answers of.
var chosen = []string{"only", "division", "limit", "full-check", "retry-failed", "recreate", "max-prune"}

// choice is what the flags of a plan choose.
func (f *planFlags) choice() pipeline.Choice {
	return pipeline.Choice{
		Only: f.selects.only, Division: f.selects.division, Limit: f.selects.limit,
		Hash: f.show.hash, FullCheck: f.decide.fullCheck, RetryFailed: f.decide.retryFailed, Recreate: f.decide.recreate, MaxPrune: f.decide.maxPrune.String(),
	}
}

// checkPlanFlags refuses, on the command line, what a saved plan has settled.
// From settings these flags are for other commands, and do not count.
func (a *app) checkPlanFlags() error {
	for _, name := range chosen {
		if a.origins[name] == "flag" {
			return usagef("--%s and --plan contradict each other: that was chosen when the plan was made (leave it out, or plan again with it)", name)
		}
	}
	return nil
}

// openPlan opens the saved plan at path for this session.
func (s *session) openPlan(path string) (*pipeline.SavedPlan, error) {
	p, err := pipeline.OpenPlan(path)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, p.Close)
	if err := p.Fits(s.target.tenant, s.set.Manifest.ID); err != nil {
		return nil, err
	}
	return p, nil
}

// tellPlan says what is carried out, and that the manifest is another one than it
// was, if it is: the rows tell whether that matters.
func (s *session) tellPlan(p *pipeline.SavedPlan) {
	say(s.app.err, "saved plan of %s: %s", p.Header.Start.Local().Format("2006-01-02 15:04:05"), view.Plural(p.Len()+len(p.Extras), "row", "rows"))
	if p.Header.Manifest.Digest != s.checked.Digest {
		say(s.app.err, "warning: the manifest changed since it was planned: rows whose items are others now are refused")
	}
}

// carryOut is the command that carries out a saved plan.
func (s *session) carryOut(file *pipeline.PlanFile, manifest string) string {
	args := []string{"migrate", "run", manifest}
	if s.target.mode == "SANDBOX" {
		args = append(args, "--sandbox")
	}
	for _, name := range []string{"state", "subdomain"} {
		if s.app.origins[name] == "flag" {
			args = append(args, "--"+name, s.app.flags.Lookup(name).Value.String())
		}
	}
	return strings.Join(again(append(args, "--plan", file.Path())), " ")
}

// tellSaved says where a plan was saved, and how it is carried out.
func (s *session) tellSaved(file *pipeline.PlanFile, manifest string) {
	say(s.app.err, "saved: %s, %s, SHA-256 %s", view.Clean(file.Path()), view.Plural(file.Rows(), "row", "rows"), file.Digest())
	say(s.app.err, "next: %s", view.Clean(s.carryOut(file, manifest)))
}

// isPlanFileError reports whether err is about the file of a saved plan.
func isPlanFileError(err error) bool {
	_, ok := errors.AsType[*pipeline.PlanFileError](err)
	return ok
}
