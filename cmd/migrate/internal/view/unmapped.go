package view

import (
	"fmt"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// someUnmapped is how many values of one map the concise text shows.
const someUnmapped = 20

// unmapped writes the values that the manifest's maps have no entry for, up to
// limit of each map.
func unmapped(out *printer, u manifest.Unmapped, limit int) {
	for len(u.Values) > 0 {
		name, n := u.Values[0].Map, 0
		for n < len(u.Values) && u.Values[n].Map == name {
			n++
		}
		more := ""
		if u.More[name] > 0 {
			more = " at least" // further ones were counted, not kept
		}
		kept := ""
		if name == "tags" { // of the others there is a problem where the service has no such value
			kept = either(n == 1, ", used as it stands", ", used as they stand")
		}
		out.line("Not in the map of %s:%s %s%s", name, more, Plural(n, "value", "values"), kept)
		for _, v := range u.Values[:min(n, limit)] {
			out.line("  %s, on %s, first at %s", Clean(fmt.Sprintf("%q", v.Value)), Plural(v.Count, "item", "items"), Clean(v.Pos.String()))
		}
		if n > limit {
			out.line("  ... and %s more", Count(n-limit))
		}
		u.Values = u.Values[n:]
	}
}
