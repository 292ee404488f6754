package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// tell shows an error on stderr, and on stdout as a document with --json.
func (a *app) tell(err error, code int) {
	problems := problemsOf(err)
	lines := strings.Split(a.redact.Text(err.Error()), "\n")
	prefix := "error: "
	if len(problems) > 0 {
		var ps view.Problems
		for _, p := range problems {
			ps.Add(p)
		}
		_ = ps.Lines(redacting{a.err, a.redact}) // a stderr that cannot be written to leaves nobody to tell
		lines, prefix = []string{view.Plural(len(problems), "problem stops", "problems stop") + " everything; nothing was written"}, ""
	}
	if code == exitLimit { // nothing went wrong
		prefix = ""
	}
	for i := range lines {
		lines[i] = view.Clean(lines[i])
		say(a.err, "%s%s", prefix, lines[i])
	}
	if !a.json && !slices.Contains(a.args, "--json") {
		return
	}
	_ = view.WriteJSON(a.out, struct { // the exit code says it too
		Version  int               `json:"version"`
		Type     string            `json:"type"`
		Code     int               `json:"code"`
		Message  string            `json:"message"`
		Problems manifest.Problems `json:"problems,omitempty"`
	}{1, "error", code, strings.Join(lines, "\n"), problems})
}

// problemsOf are the problems that an error carries.
func problemsOf(err error) manifest.Problems {
	var stop *pipeline.StopError
	if errors.As(err, &stop) && len(stop.Problems) > 0 {
		return stop.Problems
	}
	var problems manifest.Problems
	errors.As(err, &problems)
	return problems
}

// redacting takes secrets out of what is written, write by write.
type redacting struct {
	w io.Writer
	r config.Redactor
}

func (r redacting) Write(b []byte) (int, error) {
	if _, err := io.WriteString(r.w, r.r.Text(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}
