package pipeline

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestWhatIsStrangeOnAnAsset: our own bytes and what was never there are not.
func TestWhatIsStrangeOnAnAsset(t *testing.T) {
	rec := state.Record{Op: state.Create, Status: state.Sending, MD5: "33", Overtaken: []string{"11", "22"}, CreateRun: "run-1"}
	for sum, want := range map[string][]string{"": nil, "33": nil, "22": nil, "11": nil, "44": {fileField}} {
		if got := strangeFields(&rec, Values{}, &showpad.Asset{Checksum: sum}); !slices.Equal(got, want) {
			t.Errorf("bytes %q: %q, want %q", sum, got, want)
		}
	}
	rec.Status = state.Done // the last ones were verified: others came after them
	if got := strangeFields(&rec, Values{}, &showpad.Asset{Checksum: "22"}); !slices.Equal(got, []string{fileField}) {
		t.Errorf("older bytes of ours: %q", got)
	}
	begun := state.Record{Op: state.Create, Status: state.Failed, Intent: Values{"description": canonText("ours")}}
	for now, want := range map[string][]string{"null": nil, `"ours"`: nil, `"theirs"`: {"description"}} {
		if got := strangeFields(&begun, Values{"description": json.RawMessage(now)}, &showpad.Asset{}); !slices.Equal(got, want) {
			t.Errorf("description %s: %q, want %q", now, got, want)
		}
	}
}

// TestBytesThatOthersFollowAreRemembered: of creates too, but not of assets that
// somebody else made.
func TestBytesThatOthersFollowAreRemembered(t *testing.T) {
	var w work
	w.facts.MD5 = "22"
	for name, tc := range map[string]struct {
		rec  state.Record
		want []string
	}{
		"a version":           {state.Record{Op: state.Version, MD5: "11"}, []string{"11"}},
		"a create":            {state.Record{Op: state.Create, MD5: "11", CreateRun: "run-1"}, []string{"11"}},
		"an asset of others":  {state.Record{Op: state.Create, MD5: "11"}, nil},
		"the same bytes":      {state.Record{Op: state.Create, MD5: "22", CreateRun: "run-1"}, nil},
		"nothing known of it": {state.Record{Op: state.Create, CreateRun: "run-1"}, nil},
	} {
		w.overtake(&tc.rec)
		if !slices.Equal(tc.rec.Overtaken, tc.want) {
			t.Errorf("%s: %q, want %q", name, tc.rec.Overtaken, tc.want)
		}
	}
}

// TestAnAssetThatWasNeverSeenIsNotGone: what was begun a moment ago may not be
// shown yet.
func TestAnAssetThatWasNeverSeenIsNotGone(t *testing.T) {
	decide := func(status state.Status, settled bool) Decision {
		rec := state.Record{ExternalID: "A", Op: state.Create, Status: status, AssetID: "a1", Attempts: 1, CreateRun: "run-1"}
		w := (&gatherer{in: &Input{Manifest: &manifest.Manifest{}}}).unlistedWork(&rec)
		w.facts.RemoteRead, w.back.settled = true, settled
		w.decideUnlisted()
		return w.Decision
	}
	if d := decide(state.Failed, false); d.Need != NeedSettle || d.Row.Action != ActionCheck {
		t.Errorf("begun: %+v", d.Row)
	}
	if d := decide(state.Failed, true); d.Need != NeedNothing || d.Row.Action != ActionUnchanged || d.Row.Reason != ReasonGone {
		t.Errorf("begun, after its time: %+v", d.Row)
	}
	if d := decide(state.Done, false); d.Need != NeedNothing || d.Row.Reason != ReasonGone {
		t.Errorf("done: %+v", d.Row)
	}
}
