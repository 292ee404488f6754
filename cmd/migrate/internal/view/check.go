package view

import (
	"io"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// CheckText shows what a check of a state found, for people.
func CheckText(w io.Writer, r state.Report, ok bool) error {
	out := &printer{w: w}
	out.line("%s: %s", Clean(r.Path), either(ok, "undamaged", "damaged"))
	if r.Holder != nil {
		out.line("  a copy was checked: it is in use by process %d on %s", r.Holder.PID, Clean(r.Holder.Host))
	}
	if r.Tenant != "" {
		out.line("  tenant   %s", Clean(tenantName(r.Tenant)))
	}
	if r.Schema > 0 {
		out.line("  layout   %d, after %s", r.Schema, Plural(int(r.Serial), "commit", "commits"))
	}
	if r.Pages > 0 {
		out.line("  file     %s in %s, %s of them free", Bytes(r.Size), Plural(r.Pages, "page", "pages"), Count(r.FreePages))
	}
	if r.Schema > 0 {
		var by []string
		for _, s := range slices.Concat(statusOrder, []state.Status{state.Pending}) {
			by = append(by, some(r.Counts.ByStatus[s], string(s), string(s)))
		}
		text := Count(r.Counts.Total)
		if rest := list(by...); rest != "" {
			text += " (" + rest + ")"
		}
		out.line("  records  %s", text)
	}
	fixes := map[string]int{}
	for _, p := range r.Problems {
		fixes[p.Fix]++
	}
	var shared []string // the ways out of several problems: each told once
	for _, p := range r.Problems {
		what := either(p.Damage, "damage", "warning")
		if fixes[p.Fix] == 1 {
			out.line("%s: %s (%s)", what, Clean(p.Text), Clean(p.Fix))
			continue
		}
		out.line("%s: %s", what, Clean(p.Text))
		if !slices.Contains(shared, p.Fix) {
			shared = append(shared, p.Fix)
		}
	}
	if r.Omitted > 0 {
		out.line("... and %s", Plural(r.Omitted, "more problem", "more problems"))
	}
	for _, fix := range shared {
		out.line("way out: %s", Clean(fix))
	}
	return out.err
}

// CheckJSON is CheckText as a document.
func CheckJSON(w io.Writer, r state.Report, ok bool) error {
	return WriteJSON(w, struct {
		Version int    `json:"version"`
		Type    string `json:"type"`
		OK      bool   `json:"ok"`
		state.Report
	}{1, "state-check", ok, r})
}
