package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestHooksStandAroundCommits(t *testing.T) {
	s := newServer(t, emulator.Options{})
	var seen []string
	s.OnCommit(func(op string, n int, when emulator.When) {
		seen = append(seen, fmt.Sprintf("%s %s %d: %d assets, %d puts", when, op, n, len(s.Assets()), s.Books().Puts))
	})
	id := create(t, s, "a.pdf", "A", "")
	want(t, 400, s, "POST", "/v4/assets", "{}") // no commit, no hook
	want(t, 404, s, "DELETE", "/v4/assets/none", "")
	upload(t, s, id, "x")
	want(t, 403, s, "PUT", ask(t, s, id, "x").url, "y")
	create(t, s, "b.pdf", "B", "")
	want(t, 200, s, "GET", "/v4/assets", "")
	want(t, 204, s, "DELETE", "/v4/assets/"+id, "")
	if got := strings.Join(seen, "\n"); got != strings.TrimSpace(`
before postAssets 1: 0 assets, 0 puts
after postAssets 1: 1 assets, 0 puts
before postAssetFiles 1: 1 assets, 0 puts
after postAssetFiles 1: 1 assets, 0 puts
before put 1: 1 assets, 0 puts
after put 1: 1 assets, 1 puts
before postAssetFiles 2: 1 assets, 1 puts
after postAssetFiles 2: 1 assets, 1 puts
before postAssets 2: 1 assets, 1 puts
after postAssets 2: 2 assets, 1 puts
before deleteAsset 1: 2 assets, 1 puts
after deleteAsset 1: 1 assets, 1 puts`) {
		t.Errorf("seen:\n%s", got)
	}
	s.OnCommit(nil)
	create(t, s, "c.pdf", "C", "")
	if len(seen) != 12 {
		t.Error("a hook that was taken away is called")
	}
}
