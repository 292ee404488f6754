package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestWhoWillSeeARow: what one row adds to the exposure of its plan, on 1 April 2026.
func TestWhoWillSeeARow(t *testing.T) {
	type change = func(*manifest.Item, *pipeline.Facts)
	fields := func(set func(*manifest.Fields)) change {
		return func(i *manifest.Item, _ *pipeline.Facts) { set(&i.Fields) }
	}
	create := func(_ *manifest.Item, f *pipeline.Facts) { f.Record, f.RemoteRead = nil, true }
	there := func(edits ...string) change {
		return func(i *manifest.Item, f *pipeline.Facts) {
			f.RemoteRead, f.Remote = true, append(f.Remote[:0:0], remote(edits...))
			i.Fields.Description = manifest.Some("other") // an update
		}
	}
	sent := func(name, value string) change {
		return func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Fields[name] = state.Base{Sent: raw(value)} }
	}
	released := func(at string) change {
		return fields(func(f *manifest.Fields) { f.ReleasedAt = expiry(at) })
	}
	noShare := fields(func(f *manifest.Fields) { f.IsShareable = manifest.Opt[bool]{} })
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		changes []change
		want    string // the Division's view as JSON; "" for none
	}{
		{"a new one", []change{create}, `{"division":"Marketing","now":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"a new one of which nothing is said", []change{create, noShare}, `{"division":"Marketing","now":1,"shareable":1,"shareableByDefault":1,"downloadsUnset":1,"noExpiry":1}`},
		{"a new one that stays inside", []change{create, fields(func(f *manifest.Fields) {
			f.IsShareable, f.DownloadableExternal, f.ExpiresAt = manifest.Some(false), manifest.Some([]string{}), expiry("2027-01-01T00:00:00Z")
		})}, `{"division":"Marketing","now":1}`},
		{"a new one for everybody", []change{create, fields(func(f *manifest.Fields) {
			f.DownloadableExternal, f.IsDivisionShared, f.DraftedAt = manifest.Some([]string{"pdf"}), manifest.Some(true), expiry("2026-01-01T00:00:00Z")
		})}, `{"division":"Marketing","now":1,"shareable":1,"downloadable":1,"divisionShared":1,"noExpiry":1,"drafts":1}`},
		{"a new one that is released later, in the time zone's day", []change{create, released("2026-11-30T23:00:00Z"), func(_ *manifest.Item, f *pipeline.Facts) { f.Timezone = brussels }},
			`{"division":"Marketing","now":0,"later":[{"day":"2026-12-01","assets":1}],"laterAll":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"a new one that was released before", []change{create, released("2026-04-01T00:00:00Z")}, `{"division":"Marketing","now":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"a new one in the trash", []change{create, fields(func(f *manifest.Fields) { f.IsArchived = manifest.Some(true) })}, `{"division":"Marketing","now":0,"hidden":{"archived":1}}`},
		{"a new one that has expired", []change{create, fields(func(f *manifest.Fields) { f.ExpiresAt = expiry("2026-03-31T00:00:00Z") })}, `{"division":"Marketing","now":0,"hidden":{"expired":1}}`},
		{"a new one that never shows", []change{create, released("2027-04-01T00:00:00Z"), fields(func(f *manifest.Fields) { f.ExpiresAt = expiry("2027-01-01T00:00:00Z") })},
			`{"division":"Marketing","now":0,"hidden":{"never":1}}`},
		{"half-made: nobody saw it yet", []change{create, there(`{"status":"prepared","currentFile":null,"checksum":null,"size":null}`)}, `{"division":"Marketing","now":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},

		{"nothing to do", nil, ""},
		{"an update that nobody sees more for", []change{there()}, ""},
		{"a conflict", []change{there(`{"description":"theirs"}`)}, ""},
		{"a release is taken away", []change{there(`{"releasedAt":"2026-12-01T00:00:00Z"}`), sent("releasedAt", `"2026-12-01T00:00:00Z"`), fields(func(f *manifest.Fields) { f.ReleasedAt = manifest.Null[manifest.Instant]() })},
			`{"division":"Marketing","now":1,"released":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"a release moves", []change{there(`{"releasedAt":"2026-12-01T00:00:00Z"}`), sent("releasedAt", `"2026-12-01T00:00:00Z"`), released("2026-12-02T00:00:00Z")},
			`{"division":"Marketing","now":0,"later":[{"day":"2026-12-02","assets":1}],"laterAll":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"a release is put before what people see", []change{there(`{"releasedAt":null}`), sent("releasedAt", `null`), released("2026-12-02T00:00:00Z")},
			`{"division":"Marketing","now":0,"later":[{"day":"2026-12-02","assets":1}],"laterAll":1,"gone":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"out of the trash", []change{there(`{"isArchived":true}`), sent("isArchived", "true"), fields(func(f *manifest.Fields) { f.IsArchived = manifest.Some(false) })},
			`{"division":"Marketing","now":1,"restored":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"into the trash", []change{there(), sent("isArchived", "false"), fields(func(f *manifest.Fields) { f.IsArchived = manifest.Some(true) })},
			`{"division":"Marketing","now":0,"hidden":{"archived":1},"gone":1}`},
		{"what our rollback archived comes back", []change{there(`{"isArchived":true}`), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Op = state.Archive }},
			`{"division":"Marketing","now":1,"restored":1,"shareable":1,"downloadsUnset":1,"noExpiry":1}`},
		{"sharing is switched on", []change{there(`{"permissions":{"isShareable":false}}`), sent("permissions.isShareable", "false")}, `{"division":"Marketing","now":0,"changes":{"shareableOn":1}}`},
		{"sharing is switched off", []change{there(), fields(func(f *manifest.Fields) { f.IsShareable = manifest.Some(false) })}, `{"division":"Marketing","now":0,"changes":{"shareableOff":1}}`},
		{"downloads are switched on", []change{there(`{"downloadableExternal":[]}`), sent("downloadableExternal", "[]"), fields(func(f *manifest.Fields) { f.DownloadableExternal = manifest.Some([]string{"pdf"}) })},
			`{"division":"Marketing","now":0,"changes":{"downloadsOn":1}}`},
		{"other Divisions no longer", []change{there(`{"isDivisionShared":true}`), sent("isDivisionShared", "true"), fields(func(f *manifest.Fields) { f.IsDivisionShared = manifest.Some(false) })},
			`{"division":"Marketing","now":0,"changes":{"divisionSharedOff":1}}`},
		{"another expiry", []change{there(), sent("expiresAt", "null"), fields(func(f *manifest.Fields) { f.ExpiresAt = expiry("2027-01-01T00:00:00Z") })},
			`{"division":"Marketing","now":0,"changes":{"expiry":1}}`},
		{"another version", []change{there(), func(i *manifest.Item, f *pipeline.Facts) {
			i.Fields.Description = manifest.Some("about")
			f.Info.Size, f.MD5 = 2, md5B
		}},
			`{"division":"Marketing","now":0,"changes":{"newBytes":1}}`},
		{"perhaps another version", []change{func(_ *manifest.Item, f *pipeline.Facts) { f.Info.ModTime = modTime.Add(time.Hour) }}, `{"division":"Marketing","now":0,"changes":{"maybeNewBytes":1}}`},
		{"perhaps another version of what is in the trash", []change{sent("isArchived", "true"), func(_ *manifest.Item, f *pipeline.Facts) { f.Info.ModTime = modTime.Add(time.Hour) }},
			`{"division":"Marketing","now":0,"changes":{"maybeNewBytes":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			item, facts := base()
			for _, c := range tt.changes {
				c(&item, &facts)
			}
			var s pipeline.Summary
			d := pipeline.Decide(&item, &facts)
			s.Add(d.Row)
			got := ""
			if s.Exposure != nil {
				b, err := json.Marshal(s.Exposure.Divisions[0])
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("of %s (%s): (-want +got)\n%s", d.Row.Action, d.Row.Reason, diff)
			}
		})
	}
}

// TestExposureTellsTheEarliestDaysApart: whatever the order of the rows, and
// however many days there are.
func TestExposureTellsTheEarliestDaysApart(t *testing.T) {
	const days, each = 1000, 3
	var e pipeline.Exposure
	first := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for i := range days * each {
		at := first.AddDate(0, 0, i*7%days).Format(time.RFC3339) // 7 and 1000 have no divisor in common
		e.Add(pipeline.Row{Division: fmt.Sprint(i % 2), Audience: &pipeline.Audience{Division: "Marketing", After: pipeline.Access{Hidden: pipeline.HiddenUntil, From: at}}})
	}
	if len(e.Divisions) != 1 {
		t.Fatalf("%d Divisions, want the one of the service", len(e.Divisions))
	}
	v := e.Divisions[0]
	if v.LaterAll != days*each || len(v.Later) != 30 {
		t.Errorf("%d later on %d days, want %d on 30", v.LaterAll, len(v.Later), days*each)
	}
	for i, d := range v.Later {
		if want := first.AddDate(0, 0, i).Format(time.DateOnly); d.Day != want || d.Assets != each {
			t.Errorf("day %d is %+v, want %d on %s", i, d, each, want)
		}
	}
}

// TestTheRunExposesWhatThePlanSays: and nothing when there is nothing to do.
func TestTheRunExposesWhatThePlanSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.add("B", "b", func(i *manifest.Item) {
			i.Fields.ReleasedAt = manifest.Some(manifest.Instant{Relative: "+3 days", Days: 3})
			i.Division = "marketing" // one Division, however it is written
		})
		w.man.Timezone = time.FixedZone("Somewhere", 3600)
		planned, _ := w.plan()
		out := w.mustRun(0)
		if diff := cmp.Diff(planned.Exposure, out.Plan.Exposure); diff != "" || planned.Exposure == nil {
			t.Errorf("(-plan +run)\n%s", diff)
		}
		if e := planned.Exposure; len(e.Divisions) != 1 || e.Divisions[0].Division != "Marketing" || e.Divisions[0].Now != 1 || e.Divisions[0].LaterAll != 1 || e.Timezone != "Somewhere" {
			t.Errorf("%+v", e)
		}
		if again, _ := w.plan(); again.Exposure != nil {
			t.Errorf("after the run: %+v", again.Exposure)
		}
	})
}

// TestASavedPlanHasItsOwnExposure: its rows say the same as its totals, so that it
// can be opened; also where tags look alike, which rows do not say.
func TestASavedPlanHasItsOwnExposure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.man.Timezone = time.FixedZone("Somewhere", 3600)
		w.add("A", "a", tags("Sales Tips"))
		w.add("B", "b", tags("sales-tips"), func(i *manifest.Item) {
			i.Fields.ReleasedAt = manifest.Some(manifest.Instant{Relative: "+3 days", Days: 3})
		})
		path, s, _ := w.save(pipeline.Choice{})
		if len(s.TagTwins) == 0 || s.Exposure == nil {
			t.Fatalf("the plan has tag twins %v and the exposure %v", s.TagTwins, s.Exposure)
		}
		p, err := pipeline.OpenPlan(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.Exposure, p.Totals.Exposure); diff != "" {
			t.Errorf("(-saved +opened)\n%s", diff)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		w.mustCarry(0, path)
	})
}

func TestSharesThatAreMadeAreExposed(t *testing.T) {
	var s pipeline.Summary
	for _, r := range []pipeline.ExtraRow{
		{Kind: state.Share, Action: pipeline.ActionCreate, Assets: 2, NeverExpires: true},
		{Kind: state.Share, Action: pipeline.ActionCreate, Assets: 3, IsDownloadAllowed: true},
		{Kind: state.Share, Action: pipeline.ActionUnchanged, Assets: 5},
		{Kind: state.MyFile, Action: pipeline.ActionCreate},
	} {
		s.AddExtra(r)
	}
	if diff := cmp.Diff(&pipeline.Exposure{Divisions: []pipeline.DivisionView{}, Links: &pipeline.LinkView{Shares: 2, Assets: 5, NoExpiry: 1, Downloadable: 1}}, s.Exposure); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestWhatIsPrunedIsNoLongerSeen: nobody of its Division sees it then.
func TestWhatIsPrunedIsNoLongerSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.add("B", "b")
		w.mustRun(0)
		w.items = w.items[:1]
		w.man.Prune = "archive"
		s, _ := w.plan()
		if e := s.Exposure; e == nil || len(e.Divisions) != 1 || e.Divisions[0].Division != "Marketing" || e.Divisions[0].Gone != 1 || e.Divisions[0].Hidden[pipeline.HiddenArchived] != 1 {
			t.Errorf("%+v", s.Exposure)
		}
	})
}
