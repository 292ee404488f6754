package pipeline_test

import (
	"testing"
	"testing/synctest"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestTextsThatJSONMayEscapeAreNoDrift(t *testing.T) {
	for _, text := range []string{"R&D <b>", "a > b", "\u2028", "Größe", "tab\there", "\u007f", `"quoted" \ `, "😀"} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A&B", "a", tags("One"), func(i *manifest.Item) {
					i.File, i.Location.Path = "A.txt", "A.txt"
					i.Fields.Description = manifest.Some(text)
				})
				w.files.put("A.txt", "a")
				w.mustRun(0)
				w.tenant.ResetBooks()
				w.planIsEmpty()
				if n := w.tenant.Books().Requests["getAssets"]; n > 0 {
					t.Errorf("a rerun asked for assets %d times", n)
				}
				w.items[0].Fields.Description = manifest.Some("another one")
				w.mustRun(0)
				if d := w.assets()["A&B"][0].Description; d != "another one" {
					t.Errorf("the description is %q", d)
				}
			})
		})
	}
}
