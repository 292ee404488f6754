package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func someExposure() *pipeline.Exposure {
	e := &pipeline.Exposure{Timezone: "Europe/Brussels", Divisions: []pipeline.DivisionView{
		{
			Division: "Marketing", Now: 1200, Restored: 2, Released: 1, LaterAll: 10, Gone: 1, Hidden: map[pipeline.Hidden]int{pipeline.HiddenArchived: 3, pipeline.HiddenExpired: 1, pipeline.HiddenNever: 1},
			Later:     []pipeline.ReleaseDay{{Day: "2026-12-01", Assets: 2}, {Day: "2026-12-02", Assets: 1}, {Day: "2026-12-03", Assets: 1}, {Day: "2026-12-04", Assets: 1}},
			Shareable: 1210, ByDefault: 7, Downloadable: 1, DownloadsUnset: 3, DivisionShared: 1, NoExpiry: 2, Drafts: 1,
			Changes: pipeline.Changes{NewBytes: 1, MaybeNewBytes: 2},
		},
		{Division: "Sales\x1b[31m", Changes: pipeline.Changes{ShareableOn: 1, ShareableOff: 1, DownloadsOn: 1, DownloadsOff: 1, DivisionSharedOn: 1, DivisionSharedOff: 1, Expiry: 1, Drafts: 2}},
	}}
	e.AddShare(3, false, true)
	return e
}

func TestExposureText(t *testing.T) {
	const want = `
Who will see it:
  Marketing: 1,200 at once (2 out of the trash, 1 released before the day planned), 2 from 2026-12-01, 1 from 2026-12-02, 1 from 2026-12-03, 6 on later days, 3 hidden in the trash, 1 expired already, 1 never, for the expiry comes before the release, 1 no longer seen
    1,210 can be shared with people outside (7 because permissions.isShareable is not named: true is Showpad's default)
    1 can be downloaded by them, and 3 as Showpad decides (downloadableExternal is not named)
    1 is seen by other Divisions, too
    2 never expire
    1 has a draftedAt; what that hides is not documented
    1 that is there gets new bytes: who has a link to it sees them
    2 that are there may get new bytes
  Sales: nobody sees more or fewer of them than before
    1 that is there can be shared with people outside from now on
    1 that is there can no longer be shared
    1 that is there can be downloaded by people outside from now on
    1 that is there can no longer be downloaded by people outside
    1 that is there is seen by other Divisions from now on
    1 that is there is no longer seen by other Divisions
    1 that is there expires at another time
    2 that are there get or lose a draftedAt
  1 link to 3 assets (1 never expires, 1 allows downloads): whoever has a link sees them, and it cannot be taken back from here
  Days are those of Europe/Brussels.
  Who may read the files where they come from is not carried over.
`
	var b strings.Builder
	exposure(&printer{w: &b}, someExposure(), false)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	exposure(&printer{w: &b}, someExposure(), true)
	if !strings.Contains(b.String(), "1 from 2026-12-04, 5 on later days") {
		t.Errorf("with --full:\n%s", b.String())
	}
	b.Reset()
	exposure(&printer{w: &b}, nil, true)
	if b.String() != "" {
		t.Errorf("of nothing:\n%s", b.String())
	}
	many := &pipeline.Exposure{}
	for i := range 30 {
		many.Add(pipeline.Row{Division: fmt.Sprint(i), Audience: &pipeline.Audience{}})
	}
	exposure(&printer{w: &b}, many, false)
	if !strings.Contains(b.String(), "... and 10 more Divisions (--full shows all)") {
		t.Errorf("of many Divisions:\n%s", b.String())
	}
}

func TestExposureLine(t *testing.T) {
	for _, tt := range []struct {
		e    *pipeline.Exposure
		want string
	}{
		{nil, ""},
		{someExposure(), "who will see it: 1,200 at once, 10 from 2026-12-01 on in Marketing, 5 hidden, 1 no longer seen; 1,210 can be shared with people outside (7 by Showpad's default), 1 more of those that are there, 1 get new bytes under the links that exist, 1 share link"},
		{&pipeline.Exposure{Divisions: []pipeline.DivisionView{{Division: "A", Now: 1, Shareable: 1, ByDefault: 1}, {Division: "B", Now: 1}}}, "who will see it: 2 at once in 2 Divisions; 1 can be shared with people outside (all by Showpad's default)"},
		{&pipeline.Exposure{Divisions: []pipeline.DivisionView{{Division: "A", Changes: pipeline.Changes{Expiry: 1}}}}, "who will see it: nobody sees more or fewer assets than before (migrate plan shows what changes)"},
	} {
		if got := ExposureLine(tt.e); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
