package report

import (
	"time"
	"unicode/utf8"
)

// Evidence is evidence.json: who did what, where and with what. It is there
// from the start of a run; its end, code and sentence come when it is closed.
type Evidence struct {
	Version     int               `json:"version"`
	Run         string            `json:"run"`
	Tenant      string            `json:"tenant"`
	Mode        string            `json:"mode"`
	ServiceUser string            `json:"serviceUser,omitempty"`
	Machine     Machine           `json:"machine"`
	Manifest    ManifestInfo      `json:"manifest"`
	PlanDigest  string            `json:"planSha256,omitempty"`
	Binary      Binary            `json:"binary"`
	Command     []string          `json:"command"`
	Settings    map[string]string `json:"settings"`
	Separator   string            `json:"csvSeparator"`
	Start       time.Time         `json:"start"`        // with the offset of the machine's zone
	End         time.Time         `json:"end,omitzero"` // zero: not closed
	Recovered   bool              `json:"recovered,omitempty"`
	Code        int               `json:"code"`
	Sentence    string            `json:"sentence,omitempty"`
}

func newEvidence(i Info) Evidence {
	sep := i.Separator
	if sep == 0 {
		sep = ','
	}
	return Evidence{
		Version: formatVersion, Run: i.Run, Tenant: i.Tenant, Mode: i.Mode, ServiceUser: i.ServiceUser,
		Machine: i.Machine, Manifest: i.Manifest, PlanDigest: i.PlanDigest, Binary: i.Binary,
		Command: append([]string{}, i.Command...), Settings: public(i.Settings), Separator: string(sep),
		Start: i.Start.Round(0),
	}
}

// separator is that of the CSV files; a damaged value is the default.
func (e Evidence) separator() rune {
	if sep, _ := utf8.DecodeRuneInString(e.Separator); checkSeparator(sep) == nil {
		return sep
	}
	return ','
}

// ended is e with the end of its run.
func (e Evidence) ended(how ending) Evidence {
	e.Start, e.End = how.start, how.end
	e.Code, e.Sentence, e.Recovered = how.code, how.sentence, how.recovered
	return e
}
