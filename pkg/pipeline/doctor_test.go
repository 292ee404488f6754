package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

const probeKey = "0123456789abcdef"

// doctorOf is a doctor for a tenant, and what it has told so far.
func doctorOf(w *world) (*pipeline.Doctor, *[]pipeline.Finding) {
	told := new([]pipeline.Finding)
	d := &pipeline.Doctor{Calls: new(pipeline.Calls), Observe: func(f pipeline.Finding) { *told = append(*told, f) }}
	d.API = w.clientWith(func(c *showpad.Config) {
		if w.configure != nil {
			w.configure(c)
		}
		c.Observe = func(call showpad.Call) {
			if !call.Storage && call.Op != "token" {
				d.Calls.Add(call.Op)
			}
		}
	})
	return d, told
}

// examine diagnoses and probes, and gives the last finding of each check.
func examine(t *testing.T, w *world, change ...func(*pipeline.Doctor)) map[string]pipeline.Finding {
	t.Helper()
	d, told := doctorOf(w)
	for _, f := range change {
		f(d)
	}
	if err := errors.Join(d.Diagnose(t.Context()), d.Probe(t.Context())); err != nil {
		t.Fatal(err)
	}
	all := map[string]pipeline.Finding{}
	for _, f := range *told {
		all[f.Check] = f
		if f.Text == "" || f.Level == pipeline.LevelFailed && f.Verdict == pipeline.Refuted && f.Remedy == "" {
			t.Errorf("a finding without words: %+v", f)
		}
	}
	return all
}

// nothingLeft holds that a tenant has nothing of a probe.
func nothingLeft(t *testing.T, w *world) {
	t.Helper()
	if b := w.tenant.Books(); b.Assets != 0 || b.Tags != 0 || b.Late != 0 {
		t.Errorf("left behind: %d assets, %d tags, %d late", b.Assets, b.Tags, b.Late)
	}
}

// usual are the verdicts on a tenant that is as the emulator is by itself.
func usual() map[string]pipeline.Verdict {
	want := map[string]pipeline.Verdict{}
	for _, a := range pipeline.Assumptions() {
		want[a.ID] = pipeline.Confirmed
	}
	want[pipeline.AssumeTagCase] = pipeline.Refuted // two spellings are two tags
	for _, id := range []string{pipeline.AssumeActive, pipeline.AssumeShared, pipeline.AssumeRotation, pipeline.AssumeAdvice} {
		want[id] = pipeline.NotTested // too fast; stands still; no refresh token; not provoked
	}
	return want
}

func compareVerdicts(t *testing.T, got map[string]pipeline.Finding, want map[string]pipeline.Verdict) {
	t.Helper()
	for id, v := range want {
		if got[id].Verdict != v {
			t.Errorf("%s is %q, want %q: %s", id, got[id].Verdict, v, got[id].Text)
		}
	}
}

func TestAProbeTellsEachAssumptionAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		d, told := doctorOf(w)
		if err := d.Diagnose(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, f := range *told {
			if f.Level == pipeline.LevelFailed || f.Level == pipeline.LevelWarning {
				t.Errorf("%+v", f)
			}
		}
		before := w.tenant.Books()
		if len(before.Commits) != 0 || before.API > 10 {
			t.Errorf("the diagnosis took %d requests, and wrote %v", before.API, before.Commits)
		}
		if err := d.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]pipeline.Finding{}
		for _, f := range *told {
			if _, twice := got[f.Check]; twice && f.Verdict != "" {
				t.Errorf("%s is told twice", f.Check)
			}
			got[f.Check] = f
		}
		compareVerdicts(t, got, usual())
		nothingLeft(t, w)
		b := w.tenant.Books()
		if n := b.API - before.API; n > pipeline.ProbeRequests || n < pipeline.ProbeRequests-6 {
			t.Errorf("%d requests, announced are %d", n, pipeline.ProbeRequests)
		}
		if b.Unknown > 0 {
			t.Errorf("requests that the specification does not know: %v", b.UnknownNotes)
		}
	})
}

// eachSwitch says what a probe tells with a switch of the emulator on: which verdict
// changes against the usual ones, or which finding shows it.
var eachSwitch = map[string]struct {
	set     func(*emulator.Switches)
	verdict map[string]pipeline.Verdict // that differ from the usual ones
	shows   string                      // check whose text has says
	says    string
	none    string // why nothing shows it
}{
	"DropExternalID": {
		set:     func(s *emulator.Switches) { s.DropExternalID = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeExternalID: pipeline.Refuted, pipeline.AssumeFilter: pipeline.NotTested},
	},
	"RefuseExternalID": {
		set: func(s *emulator.Switches) { s.RefuseExternalID = true },
		verdict: map[string]pipeline.Verdict{
			pipeline.AssumeExternalID: pipeline.Refuted, pipeline.AssumeExternalIDLater: pipeline.Refuted, pipeline.AssumeFilter: pipeline.NotTested,
		},
	},
	"KeepExternalID": {
		set:     func(s *emulator.Switches) { s.KeepExternalID = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeExternalIDLater: pipeline.Refuted},
	},
	"DropTags": {
		set:     func(s *emulator.Switches) { s.DropTags = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeTagsInCreate: pipeline.Refuted},
	},
	"ResetPermissions": {
		set:     func(s *emulator.Switches) { s.ResetPermissions = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumePermissions: pipeline.Refuted},
	},
	"SnapDates": {
		set:     func(s *emulator.Switches) { s.SnapDates = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeDates: pipeline.Refuted},
		shows:   pipeline.AssumeDates, says: "became 2098-03-04T00:00:00Z",
	},
	"IgnoreFileName": {
		set:     func(s *emulator.Switches) { s.IgnoreFileName = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeRename: pipeline.Refuted},
	},
	"FoldTags": {
		set:     func(s *emulator.Switches) { s.FoldTags = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeTagCase: pipeline.Confirmed},
	},
	"TrimDescriptions": {
		set:     func(s *emulator.Switches) { s.TrimDescriptions = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeDescription: pipeline.Refuted},
	},
	"HideArchived": {
		set:     func(s *emulator.Switches) { s.HideArchived = true },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeArchivedListed: pipeline.Refuted},
	},
	"NoShortLinks": {
		set:   func(s *emulator.Switches) { s.NoShortLinks = true },
		shows: pipeline.AssumeLink, says: "a link that takes the token",
	},
	"NotDownloadable": {
		set:     func(s *emulator.Switches) { s.NotDownloadable = "migrate-*" },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeLink: pipeline.Refuted, pipeline.AssumeBytes: pipeline.NotTested},
	},
	"Checksum": {
		set:     func(s *emulator.Switches) { s.Checksum = emulator.ChecksumBase64 },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeChecksum: pipeline.Refuted},
		shows:   pipeline.AssumeChecksum, says: "Base64",
	},
	"FailProcessing": {
		set: func(s *emulator.Switches) { s.FailProcessing = "migrate-*" },
		verdict: map[string]pipeline.Verdict{
			pipeline.AssumeChecksum: pipeline.NotTested, pipeline.AssumeDescription: pipeline.NotTested, pipeline.AssumeLink: pipeline.NotTested, pipeline.AssumeBytes: pipeline.NotTested,
		},
		shows: "probe", says: "could not process",
	},
	"StuckProcessing": {
		set: func(s *emulator.Switches) { s.StuckProcessing = "migrate-*" },
		verdict: map[string]pipeline.Verdict{
			pipeline.AssumeChecksum: pipeline.NotTested, pipeline.AssumeDescription: pipeline.NotTested, pipeline.AssumeLink: pipeline.NotTested, pipeline.AssumeBytes: pipeline.NotTested,
		},
		shows: "processing", says: "did not process",
	},
	"Processing": {
		set: func(s *emulator.Switches) {
			s.Processing = []emulator.ProcessingTime{{Pattern: "migrate-*", Time: emulator.Duration(20 * time.Second)}}
		},
		verdict: map[string]pipeline.Verdict{pipeline.AssumeActive: pipeline.Confirmed},
	},
	"ReadLag": {
		set:     func(s *emulator.Switches) { s.ReadLag = emulator.Duration(90 * time.Second) },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeReadLag: pipeline.Refuted, pipeline.AssumeURLAsset: pipeline.Confirmed},
	},
	"ListLag": {
		set:     func(s *emulator.Switches) { s.ListLag = emulator.Duration(90 * time.Second) },
		verdict: map[string]pipeline.Verdict{pipeline.AssumeListLag: pipeline.Refuted},
		shows:   pipeline.AssumeListLag, says: "after 1m3",
	},
	"WithoutScopes": {
		set: func(s *emulator.Switches) { s.WithoutScopes = []string{"write_contentprofile_management"} },
		verdict: func() map[string]pipeline.Verdict {
			all := usual()
			for id := range all {
				all[id] = pipeline.NotTested
			}
			all[pipeline.AssumeLimit] = pipeline.Confirmed
			return all
		}(),
		shows: "writing", says: "write_contentprofile_management",
	},
	"Rate":  {set: func(s *emulator.Switches) { s.Rate = 5 }, none: "the client waits as it is told"},
	"Burst": {set: func(s *emulator.Switches) { s.Rate, s.Burst = 5, 1 }, none: "the client waits as it is told"},

	"StillStamps":         {none: "a full check by exports is compared with one by look-ups, where it matters"},
	"FrozenExports":       {none: "a plan sees by itself whether an export is behind"},
	"ExportRows":          {none: "all pages are read"},
	"UniqueCategories":    {none: "categories are not probed"},
	"TwinPersonalFiles":   {none: "My Files are not probed: what goes there cannot be deleted from here"},
	"MyFilesInLists":      {none: "My Files are not probed"},
	"TicketAssetObject":   {none: "My Files are not probed"},
	"TicketsWithoutAsset": {none: "My Files are not probed"},
	"TagsInFilters":       {none: "tags of a probe are in no filter"},
	"CursorLife":          {none: "what a probe queries has no second page"},
	"DenySignIn":          {none: "the account is signed in already"},
}

func TestAProbeTellsEachSwitchOfTheEmulator(t *testing.T) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[emulator.Switches]()) {
		c, known := eachSwitch[field.Name]
		if !known || c.none == "" && c.verdict == nil && c.shows == "" {
			t.Errorf("what does a probe tell with the switch %s?", field.Name)
		}
	}
	for name, c := range eachSwitch {
		if c.set == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{KeepBytes: true})
				w.tenant.Switch(c.set)
				got := examine(t, w)
				want := usual()
				maps.Copy(want, c.verdict)
				compareVerdicts(t, got, want)
				if !strings.Contains(got[c.shows].Text, c.says) {
					t.Errorf("%s says %q, want %q in it", c.shows, got[c.shows].Text, c.says)
				}
				nothingLeft(t, w)
			})
		})
	}
}

func TestOtherFormsOfAChecksum(t *testing.T) {
	for form, want := range map[emulator.ChecksumForm]pipeline.Level{
		emulator.ChecksumUpperHex: pipeline.LevelWarning, emulator.ChecksumNone: pipeline.LevelFailed, emulator.ChecksumHex: pipeline.LevelOK,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{KeepBytes: true, Switches: emulator.Switches{Checksum: form}})
			if f := examine(t, w)[pipeline.AssumeChecksum]; f.Level != want {
				t.Errorf("%q: %+v", form, f)
			}
		})
	}
}

func TestCountersThatMoveAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true, Budget: emulator.Budget{Limit: 400}})
		got := examine(t, w)
		if f := got[pipeline.AssumeShared]; f.Verdict != pipeline.Confirmed {
			t.Errorf("%+v", f)
		}
		if f := got[pipeline.AssumeLimit]; f.Verdict != pipeline.Refuted || !strings.Contains(f.Text, "400") {
			t.Errorf("%+v", f)
		}
		if f := got["budget"]; f.Level != pipeline.LevelOK || !strings.Contains(f.Text, "of 400 requests are left") || !strings.Contains(f.Text, "moved by") {
			t.Errorf("%+v", f)
		}
		w.tenant.SetBudget(emulator.Budget{Limit: 30})
		d, told := doctorOf(w)
		for range 23 {
			if _, err := d.API.Me(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Diagnose(t.Context()); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(*told, func(f pipeline.Finding) bool { return f.Check == "budget" })
		if f := (*told)[i]; f.Level != pipeline.LevelWarning {
			t.Errorf("%+v", f)
		}
	})
}

func TestAClockThatIsWrongIsTold(t *testing.T) {
	for skew, want := range map[time.Duration]string{-time.Hour: "1h0m0s ahead of", time.Hour: "1h0m0s behind", 10 * time.Second: "agree within 10s"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{KeepBytes: true})
			w.tenant.Advance(skew)
			d, told := doctorOf(w)
			if err := d.Diagnose(t.Context()); err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(*told, func(f pipeline.Finding) bool { return f.Check == "clock" })
			if f := (*told)[i]; !strings.Contains(f.Text, want) || (f.Level == pipeline.LevelOK) != (skew < time.Minute && skew > 0) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A doctor goes on with what it may: each missing scope is one finding, by its name.
func TestEachMissingScopeIsAFinding(t *testing.T) {
	for scope, checks := range map[string][]string{
		"read_user_management": {"account"}, "read_contentprofile_management": {"content"}, "read_division_management": {"divisions", "exports"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{KeepBytes: true})
			w.tenant.Switch(func(s *emulator.Switches) { s.WithoutScopes = []string{scope} })
			d, told := doctorOf(w)
			if err := d.Diagnose(t.Context()); err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, f := range *told {
				if f.Level == pipeline.LevelFailed {
					failed = append(failed, f.Check)
					if !strings.Contains(f.Text, "the scope "+scope) {
						t.Errorf("%+v", f)
					}
				}
			}
			if !slices.Equal(failed, checks) {
				t.Errorf("without %s: failed are %q, want %q", scope, failed, checks)
			}
		})
	}
}

func TestTheTokenAndTheDivisionAreLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true, Divisions: []emulator.Division{{Name: "Sales", Denied: true}, {Name: "Zurich"}}})
		got := examine(t, w, func(d *pipeline.Doctor) {
			d.Scopes = []string{"read_user_management"}
			d.Renewal = func() pipeline.Renewal { return pipeline.Renewal{} }
		})
		if f := got["scopes"]; f.Level != pipeline.LevelFailed || !strings.Contains(f.Text, "no read_contentprofile_management, read_division_management, write_contentprofile_management") {
			t.Errorf("%+v", f)
		}
		if f := got["renewal"]; f.Level != pipeline.LevelFailed {
			t.Errorf("%+v", f)
		}
		if f := got["writing"]; f.Level != pipeline.LevelFailed || !strings.Contains(f.Text, "Sales") {
			t.Errorf("%+v", f)
		}
		nothingLeft(t, w)
		got = examine(t, w, func(d *pipeline.Doctor) {
			d.Division = "zurich"
			d.Scopes = slices.Concat(showpad.ScopesToRead(), []string{"write_contentprofile_management"})
			d.Renewal = func() pipeline.Renewal { return pipeline.Renewal{Has: true, Known: true, Replaced: true} }
		})
		if got["writing"].Level != pipeline.LevelOK || got["scopes"].Level != pipeline.LevelOK || got["renewal"].Level != pipeline.LevelOK {
			t.Errorf("%+v", got)
		}
		if f := got[pipeline.AssumeRotation]; f.Verdict != pipeline.Confirmed {
			t.Errorf("%+v", f)
		}
		got = examine(t, w, func(d *pipeline.Doctor) { d.Division = "Nowhere" })
		if f := got["divisions"]; f.Level != pipeline.LevelFailed || !strings.Contains(f.Text, `"Nowhere"`) {
			t.Errorf("%+v", f)
		}
		nothingLeft(t, w)
	})
}

func TestARefusedCredentialEndsTheExamination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		w.tenant.Revoke(emulator.DefaultToken)
		d, _ := doctorOf(w)
		if err := d.Diagnose(t.Context()); !errors.Is(err, showpad.ErrNotSignedIn) {
			t.Errorf("%v", err)
		}
	})
}

// Nothing is left whatever request is the last one before an interruption.
func TestAnInterruptedProbeCleansUp(t *testing.T) {
	for n := 1; ; n++ {
		done := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{KeepBytes: true})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			requests, why := 0, errors.New("interrupt")
			w.configure = func(c *showpad.Config) {
				base := c.Base
				c.Base = transport(func(r *request) (*response, error) {
					if requests++; requests == n {
						cancel(why)
					}
					return base.RoundTrip(r)
				})
			}
			d, _ := doctorOf(w)
			err := d.Diagnose(ctx)
			if err == nil {
				err = d.Probe(ctx)
			}
			if done = requests < n; err != nil && !errors.Is(err, why) {
				t.Errorf("interrupted at request %d: %v", n, err) // none: it was cleaning up already
			}
			nothingLeft(t, w)
		})
		if done || t.Failed() {
			break
		}
	}
}

// A probe that was killed at any of its writes is cleaned by the next one.
func TestAKilledProbeIsCleanedByTheNext(t *testing.T) {
	for n := 1; ; n++ {
		done := false
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{KeepBytes: true, Switches: emulator.Switches{HideArchived: true}})
			requests := 0
			w.configure = func(c *showpad.Config) {
				base := c.Base
				c.Retries = -1
				c.Base = transport(func(r *request) (*response, error) {
					if requests++; requests > n {
						return nil, errors.New("killed")
					}
					return base.RoundTrip(r)
				})
			}
			d, _ := doctorOf(w)
			d.SettleTime = time.Millisecond
			_ = d.Diagnose(t.Context())
			_ = d.Probe(t.Context())
			done = requests <= n
			w.configure = nil
			if f := examine(t, w); f["clean-up"].Level != pipeline.LevelOK {
				t.Errorf("killed after request %d: %+v", n, f["clean-up"])
			}
			nothingLeft(t, w)
		})
		if done || t.Failed() {
			break
		}
	}
}

// What people named in a similar way is theirs.
func TestOnlyWhatAProbeMadeIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{KeepBytes: true})
		c := w.client()
		for _, name := range []string{
			"migrate-doctor-probe-notes.txt", "about migrate-doctor-probe-" + probeKey + ".txt", "migrate-doctor-probe-" + probeKey + ".pdf", "migrate-doctor-probe-" + probeKey + "0.txt",
		} {
			f := showpad.AssetFields{Name: showpad.Some(name), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}
			if _, err := c.CreateAsset(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.CreateTag(t.Context(), emulator.DivisionMarketing, "migrate-doctor-probe-results"); err != nil {
			t.Fatal(err)
		}
		examine(t, w)
		if b := w.tenant.Books(); b.Assets != 4 || b.Tags != 1 {
			t.Errorf("%d assets and %d tags are left", b.Assets, b.Tags)
		}
	})
}

// An answer that gets lost at any operation leaves nothing behind, and no wrong verdict.
func TestAProbeSurvivesLostAnswers(t *testing.T) {
	for _, op := range []string{"postAssets", "postTags", "postAssetFiles", "updateAsset", "deleteAsset", "deleteTag", "put", "getAssets"} {
		for nth := 1; nth <= 2; nth++ {
			t.Run(fmt.Sprintf("%s-%d", op, nth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, emulator.Options{KeepBytes: true})
					w.tenant.Fail(emulator.Fault{Op: op, Nth: nth, Kind: emulator.KindLost})
					got := examine(t, w)
					for id, v := range usual() {
						if f := got[id]; f.Verdict == pipeline.Refuted && v == pipeline.Confirmed {
							t.Errorf("%+v", f)
						}
					}
					nothingLeft(t, w)
				})
			})
		}
	}
}

type (
	request  = http.Request
	response = http.Response
)

// transport is a function as what carries requests.
type transport func(*request) (*response, error)

func (f transport) RoundTrip(r *request) (*response, error) { return f(r) }
