package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// runWith is run with another input.
func (w *world) runWith(change func(*pipeline.RunInput)) pipeline.Outcome {
	w.t.Helper()
	w.runs++
	w.results, w.rows, w.events = nil, nil, nil
	st := w.open()
	in := pipeline.RunInput{Input: w.input(st), Store: st, ID: fmt.Sprintf("run-%d", w.runs)}
	change(&in)
	out, err := pipeline.Run(w.t.Context(), in)
	if cerr := st.Close(); cerr != nil {
		w.t.Errorf("closing the state: %v", cerr)
	}
	if err != nil {
		w.t.Fatalf("run: %v", err)
	}
	return out
}

// want checks a run's exit code and shows what is not done.
func (w *world) want(out pipeline.Outcome, code int) {
	w.t.Helper()
	if out.Code == code {
		return
	}
	w.t.Errorf("exit code %d, want %d: %s, %v", out.Code, code, out.Sentence, out.Err)
	for _, r := range w.results {
		if !r.OK() {
			w.t.Logf("%s: %s %s %+v", r.ExternalID, r.Action, r.Status, r.Error)
		}
	}
}

// crash runs until the service is about to carry out, or has just carried
// out, the nth request of an operation: from then on nothing is written and no
// answer arrives, as when the process is killed.
func (w *world) crash(op string, n int, when emulator.When) {
	w.t.Helper()
	ctx, cancel := context.WithCancelCause(w.t.Context())
	defer cancel(nil)
	crashed := false
	w.tenant.OnCommit(func(o string, k int, side emulator.When) {
		if o == op && k == n && side == when && !crashed {
			crashed = true
			w.fail = func(int) error { return errCrash }
			cancel(errCrash)
		}
	})
	w.tenant.ResetBooks()
	_, err := w.run(ctx, nil)
	w.tenant.OnCommit(nil)
	w.fail = nil
	if !crashed {
		w.t.Fatalf("no crash: there was no %s %d (%v)", op, n, err)
	}
}

// person changes an asset at the service.
func (w *world) person(externalID string, f showpad.AssetFields) {
	w.t.Helper()
	as := w.assets()[externalID]
	if len(as) != 1 {
		w.t.Fatalf("%s: %d assets", externalID, len(as))
	}
	if _, err := w.patient().UpdateAsset(w.t.Context(), as[0].ID, f); err != nil {
		w.t.Fatalf("a person's edit: %v", err)
	}
}

func description(s string) showpad.AssetFields {
	return showpad.AssetFields{Description: showpad.Some(s)}
}

func (w *world) result(id string) pipeline.Result {
	w.t.Helper()
	for _, r := range w.results {
		if r.ExternalID == id {
			return r
		}
	}
	w.t.Fatalf("%s has no result", id)
	return pipeline.Result{}
}

func (w *world) record(id string) state.Record {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	return w.recordOf(st, id)
}

func (w *world) recordOf(st state.Reader, id string) state.Record {
	w.t.Helper()
	recs, err := st.Get(w.t.Context(), []string{id})
	if err != nil {
		w.t.Fatal(err)
	}
	return recs[id]
}

func (w *world) planIsEmpty() {
	w.t.Helper()
	s, rows := w.plan()
	if !s.Work() && s.Writes == 0 {
		return
	}
	w.t.Errorf("the plan is not empty: %v", s.Actions)
	for _, r := range rows {
		w.t.Logf("%s %s %s %s", r.ExternalID, r.Action, r.Reason, diffText(r))
	}
}

// slowSource takes its time to open a file.
type slowSource struct {
	source.Source
	open time.Duration
}

func (s slowSource) Open(ctx context.Context, p string) (io.ReadCloser, source.Info, error) {
	t := time.NewTimer(s.open)
	defer t.Stop()
	select {
	case <-t.C:
		return s.Source.Open(ctx, p)
	case <-ctx.Done():
		return nil, source.Info{}, context.Cause(ctx)
	}
}

// brokenSource lists files that cannot be opened.
type brokenSource struct{ source.Source }

func (s brokenSource) Open(_ context.Context, p string) (io.ReadCloser, source.Info, error) {
	return nil, source.Info{}, &source.Error{Op: "open", Path: p, Err: errors.New("permission denied")}
}

func TestAParkedItemDoesNotWaitForTheFirstCreateThatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.Requests, w.options.Hashers = 1, 1
		for i := range 20 {
			w.add(fmt.Sprintf("A%02d", i), "content")
		}
		// The first create is lost before it is carried out, and the process dies.
		w.crash("postAssets", 1, emulator.Before)
		for _, a := range w.tenant.Assets() {
			if err := w.client().DeleteAsset(t.Context(), a.ID); err != nil {
				t.Fatal(err)
			}
		}
		// So is the first one of the next run.
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus, Status: 502})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		out, err := w.run(ctx, nil)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("the run does not end: %v, %v", err, ctx.Err())
		}
		w.want(out, 0)
		w.check()
	})
}

func TestALostCreateIsLookedUpAfterItsSettleTimeHoweverLongHashingTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{ListLag: 5 * time.Second})
		w.options.SettleTime = 8 * time.Second
		w.add("A", "content")
		w.crash("postAssets", 1, emulator.After)
		out := w.runWith(func(in *pipeline.RunInput) { in.Sources[""] = slowSource{w.files, 10 * time.Second} })
		w.want(out, 0)
		w.check()
	})
}

func TestACreateWaitsNoLongerThanItsLookUpLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.LookupMaxAge = 5 * time.Second
		w.add("A", "content")
		w.add("B", "content")
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindDelay, Delay: emulator.Duration(20 * time.Second)})
		go func() {
			<-time.After(10 * time.Second) // somebody else makes both meanwhile
			for _, id := range []string{"A", "B"} {
				f := showpad.AssetFields{Name: showpad.Some(id + ".txt"), ExternalID: showpad.Some(id), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}
				if _, err := w.client().CreateAsset(t.Context(), f); err != nil {
					t.Error(err)
				}
			}
		}()
		w.mustRun(0)
		// One create was on its way; the other one was still to be looked up.
		if n := len(w.tenant.Assets()); n != 3 {
			t.Errorf("%d assets, want 3: a create left with a look-up that was 20 s old", n)
		}
	})
}

func TestAnUnfinishedUpdateDoesNotHideAChangedFile(t *testing.T) {
	for _, status := range []string{"sending", "failed"} {
		t.Run(status, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "content")
				w.mustRun(0)
				w.items[0].Fields.Description = manifest.Some("new")
				if status == "sending" {
					w.crash("updateAsset", 1, emulator.Before)
				} else {
					w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 400})
					w.mustRun(3)
				}
				w.files.put("A.txt", "other content")
				w.mustRun(0)
				w.check()
				w.planIsEmpty()
			})
		})
	}
}

func TestAVersionThatCouldNotBeReadIsNoUnfinishedCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
		w.mustRun(0)
		w.files.put("A.txt", "other content")
		w.want(w.runWith(func(in *pipeline.RunInput) { in.Sources[""] = brokenSource{w.files} }), 3)
		w.person("A", description("theirs"))
		w.mustRun(3)
		if d := w.assets()["A"][0].Description; d != "theirs" {
			t.Errorf("the description is %q: a person's change is lost", d)
		}
	})
}

func TestAPersonsEditOfAnUnfinishedAssetStays(t *testing.T) {
	described := func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") }
	t.Run("between runs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{})
			w.add("A", "content", described)
			w.crash(emulator.OpPut, 1, emulator.Before)
			w.person("A", description("theirs"))
			w.run(t.Context(), nil)
			if d := w.assets()["A"][0].Description; d != "theirs" {
				t.Errorf("the description is %q: a person's change is lost", d)
			}
		})
	})
	t.Run("while processing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{Processing: time.Minute})
			w.add("A", "content", described)
			go func() {
				<-time.After(30 * time.Second)
				w.person("A", description("theirs"))
			}()
			w.run(t.Context(), nil)
			if d := w.assets()["A"][0].Description; d != "theirs" {
				t.Errorf("the description is %q: a person's change is lost", d)
			}
		})
	})
	t.Run("next day", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, emulator.Options{Processing: 12 * time.Hour})
			w.add("A", "content", described)
			w.mustRun(6)
			w.person("A", description("theirs"))
			<-time.After(13 * time.Hour)
			w.run(t.Context(), nil)
			if d := w.assets()["A"][0].Description; d != "theirs" {
				t.Errorf("the description is %q: a person's change is lost", d)
			}
		})
	})
}

func TestAVersionThatStorageTookAndTheServiceNeverSawIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		w.files.put("A.txt", "other content")
		out := w.runWith(func(in *pipeline.RunInput) { in.API = w.forgetful(1) })
		w.want(out, 0)
		w.check()
	})
}

func TestStorageThatForgetsEverythingEndsAnItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.Retries = 2
		w.add("A", "content")
		begin := time.Now()
		out := w.runWith(func(in *pipeline.RunInput) { in.API = w.forgetful(200) })
		if out.Code != 3 && out.Code != 6 {
			t.Errorf("exit code %d after %s: %s", out.Code, time.Since(begin), out.Sentence)
		}
		if d := time.Since(begin); d > 24*time.Hour {
			t.Errorf("it took %s to give up", d)
		}
		if n := out.Puts; n > 10 {
			t.Errorf("the file was sent %d times", n)
		}
	})
}

// forgetful is a client whose storage says 200 to the first n uploads and keeps nothing.
func (w *world) forgetful(n int) *showpad.Client {
	v4, v3 := w.tenant.URLs()
	c, err := showpad.New(showpad.Config{
		APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken),
		Base: w.tenant, Gate: showpad.NewGate(0),
		Storage: roundTripper(func(r *http.Request) (*http.Response, error) {
			if n--; n < 0 {
				return w.tenant.RoundTrip(r)
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(&bytes.Buffer{}), Request: r}, nil
		}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnAssetThatIsFoundAfterAFailureGetsItsIdIntoTheState(t *testing.T) {
	for _, kind := range []string{"file", "url"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.options.Retries = 1
				w.add("A", "content")
				if kind == "url" {
					link(&w.items[0])
				}
				w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindReset, Count: 10})
				w.mustRun(3)
				w.tenant.ClearFaults()
				// One of them arrives after all, with its bytes.
				c := w.client()
				f := showpad.AssetFields{Name: showpad.Some(manifest.AssetName(w.items[0])), ExternalID: showpad.Some("A"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}
				if kind == "url" {
					f.URL = showpad.Some(w.items[0].URL)
				}
				a, err := c.CreateAsset(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				if kind == "file" {
					w.upload(c, a.ID, "content")
				}
				w.options.RetryFailed = true
				w.mustRun(0)
				w.check()
				if rec := w.record("A"); rec.AssetID != a.ID || rec.Status != state.Done {
					t.Errorf("the record is %+v", rec)
				}
			})
		})
	}
}

func link(i *manifest.Item) {
	i.URL, i.File, i.Location = "https://www.example.com/"+i.ExternalID, "", manifest.Location{}
	i.Fields.Name = manifest.Some(i.ExternalID)
}

// upload sends bytes to an asset, as a person or another program would.
func (w *world) upload(c *showpad.Client, asset, content string) {
	w.t.Helper()
	up, err := c.RequestUpload(w.t.Context(), asset, showpad.UploadRequest{})
	if err == nil {
		err = c.Put(w.t.Context(), up, int64(len(content)), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }, nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestAFailedItemThatNeverReachedTheServiceDoesNotTakeOverAStrangersAsset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
		w.want(w.runWith(func(in *pipeline.RunInput) { in.Sources[""] = brokenSource{w.files} }), 3)
		c := w.client()
		f := showpad.AssetFields{Name: showpad.Some("A.txt"), ExternalID: showpad.Some("A"), Description: showpad.Some("theirs"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}
		a, err := c.CreateAsset(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		w.upload(c, a.ID, "their content")
		w.options.RetryFailed = true
		w.mustRun(3)
		if r := w.result("A"); r.Reason != pipeline.ConflictAdopt {
			t.Errorf("it is %s %s, want a conflict", r.Action, r.Reason)
		}
		if d := w.assets()["A"][0].Description; d != "theirs" {
			t.Errorf("the description is %q", d)
		}
	})
}

func TestTheWayOnAfterADroppedExternalIDWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Switches: emulator.Switches{DropExternalID: true}})
		w.add("A", "content")
		w.add("B", "content")
		w.mustRun(1)
		if err := w.client().DeleteAsset(t.Context(), w.tenant.Assets()[0].ID); err != nil {
			t.Fatal(err)
		}
		w.tenant.Switch(func(s *emulator.Switches) { s.DropExternalID = false })
		w.options.RetryFailed = true
		w.mustRun(0)
		w.check()
	})
}

func TestAFileThatBecomesEmptyWhileItIsSentIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.tenant.OnCommit(func(op string, n int, when emulator.When) {
			if op == "postAssetFiles" && when == emulator.After && n == 1 {
				w.files.put("A.txt", "")
			}
		})
		w.mustRun(3)
		if a := w.assets()["A"][0]; a.Status == "active" {
			t.Errorf("an empty file went to the service: %+v", a)
		}
	})
}

func TestAFailedItemIsNotTriedAgainBecauseItsDateIsRelative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) {
			i.Fields.ExpiresAt = manifest.Some(manifest.Instant{Relative: "+1 months", Months: 1})
		})
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindStatus, Status: 400, Count: -1})
		w.mustRun(3)
		<-time.After(time.Hour)
		w.tenant.ResetBooks()
		w.mustRun(3)
		if r := w.result("A"); r.Reason != pipeline.BlockedFailed {
			t.Errorf("it is %s %s, want blocked: it failed before and has not changed", r.Action, r.Reason)
		}
	})
}

func TestALostCreateKeepsItsRelativeDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) {
			i.Fields.ExpiresAt = manifest.Some(manifest.Instant{Relative: "+1 months", Months: 1})
		})
		w.crash("postAssets", 1, emulator.After)
		was := *w.assets()["A"][0].ExpiresAt
		<-time.After(48 * time.Hour)
		w.tenant.ResetBooks()
		w.mustRun(0)
		if is := *w.assets()["A"][0].ExpiresAt; !is.Equal(was) {
			t.Errorf("the date moved from %s to %s", was, is)
		}
		if n := w.tenant.Books().Commits["updateAsset"]; n > 0 {
			t.Errorf("%d updates", n)
		}
	})
}

func TestALostCreateWithNewTagsNeedsNoUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", tags("One", "Two"))
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Kind: emulator.KindLost})
		w.mustRun(0)
		w.check()
		if n := w.tenant.Books().Commits["updateAsset"]; n > 0 {
			t.Errorf("%d updates for tags that the create carried", n)
		}
	})
}

func TestATouchedFileAndAChangedFieldLeaveAnEmptyPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		<-time.After(time.Hour)
		w.files.put("A.txt", "content")
		w.items[0].Fields.Description = manifest.Some("new")
		w.mustRun(0)
		w.planIsEmpty()
	})
}

func TestAFailedUpdateOfTagsStaysFailedBesideATagOfAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", tags("One"))
		w.mustRun(0)
		c := w.client()
		tag, err := c.CreateTag(t.Context(), emulator.DivisionMarketing, "Theirs")
		if err != nil {
			t.Fatal(err)
		}
		var refs []showpad.Ref
		for t, err := range c.Tags(t.Context(), showpad.TagFilter{DivisionIDs: []string{emulator.DivisionMarketing}}) {
			if err == nil && t.Name == "One" {
				refs = append(refs, showpad.Ref{ID: t.ID})
			}
		}
		w.person("A", showpad.AssetFields{Tags: showpad.Some(append(refs, showpad.Ref{ID: tag.ID}))})
		tags("One", "Two")(&w.items[0])
		w.tenant.Fail(emulator.Fault{Op: "updateAsset", Kind: emulator.KindStatus, Status: 400, Count: -1})
		w.mustRun(3)
		w.mustRun(3)
		if r := w.result("A"); r.Reason != pipeline.BlockedFailed {
			t.Errorf("it is %s %s, want blocked: it failed before and has not changed", r.Action, r.Reason)
		}
		w.tenant.ClearFaults()
		w.options.RetryFailed = true
		w.mustRun(0)
		w.check()
		if !strings.Contains(fmt.Sprint(w.assets()["A"][0].Tags), "Theirs") {
			t.Errorf("a person's tag is gone: %q", w.assets()["A"][0].Tags)
		}
	})
}

func TestAPersonsVersionIsNotReplacedByAFailedOneOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		w.files.put("A.txt", "second")
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingFails})
		w.mustRun(3)
		w.upload(w.client(), w.assets()["A"][0].ID, "theirs, much longer")
		<-time.After(time.Minute)
		w.files.put("A.txt", "third of ours")
		w.mustRun(3)
		if n := w.assets()["A"][0].Size; n != int64(len("theirs, much longer")) {
			t.Errorf("their version was replaced: %d bytes", n)
		}
	})
}

func TestRecreateFindsAnAssetThatSomebodyMadeMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content")
		w.mustRun(0)
		c := w.client()
		if err := c.DeleteAsset(t.Context(), w.assets()["A"][0].ID); err != nil {
			t.Fatal(err)
		}
		a, err := c.CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("A.txt"), ExternalID: showpad.Some("A"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
		if err != nil {
			t.Fatal(err)
		}
		w.upload(c, a.ID, "content")
		w.options.FullCheck = true
		w.options.Recreate = func(string) bool { return true }
		<-time.After(time.Minute)
		w.mustRun(0)
		w.options.Recreate = nil
		w.mustRun(0)
		w.check()
	})
}

func TestStopEndsARunThatWaitsForTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		for i := range 5 {
			w.add(fmt.Sprintf("A%d", i), "content")
		}
		w.options.Drain = 10 * time.Second
		w.tenant.Fail(emulator.Fault{Op: "postAssets", Nth: 2, Kind: emulator.KindTooMany, RetryAfter: emulator.Duration(6 * time.Hour)})
		stop := make(chan struct{})
		go func() { <-time.After(time.Minute); close(stop) }()
		begin := time.Now()
		out, err := w.run(t.Context(), stop)
		if err != nil {
			t.Fatal(err)
		}
		w.want(out, 130)
		if d := time.Since(begin); d > 5*time.Minute {
			t.Errorf("the run ended %s after it was asked to stop", d-time.Minute)
		}
		if len(w.results) != 5 {
			t.Errorf("%d results for 5 items", len(w.results))
		}
		w.mustRun(0)
		w.check()
	})
}

func TestAManifestThatTakesAChangeBackIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some("one") })
		w.mustRun(0)
		w.items[0].Fields.Description = manifest.Some("two")
		w.crash("updateAsset", 1, emulator.After)
		w.items[0].Fields.Description = manifest.Some("one")
		w.mustRun(0)
		if d := w.assets()["A"][0].Description; d != "one" {
			t.Errorf("the description is %q", d)
		}
	})
}

func TestADescriptionThatProcessingTrimsIsLeftAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{Processing: time.Second, Switches: emulator.Switches{TrimDescriptions: true}})
		w.add("A", "content", func(i *manifest.Item) { i.Fields.Description = manifest.Some(" about it ") })
		w.mustRun(0)
		if r := w.result("A"); len(r.Warnings) != 1 || r.Warnings[0] != pipeline.WarnNormalised {
			t.Errorf("warnings %q", r.Warnings)
		}
		w.planIsEmpty()
		w.options.FullCheck = true
		w.planIsEmpty()
		w.mustRun(0)
	})
}

func TestAStuckVersionBesideOneWithTheSameBytesIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.ProcessingTimeout = 10 * time.Minute
		w.add("A", "content")
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingStuck})
		w.mustRun(3)
		w.upload(w.client(), w.assets()["A"][0].ID, "content")
		w.options.RetryFailed = true
		<-time.After(time.Hour)
		w.mustRun(0)
		w.check()
	})
}

// TestEveryRecordHasAWayOn puts each record that a state can hold beside each
// thing that the service can have, and demands that a run takes it to an end:
// done, or a conflict that it can say the way out of; never a second asset.
func TestEveryRecordHasAWayOn(t *testing.T) {
	paths := map[state.Status][]state.Status{
		state.Registering: {state.Registering}, state.Registered: {state.Registering, state.Registered},
		state.Sending: {state.Sending}, state.Sent: {state.Sending, state.Sent}, state.Processing: {state.Sending, state.Processing},
		state.Done: {state.Sending, state.Done}, state.Failed: {state.Sending, state.Failed},
	}
	remotes := []string{"same", "gone", "prepared", "otherBytes", "archived"}
	edits := []string{"none", "file", "field"}
	for _, op := range state.Ops() {
		for _, status := range state.Statuses() {
			path := paths[status]
			if op == state.Create && (status == state.Sending || status == state.Sent || status == state.Processing || status == state.Done || status == state.Failed) {
				path = append([]state.Status{state.Registering, state.Registered}, path...)
			}
			legal := len(path) > 0
			for i, s := range path {
				from := state.Pending
				if i > 0 {
					from = path[i-1]
				}
				legal = legal && state.Allowed(op, from, s)
			}
			if !legal {
				continue
			}
			for _, remote := range remotes {
				if remote == "prepared" && (op != state.Create || status == state.Done) {
					continue // no asset goes back to that
				}
				for _, edit := range edits {
					t.Run(fmt.Sprintf("%s %s/%s/%s", op, status, remote, edit), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { wayOn(t, op, status, path, remote, edit) })
					})
				}
			}
		}
	}
}

func wayOn(t *testing.T, op state.Op, status state.Status, path []state.Status, remote, edit string) {
	w := newWorld(t, emulator.Options{})
	w.add("A", "content", tags("One"), func(i *manifest.Item) { i.Fields.Description = manifest.Some("ours") })
	w.mustRun(0)
	c := w.client()
	id := w.assets()["A"][0].ID
	switch remote {
	case "gone", "prepared":
		if err := c.DeleteAsset(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if remote == "prepared" {
			a, err := c.CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("A.txt"), ExternalID: showpad.Some("A"), Description: showpad.Some("ours"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
			if err != nil {
				t.Fatal(err)
			}
			id = a.ID
		}
	case "otherBytes":
		w.upload(c, id, "their content")
	case "archived":
		w.person("A", showpad.AssetFields{IsArchived: showpad.Some(true)})
	}
	st := w.open()
	rec := w.recordOf(st, "A")
	for _, s := range path {
		rec.Op, rec.Status, rec.AssetID, rec.Updated = op, s, id, time.Now()
		if s == state.Registering {
			rec.AssetID = ""
		}
		if s == state.Sent {
			rec.SentAt = time.Now()
		}
		if s == state.Failed {
			rec.Error = &state.Failure{Code: "refused", Message: "for a test"}
		}
		if err := st.Put(t.Context(), state.Write{Record: rec}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	switch edit {
	case "file":
		w.files.put("A.txt", "second content")
	case "field":
		w.items[0].Fields.Description = manifest.Some("second")
	}
	w.options.RetryFailed, w.options.FullCheck, w.options.Wait = true, true, time.Hour
	<-time.After(time.Hour)
	var first pipeline.Outcome
	for n := range 3 {
		out, err := w.run(t.Context(), nil)
		if err != nil || (out.Code != 0 && out.Code != 3) || out.Err != nil {
			t.Fatalf("run %d: %v, code %d, %s, %v", n, err, out.Code, out.Sentence, out.Err)
		}
		if len(w.results) != 1 {
			t.Fatalf("run %d: %d results", n, len(w.results))
		}
		if n == 0 {
			first = out
		} else if out.Code != first.Code && first.Code == 0 {
			t.Errorf("run %d ends with %d after 0", n, out.Code)
		}
	}
	r := w.result("A")
	if n := len(w.assets()["A"]); n > 1 {
		t.Errorf("%d assets", n)
	}
	switch {
	case r.OK():
		w.check()
		w.planIsEmpty()
		if d := w.assets()["A"][0].Description; d != w.items[0].Fields.Description.Value && edit == "field" {
			t.Errorf("the description is %q", d)
		}
		if w.record("A").AssetID != w.assets()["A"][0].ID {
			t.Errorf("the record leads to asset %q", w.record("A").AssetID)
		}
	case r.Status == "conflict":
		reasons := map[string]string{"gone": pipeline.ConflictMissing, "archived": pipeline.ConflictArchived, "otherBytes": pipeline.ConflictChanged}
		if want := reasons[remote]; r.Reason != want {
			t.Errorf("a conflict %s: %+v", r.Reason, r.Error)
		}
	default:
		t.Errorf("it stays %s %s %s: %+v", r.Action, r.Reason, r.Status, r.Error)
	}
}

func TestAnAdoptedAssetThatIsStillProcessedIsComparedByItsBytes(t *testing.T) {
	for _, content := range []string{"content", "theirs"} {
		t.Run(content, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{Processing: time.Minute})
				w.add("A", "content")
				c := w.client()
				a, err := c.CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("A.txt"), ExternalID: showpad.Some("A"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
				if err != nil {
					t.Fatal(err)
				}
				w.upload(c, a.ID, content)
				w.tenant.ResetBooks()
				out, err := w.run(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if n := w.tenant.Books().Commits[emulator.OpPut]; n > 0 {
					t.Errorf("%d uploads over an asset of somebody else: %s", n, out.Sentence)
				}
				want := 0
				if content != "content" {
					want = 3
				}
				w.want(out, want)
				w.mustRun(want)
			})
		})
	}
}

func TestTheProcessingTimeoutCountsAcrossRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.options.ProcessingTimeout, w.options.Wait = 5*time.Hour, time.Hour
		w.add("A", "content")
		w.tenant.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingStuck})
		w.crash(emulator.OpPut, 1, emulator.After) // storage has it, and no record says so
		for n := range 2 {
			w.mustRun(6)
			if s := w.record("A").Status; s != state.Processing {
				t.Errorf("run %d leaves it %s", n, s)
			}
			<-time.After(time.Hour)
		}
		w.mustRun(3)
	})
}

// TestAFileThatChangedBehindItsTimeIsReadAgain: tools can change a file and set
// its time back. Storage refuses the bytes, and the checksum that was remembered
// is not believed again.
func TestAFileThatChangedBehindItsTimeIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.add("A", "first")
		if err := w.cache.Store(t.Context(), "A.txt", 5, w.files.get("A.txt").mod, time.Now(), "8b04d5e3775d298e78455efc5ca404d5"); err != nil { // of "first"
			t.Fatal(err)
		}
		w.files.m["A.txt"] = memFile{data: []byte("other"), mod: w.files.get("A.txt").mod}
		w.mustRun(0)
		w.check()
	})
}
