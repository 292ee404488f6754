package view

import (
	"fmt"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// How much of an exposure the concise text shows.
const (
	someDivisions = 20
	someDays      = 3
)

// exposure writes who will see what, by Division.
func exposure(out *printer, e *pipeline.Exposure, full bool) {
	if e.Empty() {
		return
	}
	out.line("")
	out.line("Who will see it:")
	shown := min(len(e.Divisions), limit(someDivisions, full))
	for i := range e.Divisions[:shown] {
		v := &e.Divisions[i]
		lines := divisionLines(v, limit(someDays, full))
		out.line("  %s: %s", Clean(v.Division), lines[0])
		for _, line := range lines[1:] {
			out.line("    %s", line)
		}
	}
	if more := len(e.Divisions) - shown; more > 0 {
		out.line("  ... and %s (--full shows all)", Plural(more, "more Division", "more Divisions"))
	}
	if l := e.Links; l != nil {
		out.line("  %s", linkLine(l))
	}
	if e.Timezone != "" && days(e) {
		out.line("  Days are those of %s.", Clean(e.Timezone))
	}
	out.line("  Who may read the files where they come from is not carried over.")
}

// days reports whether any day is named.
func days(e *pipeline.Exposure) bool {
	for _, v := range e.Divisions {
		if len(v.Later) > 0 {
			return true
		}
	}
	return false
}

// divisionLines are what changes about a Division's assets: the first line says
// what its members get to see.
func divisionLines(v *pipeline.DivisionView, days int) []string {
	n := v.Now + v.LaterAll
	lines := []string{strings.Join(whenParts(v, days), ", ")}
	if lines[0] == "" {
		lines[0] = "nobody sees more or fewer of them than before"
	}
	if n > 0 {
		outside := none(v.Shareable) + " can be shared with people outside"
		if v.ByDefault > 0 {
			outside += fmt.Sprintf(" (%s because permissions.isShareable is not named: true is Showpad's default)", either(v.ByDefault == v.Shareable, "all", Count(v.ByDefault)))
		}
		download := none(v.Downloadable) + " can be downloaded by them"
		if v.DownloadsUnset > 0 {
			download += fmt.Sprintf(", and %s as Showpad decides (downloadableExternal is not named)", Count(v.DownloadsUnset))
			if v.DownloadsUnset == n {
				download = "whether they can download them Showpad decides (downloadableExternal is not named)"
			}
		}
		lines = append(lines, outside, download)
	}
	lines = append(lines, nonzero(
		counted{v.DivisionShared, "is seen by other Divisions, too", "are seen by other Divisions, too"},
		counted{v.NoExpiry, "never expires", "never expire"},
		counted{v.Drafts, "has a draftedAt; what that hides is not documented", "have a draftedAt; what that hides is not documented"},
	)...)
	c := &v.Changes
	return append(lines, nonzero(
		counted{c.ShareableOn, "that is there can be shared with people outside from now on", "that are there can be shared with people outside from now on"},
		counted{c.ShareableOff, "that is there can no longer be shared", "that are there can no longer be shared"},
		counted{c.DownloadsOn, "that is there can be downloaded by people outside from now on", "that are there can be downloaded by people outside from now on"},
		counted{c.DownloadsOff, "that is there can no longer be downloaded by people outside", "that are there can no longer be downloaded by people outside"},
		counted{c.DivisionSharedOn, "that is there is seen by other Divisions from now on", "that are there are seen by other Divisions from now on"},
		counted{c.DivisionSharedOff, "that is there is no longer seen by other Divisions", "that are there are no longer seen by other Divisions"},
		counted{c.Expiry, "that is there expires at another time", "that are there expire at another time"},
		counted{c.Drafts, "that is there gets or loses a draftedAt", "that are there get or lose a draftedAt"},
		counted{c.NewBytes, "that is there gets new bytes: who has a link to it sees them", "that are there get new bytes: who has a link to them sees those"},
		counted{c.MaybeNewBytes, "that is there may get new bytes", "that are there may get new bytes"},
	)...)
}

// whenParts are from when members see assets, and what they do not see.
func whenParts(v *pipeline.DivisionView, days int) (parts []string) {
	if v.Now > 0 {
		part := Count(v.Now) + " at once"
		if how := list(nonzeroText(v.Restored, "out of the trash"), nonzeroText(v.Released, "released before the day planned")); how != "" {
			part += " (" + how + ")"
		}
		parts = append(parts, part)
	}
	told := 0
	for _, d := range v.Later[:min(len(v.Later), days)] {
		told += d.Assets
		parts = append(parts, fmt.Sprintf("%s from %s", Count(d.Assets), d.Day))
	}
	if more := v.LaterAll - told; more > 0 {
		parts = append(parts, Count(more)+" on later days")
	}
	for _, h := range []struct {
		reason pipeline.Hidden
		text   string
	}{
		{pipeline.HiddenArchived, "hidden in the trash"}, {pipeline.HiddenDeleted, "deleted"}, {pipeline.HiddenExpired, "expired already"}, {pipeline.HiddenNever, "never, for the expiry comes before the release"},
	} {
		if n := v.Hidden[h.reason]; n > 0 {
			parts = append(parts, Count(n)+" "+h.text)
		}
	}
	if v.Gone > 0 {
		parts = append(parts, Count(v.Gone)+" no longer seen")
	}
	return parts
}

// counted is a number of assets with what is said of one and of many.
type counted struct {
	n         int
	one, many string
}

func nonzero(all ...counted) (lines []string) {
	for _, c := range all {
		if c.n > 0 {
			lines = append(lines, plural(c.n, c.one, c.many))
		}
	}
	return lines
}

func nonzeroText(n int, what string) string {
	if n == 0 {
		return ""
	}
	return Count(n) + " " + what
}

// none is a count, in words when it is zero.
func none(n int) string { return either(n == 0, "none", Count(n)) }

func linkLine(l *pipeline.LinkView) string {
	text := fmt.Sprintf("%s to %s", plural(l.Shares, "link", "links"), plural(l.Assets, "asset", "assets"))
	if how := list(nonzeroText(l.NoExpiry, either(l.NoExpiry == 1, "never expires", "never expire")), nonzeroText(l.Downloadable, either(l.Downloadable == 1, "allows downloads", "allow downloads"))); how != "" {
		text += " (" + how + ")"
	}
	return text + ": whoever has a link sees them, and it cannot be taken back from here"
}

// ExposureLine says in one sentence who will see what; "" when nobody sees
// anything else than before.
func ExposureLine(e *pipeline.Exposure) string {
	if e.Empty() {
		return ""
	}
	var all pipeline.DivisionView
	var names []string
	for i := range e.Divisions {
		v := &e.Divisions[i]
		all.Now += v.Now
		all.LaterAll += v.LaterAll
		all.Gone += v.Gone
		all.Shareable += v.Shareable
		all.ByDefault += v.ByDefault
		all.Changes.NewBytes += v.Changes.NewBytes
		all.Changes.ShareableOn += v.Changes.ShareableOn
		for reason, n := range v.Hidden {
			if all.Hidden == nil {
				all.Hidden = map[pipeline.Hidden]int{}
			}
			all.Hidden[reason] += n
		}
		if v.Now+v.LaterAll > 0 {
			names = append(names, Clean(v.Division))
		}
	}
	for _, v := range e.Divisions {
		if len(v.Later) > 0 && (len(all.Later) == 0 || v.Later[0].Day < all.Later[0].Day) {
			all.Later = []pipeline.ReleaseDay{{Day: v.Later[0].Day}}
		}
	}
	where := ""
	switch n := len(names); {
	case n == 1:
		where = " in " + names[0]
	case n > 1:
		where = " in " + plural(n, "Division", "Divisions")
	}
	from := ""
	if all.LaterAll > 0 {
		from = fmt.Sprintf("%s from %s on", Count(all.LaterAll), all.Later[0].Day)
	}
	hidden := 0
	for _, n := range all.Hidden {
		hidden += n
	}
	seen := list(nonzeroText(all.Now, "at once"), from)
	if seen != "" {
		seen += where
	}
	parts := list(seen, nonzeroText(hidden, "hidden"), nonzeroText(all.Gone, "no longer seen"))
	share := nonzeroText(all.Shareable, "can be shared with people outside")
	if share != "" && all.ByDefault > 0 {
		share += fmt.Sprintf(" (%s by Showpad's default)", either(all.ByDefault == all.Shareable, "all", Count(all.ByDefault)))
	}
	var links string
	if e.Links != nil {
		links = plural(e.Links.Shares, "share link", "share links")
	}
	rest := list(share, nonzeroText(all.Changes.ShareableOn, "more of those that are there"), nonzeroText(all.Changes.NewBytes, "get new bytes under the links that exist"), links)
	text := strings.Join(nonEmpty(parts, rest), "; ")
	if text == "" {
		text = "nobody sees more or fewer assets than before (migrate plan shows what changes)"
	}
	return "who will see it: " + text
}

func nonEmpty(parts ...string) (kept []string) {
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return kept
}
