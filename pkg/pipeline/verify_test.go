package pipeline_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// verify verifies with the world's state and returns what differs, as "id kind field".
func (w *world) verify() (pipeline.VerifySummary, []string, []pipeline.Difference) {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	var all []pipeline.Difference
	short := []string{}
	s, err := pipeline.Verify(w.t.Context(), w.input(st), func(d pipeline.Difference) error {
		all = append(all, d)
		short = append(short, strings.TrimSpace(d.ExternalID+" "+d.Kind+" "+d.Field))
		return nil
	})
	if err != nil {
		w.t.Fatalf("verify: %v", err)
	}
	if n := s.OK + s.Different + s.Missing + s.Unfinished + s.Unchecked; n != s.Items {
		w.t.Errorf("%d of %d items are counted: %+v", n, s.Items, s)
	}
	return s, short, all
}

// only is the id of the only asset of an external ID.
func (w *world) only(externalID string) string {
	w.t.Helper()
	as := w.assets()[externalID]
	if len(as) != 1 {
		w.t.Fatalf("%s: %d assets", externalID, len(as))
	}
	return as[0].ID
}

// deletes has a person delete an asset.
func (w *world) deletes(assetID string) {
	w.t.Helper()
	v4, _ := w.tenant.URLs()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, v4.String()+"/assets/"+assetID, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	res, err := w.tenant.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusNoContent {
		w.t.Fatalf("delete %s: %v, %v", assetID, res, err)
	}
	_ = res.Body.Close()
}

// stranger makes another asset with an external ID, without bytes.
func (w *world) stranger(externalID string) string {
	w.t.Helper()
	a, err := w.client().CreateAsset(w.t.Context(), showpad.AssetFields{
		Name: showpad.Some("stranger.txt"), ExternalID: showpad.Some(externalID), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// inBubble runs f on a world of two items, A with many fields, that have been run.
func inBubble(t *testing.T, o emulator.Options, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o)
		w.add("A", "the bytes of A", tags("Sales"), func(i *manifest.Item) {
			i.Fields.Name = manifest.Some("Deck")
			i.Fields.Description = manifest.Some("a description")
			i.Fields.Languages = manifest.Some([]string{"en", "de"})
			i.Fields.Countries = manifest.Some([]string{"BE"})
			i.Fields.Authors = manifest.Some([]string{"jane@example.com"})
			i.Fields.IsShareable = manifest.Some(true)
			i.Fields.IsAnnotatable = manifest.Some(true)
			i.Fields.ExpiresAt = manifest.Some(manifest.Instant{Relative: "+18 months"})
			i.Fields.IsSensitive = manifest.Some(true)
			i.Fields.DownloadableExternal = manifest.Some([]string{"original"})
			i.Fields.LockedPages = manifest.Some([]manifest.PageRange{{Start: 1, End: 2}})
		})
		w.add("B", "the bytes of B")
		w.mustRun(0)
		f(w)
	})
}

func TestVerifyFindsWhatDiffers(t *testing.T) {
	counts := func(ok, different, missing, unfinished, unchecked int) pipeline.VerifySummary {
		return pipeline.VerifySummary{
			Items: ok + different + missing + unfinished + unchecked,
			OK:    ok, Different: different, Missing: missing, Unfinished: unfinished, Unchecked: unchecked,
		}
	}
	fields := func(f showpad.AssetFields) func(w *world) { return func(w *world) { w.person("A", f) } }
	tests := []struct {
		name   string
		change func(w *world)
		want   []string
		counts pipeline.VerifySummary
	}{
		{"nothing", func(*world) {}, nil, counts(2, 0, 0, 0, 0)},
		{"text", fields(description("another")), []string{"A field description"}, counts(1, 1, 0, 0, 0)},
		{"name", fields(showpad.AssetFields{Name: showpad.Some("Another.txt")}), []string{"A field name"}, counts(1, 1, 0, 0, 0)},
		{"tags taken off", fields(showpad.AssetFields{Tags: showpad.Some([]showpad.Ref{})}), []string{"A field tags"}, counts(1, 1, 0, 0, 0)},
		{"lists", fields(showpad.AssetFields{
			Languages: showpad.Some([]showpad.Code{{Code: "en"}}), Countries: showpad.Some([]showpad.Code{{Code: "DE"}}), Authors: showpad.Some([]showpad.Ref{}),
		}), []string{"A field languages", "A field countries", "A field authors"}, counts(1, 1, 0, 0, 0)},
		{"flags", fields(showpad.AssetFields{
			IsSensitive: showpad.Some(false), Permissions: showpad.Some(showpad.Permissions{IsShareable: showpad.Some(false), IsAnnotatable: showpad.Some(true)}),
		}), []string{"A field permissions.isShareable", "A field isSensitive"}, counts(1, 1, 0, 0, 0)},
		{"dates and pages", fields(showpad.AssetFields{
			ExpiresAt: showpad.Some("2030-01-01T00:00:00Z"), DownloadableExternal: showpad.Some([]string{}), LockedPages: showpad.Some([]showpad.PageRange{{Start: 1, End: 3}}),
		}), []string{"A field expiresAt", "A field downloadableExternal", "A field lockedPages"}, counts(1, 1, 0, 0, 0)},
		{"what no item names", fields(showpad.AssetFields{IsDivisionShared: showpad.Some(true)}), nil, counts(2, 0, 0, 0, 0)},
		{"in the trash", fields(showpad.AssetFields{IsArchived: showpad.Some(true)}), []string{"A archived"}, counts(1, 1, 0, 0, 0)},
		{"in the trash, as wanted", func(w *world) {
			w.person("A", showpad.AssetFields{IsArchived: showpad.Some(true)})
			w.items[0].Fields.IsArchived = manifest.Some(true)
		}, nil, counts(2, 0, 0, 0, 0)},
		{"external ID cleared", fields(showpad.AssetFields{ExternalID: showpad.Null[string]()}), []string{"A externalId externalId"}, counts(1, 1, 0, 0, 0)},
		{"a twin", func(w *world) { w.stranger("A") }, []string{"A twin"}, counts(1, 1, 0, 0, 0)},
		{"twins, and nobody knows which is ours", func(w *world) { w.stranger("A"); w.path += ".other" }, []string{"A twin"}, counts(1, 1, 0, 0, 0)},
		{"gone", func(w *world) { w.deletes(w.only("A")) }, []string{"A missing"}, counts(1, 0, 1, 0, 0)},
		{"gone, and another in its place", func(w *world) { w.deletes(w.only("A")); w.stranger("A") }, []string{"A missing"}, counts(1, 0, 1, 0, 0)},
		{"never run", func(w *world) { w.add("C", "c") }, []string{"C missing"}, counts(2, 0, 1, 0, 0)},
		{"another Division is wanted", func(w *world) { w.items[1].Division = "Sales EMEA" }, []string{"B division division"}, counts(1, 1, 0, 0, 0)},
		{"other bytes there", func(w *world) { w.upload(w.client(), w.only("B"), "THE BYTES OF B") }, []string{"B bytes checksum"}, counts(1, 1, 0, 0, 0)},
		{"more bytes there", func(w *world) { w.upload(w.client(), w.only("B"), "the bytes of B!") }, []string{"B bytes checksum", "B bytes size"}, counts(1, 1, 0, 0, 0)},
		{"other bytes here", func(w *world) { <-time.After(time.Minute); w.files.put("B.txt", "THE BYTES OF B") }, []string{"B bytes checksum"}, counts(1, 1, 0, 0, 0)},
		{"more bytes here", func(w *world) { w.files.put("B.txt", "the bytes of B!") }, []string{"B bytes size"}, counts(1, 1, 0, 0, 0)},
		{"the file is gone, the record is not", func(w *world) { delete(w.files.m, "B.txt") }, nil, counts(2, 0, 0, 0, 0)},
		{"file and record are gone", func(w *world) { delete(w.files.m, "B.txt"); w.path += ".other" }, []string{"B unchecked"}, counts(1, 0, 0, 0, 1)},
		{"a problem of the manifest", func(w *world) {
			w.items[1].Problems = append(w.items[1].Problems, manifest.Problem{Class: manifest.Block, What: "no"})
			w.person("B", showpad.AssetFields{IsArchived: showpad.Some(true)})
			w.items[0].Fields.Authors = manifest.Some([]string{"nobody@example.com"})
		}, []string{"A unchecked", "B archived", "B unchecked"}, counts(0, 1, 0, 0, 1)},
		{"what update: keeps", func(w *world) {
			w.man.Update.Metadata, w.man.Update.File = "keep", "keep"
			w.person("A", description("another"))
			w.upload(w.client(), w.only("B"), "other bytes")
		}, nil, counts(2, 0, 0, 0, 0)},
		{"tags that are kept", func(w *world) {
			w.man.Update.Tags = "keep"
			w.person("A", showpad.AssetFields{Tags: showpad.Some([]showpad.Ref{})})
		}, nil, counts(2, 0, 0, 0, 0)},
		{"a state that knows nothing", func(w *world) { w.path += ".other" }, nil, counts(2, 0, 0, 0, 0)},
		{"order and case of the manifest", func(w *world) {
			w.items[0], w.items[1] = w.items[1], w.items[0]
			w.person("A", description("another"))
			w.person("B", showpad.AssetFields{IsArchived: showpad.Some(true)})
		}, []string{"B archived", "A field description"}, counts(0, 2, 0, 0, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, emulator.Options{}, func(w *world) {
				tt.change(w)
				w.tenant.ResetBooks()
				s, got, all := w.verify()
				if diff := cmp.Diff(append([]string{}, tt.want...), got); diff != "" {
					t.Errorf("differences (-want +got):\n%s%+v", diff, all)
				}
				if s != tt.counts {
					t.Errorf("counts %+v, want %+v", s, tt.counts)
				}
				if b := w.tenant.Books(); len(b.Commits) > 0 {
					t.Errorf("it wrote: %v", b.Commits)
				}
			})
		})
	}
}

// TestVerifyTellsBothValues has them in words and as values, tags by their names.
func TestVerifyTellsBothValues(t *testing.T) {
	inBubble(t, emulator.Options{}, func(w *world) {
		old := w.only("B")
		w.person("A", showpad.AssetFields{Tags: showpad.Some([]showpad.Ref{}), Description: showpad.Some("another")})
		w.deletes(old)
		other := w.stranger("B")
		_, _, all := w.verify()
		want := []pipeline.Difference{
			{ExternalID: "A", AssetID: w.only("A"), Kind: "field", Field: "description", Want: []byte(`"a description"`), Got: []byte(`"another"`), Text: `description is "another", and should be "a description"`},
			{ExternalID: "A", AssetID: w.only("A"), Kind: "field", Field: "tags", Want: []byte(`["Sales"]`), Got: []byte(`[]`), Text: `tags is [], and should be ["Sales"]`},
			{ExternalID: "B", Kind: "missing", Text: "asset " + old + " is gone, or you may not see it; its external ID is that of " + other},
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
	})
}

// TestVerifyTakesTheFormsOfTheServiceAsTheyAre: what processing and dates do to
// fields is no difference.
func TestVerifyTakesTheFormsOfTheServiceAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{TrimDescriptions: true, SnapDates: true}})
		w.add("A", "a", func(i *manifest.Item) {
			i.Fields.Description = manifest.Some("  a description ")
			i.Fields.ExpiresAt = manifest.Some(manifest.Instant{At: time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)})
		})
		w.mustRun(0)
		if s, _, all := w.verify(); s.OK != 1 {
			t.Errorf("%+v, %+v", s, all)
		}
	})
}

func TestVerifyWaitsForNothingAndSaysWhatIsUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Hour})
		w.add("A", "a")
		w.add("B", "b")
		w.options.Wait = -1
		w.mustRun(6)
		w.person("B", showpad.AssetFields{IsArchived: showpad.Some(true)})
		s, got, _ := w.verify()
		want := []string{"A status status", "B status status", "B archived"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
		if s.Unfinished != 1 || s.Different != 1 {
			t.Errorf("counts %+v", s)
		}
	})
}

// TestVerifyCountsOnlyWhatIsSentAsUnfinished looks at an item whose run was left before
// its bytes were with the service, and at one that waits for the service.
func TestVerifyCountsOnlyWhatIsSentAsUnfinished(t *testing.T) {
	for op, want := range map[string]state.Status{"postAssetFiles": state.Registered, emulator.OpPut: state.Sending, "": state.Sent} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{Processing: time.Hour})
			w.add("A", "a")
			w.options.Wait = -1
			ctx, leave := context.WithCancelCause(t.Context())
			defer leave(nil)
			w.tenant.OnCommit(func(at string, _ int, _ emulator.When) {
				if at == op {
					leave(errCrash)
				}
			})
			if _, err := w.run(ctx, nil); err != nil {
				t.Fatal(err)
			}
			w.tenant.OnCommit(nil)
			status := w.record("A").Status
			sent := status == state.Sent || status == state.Processing
			if sent != (want == state.Sent) || !sent && status != want {
				t.Fatalf("left before %q, the item is %s, want %s", op, status, want)
			}
			if s, _, all := w.verify(); (s.Unfinished == 1) != sent || (s.Different == 1) == sent {
				t.Errorf("%s: %+v, %+v", status, s, all)
			}
		})
	}
}

// TestVerifySeesWhatTheListDoesNotShowYet asks singly for an asset that is too young
// for the list.
func TestVerifySeesWhatTheListDoesNotShowYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "a")
		w.mustRun(0)
		w.tenant.Switch(func(s *emulator.Switches) { s.ListLag = emulator.Duration(time.Second) })
		w.add("B", "b")
		w.options.Wait = -1
		w.mustRun(6)
		if s, _, all := w.verify(); s.Missing != 0 {
			t.Errorf("%+v, %+v", s, all)
		}
	})
}

// TestVerifyReadsInBatches holds what 250 items cost: three requests by external ID,
// and one more for the assets that lost theirs.
func TestVerifyReadsInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 250 {
			w.add(fmt.Sprintf("item-%03d", i), fmt.Sprint(i))
		}
		w.mustRun(0)
		reads := func() int { return w.tenant.Books().Requests["getAssets"] }
		w.tenant.ResetBooks()
		if s, _, _ := w.verify(); s.OK != 250 {
			t.Errorf("%+v", s)
		}
		if n := reads(); n != 3 {
			t.Errorf("%d requests, want 3: %v", n, w.tenant.Books().Requests)
		}
		for i := range 20 {
			w.person(fmt.Sprintf("item-%03d", i*10), showpad.AssetFields{ExternalID: showpad.Null[string]()})
		}
		w.tenant.ResetBooks()
		if s, _, _ := w.verify(); s.OK != 230 || s.Different != 20 {
			t.Errorf("%+v", s)
		}
		if n := reads(); n != 4 {
			t.Errorf("%d requests, want 4: %v", n, w.tenant.Books().Requests)
		}
	})
}

func TestVerifyEndsWithItsYield(t *testing.T) {
	inBubble(t, emulator.Options{}, func(w *world) {
		w.person("A", description("another"))
		w.person("B", showpad.AssetFields{IsArchived: showpad.Some(true)})
		st := w.open()
		defer func() { _ = st.Close() }()
		calls := 0
		_, err := pipeline.Verify(w.t.Context(), w.input(st), func(pipeline.Difference) error { calls++; return errCrash })
		if err != errCrash || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}
