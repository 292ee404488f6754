package view

import (
	"io"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// Doctor shows the findings of an examination: as they come, or as one document at the
// end.
type Doctor struct {
	out      printer
	json     bool
	Tenant   string
	User     string
	findings []pipeline.Finding
	counts   map[pipeline.Level]int
}

// NewDoctor shows findings on w.
func NewDoctor(w io.Writer, asJSON bool) *Doctor {
	return &Doctor{out: printer{w: w}, json: asJSON, counts: map[pipeline.Level]int{}}
}

// Tell shows a finding.
func (d *Doctor) Tell(f pipeline.Finding) {
	f.Text, f.Remedy = Clean(f.Text), Clean(f.Remedy)
	d.counts[f.Level]++
	d.findings = append(d.findings, f)
	if d.json {
		return
	}
	verdict := map[pipeline.Verdict]string{pipeline.Confirmed: "confirmed: ", pipeline.Refuted: "refuted: ", pipeline.NotTested: "not tested: "}[f.Verdict]
	d.out.line("%-8s %-22s %s%s%s", f.Level, f.Check, verdict, f.Text, either(f.Remedy == "", "", " ("+f.Remedy+")"))
}

// Failed reports whether a finding says that something will not work.
func (d *Doctor) Failed() bool { return d.counts[pipeline.LevelFailed] > 0 }

// End shows the totals, or the document. code is the exit code, requests those that
// went to the API.
func (d *Doctor) End(code, requests int) error {
	if !d.json {
		n := func(level pipeline.Level, what string) string {
			return either(d.counts[level] == 0, "", Count(d.counts[level])+" "+what)
		}
		d.out.line("%s; %s", list(n(pipeline.LevelFailed, "failed"),
			Plural(d.counts[pipeline.LevelWarning], "warning", "warnings"),
			n(pipeline.LevelOK, "ok"), n(pipeline.LevelSkipped, "not tested")), Plural(requests, "request", "requests"))
		return d.out.err
	}
	doc := struct {
		Version  int                    `json:"version"`
		Type     string                 `json:"type"`
		Tenant   string                 `json:"tenant,omitempty"`
		User     string                 `json:"user,omitempty"`
		Code     int                    `json:"code"`
		Requests int                    `json:"requests"`
		Counts   map[pipeline.Level]int `json:"counts"`
		Findings []pipeline.Finding     `json:"findings"`
	}{1, "doctor", d.Tenant, d.User, code, requests, d.counts, d.findings}
	return WriteJSON(d.out.w, doc)
}
