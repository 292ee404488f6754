package view

import (
	"fmt"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// pruning says what happens to the assets of items that the manifest no longer
// lists, a line each; nothing when there are none. After a run, whose outcome says
// what was done, it says what was not.
func pruning(p *pipeline.Pruning, after bool) []string {
	if p == nil {
		return nil
	}
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	ids := make([]string, len(p.Samples))
	for i, id := range p.Samples {
		ids[i] = Clean(id)
	}
	if p.Unlisted > len(ids) {
		ids = append(ids, "...")
	}
	gone := Plural(p.Unlisted, "item is", "items are") + " no longer listed (" + strings.Join(ids, ", ") + ")"
	verb := either(p.Mode == pipeline.PruneDelete, "deleted", "archived")
	switch {
	case p.Unlisted == 0:
	case p.Mode == pipeline.PruneKeep:
		add("%s: %s (prune: keep)", gone, either(p.Unlisted == 1, "its asset stays", "their assets stay"))
	case p.Off != "":
		add("%s: nothing of that is %s, %s", gone, verb, p.Off)
	case len(p.Guards) > 0:
		add("%s, and nothing of that is %s:", gone, verb)
		for _, g := range p.Guards {
			add("  %s: %s", g.Code, Clean(g.Text))
		}
	case !after:
		add("%s: %s %s unless somebody changed %s (prune: %s)", gone, either(p.Unlisted == 1, "its asset is", "their assets are"), verb, either(p.Unlisted == 1, "it", "them"), p.Mode)
	}
	if p.Unlisted == 0 && p.Off != "" {
		add("nothing is %s: %s", verb, p.Off)
	}
	if p.Mode == pipeline.PruneKeep {
		return lines
	}
	if p.Found > 0 {
		add("%s no longer listed %s in any case: the manifest did not make %s", Plural(p.Found, "item", "items"),
			either(p.Found == 1, "keeps its asset", "keep their assets"), either(p.Found == 1, "it", "them"))
	}
	if p.Others > 0 {
		add("pruning does not look at %s of other manifests in this state", Plural(p.Others, "record", "records"))
	}
	return lines
}
