package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

const (
	opGive = "post_divisions_id_assets"
	john   = "john.q@example.com"
	jane   = "jane@example.com"
)

// give wants a personal file with a file of its own.
func (w *world) give(key, owner, path, content string, change ...func(*manifest.MyFile)) *manifest.MyFile {
	w.files.put(path, content)
	f := manifest.MyFile{
		Key: key, User: owner, Owner: owner, File: path, Location: manifest.Location{Path: path}, Folder: "/",
		Pos: manifest.Pos{File: "test.yaml", Line: 100 + len(w.man.MyFiles), Column: 5},
	}
	for _, c := range change {
		c(&f)
	}
	w.man.MyFiles = append(w.man.MyFiles, f)
	return &w.man.MyFiles[len(w.man.MyFiles)-1]
}

// extraPlan is the plan's rows of extras by their keys, and its summary.
func (w *world) extraPlan() (map[string]pipeline.ExtraRow, pipeline.Summary) {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	rows := map[string]pipeline.ExtraRow{}
	in := w.input(st)
	in.Extra = func(r pipeline.ExtraRow) error { rows[r.Key] = r; return nil }
	s, err := pipeline.Plan(w.t.Context(), in, func(pipeline.Row) error { return nil })
	if err != nil {
		w.t.Fatalf("plan: %v", err)
	}
	return rows, s
}

// givenResult is what the last run told of a key.
func (w *world) givenResult(key string) pipeline.Result {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.results {
		if r.Key == key {
			return r
		}
	}
	w.t.Fatalf("no result of %s", key)
	return pipeline.Result{}
}

// personal is the record of a personal file; the zero one when there is none.
func (w *world) personal(key string) state.Extra {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	all, err := state.AllExtras(w.t.Context(), st, state.MyFile, w.man.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		if e.Key == key {
			return e
		}
	}
	return state.Extra{}
}

// given is how often an upload into My Files was carried out, by the name of the file.
func (w *world) given() map[string]int {
	n := map[string]int{}
	for _, f := range w.tenant.PersonalFiles() {
		n[f.Name]++
	}
	return n
}

// posts is how many uploads into My Files the tenant has seen.
func (w *world) posts() int { return w.tenant.Books().Requests[opGive] }

// bubble runs a test in a bubble with a tenant whose My Files take twins: a repeat shows.
func bubble(t *testing.T, o emulator.Options, test func(*testing.T, *world)) {
	t.Helper()
	o.Switches.TwinPersonalFiles = true
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, o)) })
}

func TestPersonalFilesAreSentOnce(t *testing.T) {
	bubble(t, emulator.Options{Processing: 10 * time.Minute, KeepBytes: true}, func(t *testing.T, w *world) {
		w.add("A", "an item")
		w.give("intro", john, "decks/intro.pdf", "for John", func(f *manifest.MyFile) {
			f.Folder, f.Name, f.Description, f.IsShareable, f.IsOnlyEntireDocumentShareable, f.IsProcessedUsed =
				"/f1/", manifest.Some("Welcome"), manifest.Some("d"), manifest.Some(false), manifest.Some(true), manifest.Some(false)
		})
		w.give("own", manifest.Mine, "own.zip", "for Jane")
		rows, sum := w.extraPlan()
		if r := rows["intro"]; r.Action != pipeline.ActionCreate || r.Writes != 1 || r.Puts != 0 || r.Undo != pipeline.UndoNone || r.Size != 8 ||
			r.User != john || r.Name != "Welcome.pdf" || r.Source != "decks/intro.pdf" {
			t.Errorf("planned %+v", r)
		}
		if sum.Writes != 2+2 || sum.Bytes != 7+8+8 || w.posts() != 0 {
			t.Errorf("%d writes and %d bytes are planned, %d were sent", sum.Writes, sum.Bytes, w.posts())
		}
		out := w.mustRun(0)
		if out.Bytes != 23 || out.Extras[state.MyFile]["done"] != 2 || !strings.Contains(out.Sentence, "My Files: 2 of 2 done") {
			t.Errorf("outcome %+v", out)
		}
		w.check()
		var got []string
		for _, f := range w.tenant.PersonalFiles() {
			r, err := w.tenant.Open(f.ID)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %s %s %s %q %v", f.Owner, f.Name, f.FileName, f.Folder, f.Description, b, f.Flags))
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{
			`jane@example.com own.zip own.zip /  "for Jane" map[isPersonal:true]`,
			`john.q@example.com Welcome.pdf intro.pdf /f1/ d "for John" map[isPersonal:true isShareable:false onlyShareEntireDocument:true useOptimized:false]`,
		}, got); diff != "" {
			t.Error(diff)
		}
		if r := w.givenResult("intro"); r.Kind != state.MyFile || r.Status != "done" || r.ID == "" || r.Attempts != 1 || r.Division != "d2000000000000000000000000000003" {
			t.Errorf("result %+v", r)
		}
		if e := w.personal("intro"); e.Status != state.ExtraDone || e.Ticket == "" || e.ID == "" || e.Attempts != 1 {
			t.Errorf("record %+v", e)
		}

		// Again: nothing to do, and nothing is asked about My Files.
		before := w.tenant.Books().Requests
		if rows, sum = w.extraPlan(); sum.Work() || rows["intro"].Reason != pipeline.ReasonSame {
			t.Errorf("planned again: %+v", rows)
		}
		w.mustRun(0)
		after := w.tenant.Books().Requests
		for _, op := range []string{opGive, "get_users", "get_users_id", "get_users_me", "get_tickets", "get_tickets_id", "get_exports_divisions"} {
			if before[op] != after[op] {
				t.Errorf("%d more of %s", after[op]-before[op], op)
			}
		}

		// What changes is told, and nothing is sent.
		w.files.put("decks/intro.pdf", "for John, anew")
		w.man.MyFiles[1].Folder = "/other/"
		rows, sum = w.extraPlan()
		for key, words := range map[string]string{"intro": "changed since it was sent on", "own": "wants it otherwise by now"} {
			if r := rows[key]; r.Action != pipeline.ActionUnchanged || r.Reason != pipeline.ReasonMadeAlready || !strings.Contains(r.Detail, words) || !strings.Contains(r.Detail, "another key") {
				t.Errorf("%s: %s %s %s", key, r.Action, r.Reason, r.Detail)
			}
		}
		w.mustRun(0)
		if sum.Work() || w.posts() != 2 {
			t.Errorf("%d uploads", w.posts())
		}
	})
}

// TestALostAnswerOfAPersonalFile: with every fault, a file is there once at most until
// somebody asks for it again by name.
func TestALostAnswerOfAPersonalFile(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   emulator.Fault
		unknown bool
		made    int // an hour after the first run
	}{
		"lost":                  {emulator.Fault{Kind: emulator.KindLost}, true, 1},
		"cut off":               {emulator.Fault{Kind: emulator.KindTruncated}, true, 1},
		"half a document":       {emulator.Fault{Kind: emulator.KindCut}, true, 1},
		"500 after":             {emulator.Fault{Kind: emulator.KindStatusAfter}, true, 1},
		"503 before":            {emulator.Fault{Kind: emulator.KindStatus}, true, 0},
		"reset before":          {emulator.Fault{Kind: emulator.KindReset}, true, 0},
		"late":                  {emulator.Fault{Kind: emulator.KindLate, Delay: emulator.Duration(5 * time.Minute)}, true, 1},
		"a proxy's page":        {emulator.Fault{Kind: emulator.KindHTML}, true, 0},
		"reset in the middle":   {emulator.Fault{Kind: emulator.KindResetMid, Bytes: 300}, false, 1},
		"429":                   {emulator.Fault{Kind: emulator.KindTooMany, Count: 3}, false, 1},
		"429 without advice":    {emulator.Fault{Kind: emulator.KindTooMany, Count: 3, Advice: emulator.AdviceNone}, false, 1},
		"401 after all":         {emulator.Fault{Kind: emulator.KindStatus, Status: 500, Count: 2}, true, 0},
		"slow":                  {emulator.Fault{Kind: emulator.KindSlow}, false, 1},
		"a delay before":        {emulator.Fault{Kind: emulator.KindDelay}, false, 1},
		"twice as it were sent": {emulator.Fault{Kind: emulator.KindDuplicate}, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.give("a", john, "a.zip", strings.Repeat("x", 1000))
				tc.fault.Op = opGive
				w.tenant.Fail(tc.fault)
				code := 0
				if tc.unknown {
					code = 3
				}
				w.mustRun(code)
				<-time.After(time.Hour)
				w.tenant.ClearFaults()
				if n := w.given()["a.zip"]; n != tc.made {
					t.Errorf("it is there %d times, want %d", n, tc.made)
				}
				if !tc.unknown {
					if r := w.givenResult("a"); r.Status != "done" {
						t.Errorf("result %+v", r)
					}
					return
				}
				for range 2 { // as often as one likes
					if r := w.givenResult("a"); r.Status != "unknown" || r.Error == nil || !strings.Contains(r.Error.Message, "--recreate a") {
						t.Errorf("result %+v", r)
					}
					if rows, _ := w.extraPlan(); rows["a"].Action != pipeline.ActionConflict || rows["a"].Reason != pipeline.ConflictUnknown || rows["a"].Writes != 0 {
						t.Errorf("planned %+v", rows["a"])
					}
					w.options.RetryFailed = true // does not reach it
					w.mustRun(3)
				}
				if w.given()["a.zip"] != tc.made {
					t.Error("it was sent again")
				}
				w.options.Recreate = func(key string) bool { return key == "a" }
				w.mustRun(0)
				if n := w.given()["a.zip"]; n != tc.made+1 || w.personal("a").Status != state.ExtraDone {
					t.Errorf("it is there %d times, its record %+v", n, w.personal("a"))
				}
			})
		})
	}
}

// TestAPersonalFileBetweenIntentAndAnswer: a process that ends anywhere, or a state
// that cannot be written, leaves no second file.
func TestAPersonalFileBetweenIntentAndAnswer(t *testing.T) {
	met := map[state.ExtraStatus]int{}
	for _, path := range []string{"a.zip", "a.pdf"} { // with and without a ticket
		for n := 1; ; n++ {
			through := false
			bubble(t, emulator.Options{Processing: time.Minute}, func(t *testing.T, w *world) {
				w.give("a", john, path, "content")
				at := 0
				w.fail = func(int) error {
					if at++; at >= n {
						return errors.New("the disk is gone")
					}
					return nil
				}
				out, err := w.run(t.Context(), nil)
				through = err == nil && out.Code == 0
				w.fail = nil
				e := w.personal("a")
				met[e.Status]++
				if e.Status == "" && w.posts() > 0 {
					t.Errorf("write %d: sent without a record", n)
				}
				out, err = w.run(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				sent := w.given()[path]
				switch r := w.givenResult("a"); {
				case r.Status == "unknown" && out.Code == 3 && e.Status == state.ExtraSending:
				case sent == 1 && out.Code == 0 && w.personal("a").Status == state.ExtraDone:
				default:
					t.Errorf("write %d: sent %d times, then code %d, %+v", n, sent, out.Code, r)
				}
				if sent > 1 || w.posts() > 1 {
					t.Errorf("write %d: sent %d times", n, w.posts())
				}
			})
			if through || n > 40 {
				if !through {
					t.Error("the run never gets through")
				}
				break
			}
		}
	}
	for _, s := range []state.ExtraStatus{"", state.ExtraSending, state.ExtraTicket, state.ExtraDone} {
		if met[s] == 0 {
			t.Errorf("no write leaves it %q: %v", s, met)
		}
	}
}

// lookTimes is when each request of an operation came.
type lookTimes struct {
	http.RoundTripper
	mu sync.Mutex
	at []time.Time
}

func (l *lookTimes) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/tickets.json") {
		l.mu.Lock()
		l.at = append(l.at, time.Now())
		l.mu.Unlock()
	}
	return l.RoundTripper.RoundTrip(r)
}

// TestTicketsAreWatchedTogether: over hours and over restarts, nobody looks more often
// than every 30 seconds, and what is finished is read once.
func TestTicketsAreWatchedTogether(t *testing.T) {
	bubble(t, emulator.Options{Switches: emulator.Switches{Processing: []emulator.ProcessingTime{
		{Pattern: "f0*", Time: emulator.Duration(5 * time.Second)}, {Pattern: "f1*", Time: emulator.Duration(25 * time.Minute)}, {Pattern: "*", Time: emulator.Duration(3 * time.Hour)},
	}}}, func(t *testing.T, w *world) {
		looks := &lookTimes{RoundTripper: w.tenant}
		w.configure = func(c *showpad.Config) { c.Base = looks }
		for i := range 30 {
			w.give(fmt.Sprint("f", i), john, fmt.Sprintf("f%02d.pdf", i), "x")
		}
		// It waits for half an hour without progress: from the second ten on, in vain.
		out := w.mustRun(6)
		if got := out.Extras[state.MyFile]; got["done"] != 20 || got["ticket"] != 10 || !strings.Contains(out.Sentence, "10 still being processed") {
			t.Errorf("%v: %s", got, out.Sentence)
		}
		if r := w.givenResult("f25"); r.Status != "ticket" || r.Reason != pipeline.ReasonStillProcesses {
			t.Errorf("result %+v", r)
		}
		if r := w.givenResult("f5"); r.Status != "done" || r.ID == "" {
			t.Errorf("result %+v", r)
		}
		rows, sum := w.extraPlan()
		if r := rows["f25"]; r.Action != pipeline.ActionResume || r.Writes != 0 || !sum.Work() || sum.Writes != 0 {
			t.Errorf("planned %+v", r)
		}
		// Killed and begun again and again, each time for a few seconds.
		w.options.Wait = 4 * time.Hour
		for i := range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i*7%20)*time.Second)
			if _, err := w.run(ctx, nil); err != nil {
				t.Fatal(err)
			}
			cancel()
		}
		w.options.Wait = -1
		for range 3 {
			w.mustRun(6)
		}
		w.options.Wait = 4 * time.Hour
		w.mustRun(0)
		if n := len(looks.at); n < 100 || n > 450 {
			t.Errorf("%d looks", n)
		}
		for i := 1; i < len(looks.at); i++ {
			if d := looks.at[i].Sub(looks.at[i-1]); d < 30*time.Second {
				t.Errorf("look %d comes %s after the one before", i, d)
			}
		}
		if b := w.tenant.Books(); b.Requests["get_tickets_id"] != 30 || b.PersonalFiles != 30 || len(b.PersonalTwins) > 0 {
			t.Errorf("%d reads of tickets, %d files", b.Requests["get_tickets_id"], b.PersonalFiles)
		}
	})
}

// TestATicketThatTellsNoMore: whether the service made the file is not known then, and
// it is not sent again unless somebody asks for it by name.
func TestATicketThatTellsNoMore(t *testing.T) {
	gone := emulator.Fault{Op: "get_tickets_id", Kind: emulator.KindStatus, Status: 404, Count: -1}
	no := emulator.Fault{Op: "get_tickets_id", Kind: emulator.KindStatus, Status: 403, Count: -1}
	unlisted := emulator.Fault{Op: "get_tickets", Kind: emulator.KindStatus, Status: 403, Count: -1}
	for name, tc := range map[string]struct{ first, later []emulator.Fault }{
		"it is gone":                       {first: []emulator.Fault{unlisted, gone}},
		"it was given up, and is gone":     {later: []emulator.Fault{gone}},
		"it was given up, and is not told": {later: []emulator.Fault{no}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, emulator.Options{Processing: time.Minute, Switches: emulator.Switches{StuckProcessing: "*"}}, func(t *testing.T, w *world) {
				w.options.ProcessingTimeout, w.options.Wait = time.Hour, 24*time.Hour
				w.give("a", john, "a.pdf", "%PDF-1.4")
				w.tenant.Fail(tc.first...)
				w.mustRun(3)
				w.tenant.Fail(tc.later...)
				w.options.RetryFailed = true
				for range 2 {
					w.mustRun(3)
					if r := w.givenResult("a"); r.Status != "unknown" || w.posts() != 1 {
						t.Fatalf("result %+v, sent %d times", r, w.posts())
					}
				}
				if w.personal("a").Ticket == "" {
					t.Error("its ticket is forgotten")
				}
				w.tenant.ClearFaults()
				w.tenant.Switch(func(s *emulator.Switches) { s.StuckProcessing = "" })
				w.options.Recreate = func(key string) bool { return key == "a" }
				w.mustRun(0)
			})
		})
	}
}

func TestTicketsThatEndBadly(t *testing.T) {
	bubble(t, emulator.Options{Processing: time.Minute, Switches: emulator.Switches{FailProcessing: "bad*", TicketsWithoutAsset: "void*", StuckProcessing: "stuck*"}}, func(t *testing.T, w *world) {
		for _, name := range []string{"bad", "void", "stuck", "good"} {
			w.give(name, john, name+".pdf", "x")
		}
		w.options.Wait, w.options.ProcessingTimeout = 30*time.Hour, 24*time.Hour
		begin := time.Now()
		w.mustRun(3)
		if d := time.Since(begin); d < 24*time.Hour || d > 25*time.Hour {
			t.Errorf("it took %s", d)
		}
		for key, words := range map[string]string{
			"bad": "processing-failed the service could not process it: ticket ", "void": "processing-failed its ticket ", "stuck": "processing-timeout the service has not processed it since ",
		} {
			r := w.givenResult(key)
			if r.Status != "failed" || r.Error == nil || !strings.HasPrefix(r.Error.Code+" "+r.Error.Message, words) {
				t.Errorf("%s: %+v %+v", key, r, r.Error)
			}
		}
		bad := w.personal("bad")
		if !strings.Contains(bad.Error.Message, "/force-use") || w.givenResult("good").Status != "done" {
			t.Errorf("record %+v", bad)
		}
		// Failed ones stay so, with their words.
		if rows, sum := w.extraPlan(); rows["bad"].Reason != pipeline.BlockedFailed || !strings.Contains(rows["bad"].Detail, "--retry-failed") || sum.Work() {
			t.Errorf("planned %+v", rows["bad"])
		}
		w.mustRun(3)
		// Asked for again: what is still being worked on is not sent a second time, nor is
		// what was used after all; the others are.
		if err := w.client().ForceUseTicket(t.Context(), bad.Ticket); err != nil {
			t.Fatal(err)
		}
		w.options.RetryFailed = true
		w.mustRun(3)
		if r := w.givenResult("stuck"); r.Status != "failed" || r.Error.Code != pipeline.FailedTimeout {
			t.Errorf("stuck: %+v", r)
		}
		if got := w.given(); got["bad.pdf"] != 1 || got["stuck.pdf"] != 1 || got["void.pdf"] != 2 || w.givenResult("bad").Status != "done" || w.personal("bad").ID == "" {
			t.Errorf("sent %v, bad is %+v", got, w.givenResult("bad"))
		}
		w.tenant.Switch(func(sw *emulator.Switches) { sw.StuckProcessing, sw.TicketsWithoutAsset = "", "" })
		w.mustRun(0)
		if got := w.given(); got["stuck.pdf"] != 1 {
			t.Errorf("sent %v", got)
		}
	})
}

// TestTicketsThatCannotBeRead: without the scope for tickets they are left, and told.
func TestTicketsThatCannotBeRead(t *testing.T) {
	bubble(t, emulator.Options{Processing: time.Minute}, func(t *testing.T, w *world) {
		w.give("a", john, "a.pdf", "x")
		w.tenant.Fail(emulator.Fault{Op: "get_tickets", Kind: emulator.KindStatus, Status: 403, Count: -1}, emulator.Fault{Op: "get_tickets_id", Kind: emulator.KindStatus, Status: 403, Count: -1})
		w.mustRun(6)
		told := false
		for _, e := range w.events {
			if warned, ok := e.(pipeline.Warned); ok {
				told = told || strings.Contains(warned.Text, "read_contentprofile_management")
			}
		}
		if !told || w.personal("a").Status != state.ExtraTicket {
			t.Errorf("told: %v, record %+v", told, w.personal("a"))
		}
		w.tenant.ClearFaults()
		// The list alone is refused, and a read fails for a while: each is read singly.
		w.tenant.Fail(emulator.Fault{Op: "get_tickets", Kind: emulator.KindStatus, Status: 403, Count: -1}, emulator.Fault{Op: "get_tickets_id", Kind: emulator.KindStatus, Count: 10})
		w.mustRun(0)
	})
}

func TestWhatIsThereAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, emulator.Options{})
		w.give("a", john, "a.zip", "one")
		w.give("b", john, "x/a.zip", "two")
		w.options.Uploads = 1
		w.mustRun(0)
		r := w.givenResult("b")
		if r.Status != "done" || r.Reason != pipeline.ReasonThere || r.ID != "" || !slices.Contains(r.Warnings, pipeline.ReasonThere) {
			t.Errorf("result %+v", r)
		}
		if w.given()["a.zip"] != 1 || w.posts() != 2 {
			t.Errorf("%v, %d uploads", w.given(), w.posts())
		}
		w.files.put("x/a.zip", "three") // of which nothing is known
		if rows, _ := w.extraPlan(); rows["b"].Reason != pipeline.ReasonSame {
			t.Errorf("planned %+v", rows["b"])
		}
	})
}

func TestQuotasAndOwners(t *testing.T) {
	users := []emulator.User{
		{Email: jane, TotalLimit: 100}, {Email: "small@example.com", FileLimit: 10}, {Email: "full@example.com", TotalLimit: 25}, {Email: "left@example.com", Inactive: true},
		{Email: "twin@example.com"}, {Email: "twin@example.com"}, {Email: "again@example.com", Inactive: true}, {Email: "Again@example.com"}, {Email: john},
	}
	for name, many := range map[string]bool{"few at a time": false, "many": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, emulator.Options{Users: users}, func(t *testing.T, w *world) {
				w.give("big", "small@example.com", "big.zip", strings.Repeat("x", 11))
				w.give("fits", "SMALL@example.com", "fits.zip", strings.Repeat("x", 10))
				w.give("one", "full@example.com", "one.zip", strings.Repeat("x", 13))
				w.give("two", "a1000000000000000000000000000003", "two.zip", strings.Repeat("x", 13)) // the same user
				w.give("left", "left@example.com", "l.zip", "x")
				w.give("nobody", "nobody@example.com", "n.zip", "x")
				w.give("no id", "a999", "i.zip", "x")
				w.give("twin", "twin@example.com", "t.zip", "x")
				w.give("again", "again@example.com", "g.zip", "x")
				w.give("free", john, "f.zip", strings.Repeat("x", 1000))
				w.give("mine", manifest.Mine, "m.zip", strings.Repeat("x", 101))
				want := map[string]string{
					"big":  "over-quota: big.zip has 11 bytes, and one personal file of small@example.com may have 10",
					"fits": "new: ", "free": "new: ", "again": "new: ",
					"one":    "over-quota: the files for full@example.com in this manifest that are to be sent have 26 bytes together, and 25 of 25 are left",
					"two":    "over-quota: the files for full@example.com in this manifest that are to be sent have 26 bytes together, and 25 of 25 are left",
					"left":   "owner-inactive: left@example.com is not active in Showpad",
					"nobody": "owner-unknown: there is no user nobody@example.com that your account may see",
					"no id":  "owner-unknown: there is no user a999 that your account may see",
					"twin":   "owner-unknown: 2 users have the address twin@example.com (name the one by its id)",
					"mine":   "over-quota: the files for mine in this manifest that are to be sent have 101 bytes together, and 100 of 100 are left",
				}
				if !many {
					// Each by itself, so that nothing is listed; the two that belong together.
					all := w.man.MyFiles
					got := map[string]string{}
					for i, f := range all {
						w.man.MyFiles = all[i : i+1]
						if f.Key == "one" || f.Key == "two" {
							w.man.MyFiles = all[2:4]
						}
						rows, _ := w.extraPlan()
						for key, r := range rows {
							got[key] = r.Reason + ": " + r.Detail
						}
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Error(diff)
					}
					if b := w.tenant.Books().Requests; b["get_exports_divisions"] != 0 {
						t.Errorf("requests %v", b)
					}
					w.man.MyFiles = all
					return
				}
				rows, sum := w.extraPlan()
				got := map[string]string{}
				for key, r := range rows {
					got[key] = r.Reason + ": " + r.Detail
					if r.Action == pipeline.ActionBlocked && r.Writes > 0 {
						t.Errorf("%s: %+v", key, r)
					}
				}
				want["twin"] = got["twin"] // of a list, the first active one counts
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if sum.Writes != 3+boolInt(strings.HasPrefix(got["twin"], "new")) {
					t.Errorf("%d writes", sum.Writes)
				}
				var codes []string
				st := w.open()
				if _, err := pipeline.Lint(t.Context(), w.input(st), func(p manifest.Problem) { codes = append(codes, p.Code+" "+p.ExternalID) }); err != nil {
					t.Fatal(err)
				}
				if err := st.Close(); err != nil {
					t.Fatal(err)
				}
				for _, code := range []string{"M166 big", "M166 one", "M166 two", "M165 left", "M165 nobody", "M165 no id", "M166 mine"} {
					if !slices.Contains(codes, code) {
						t.Errorf("lint does not report %s: %q", code, codes)
					}
				}
				w.mustRun(3)
				if n := len(w.given()); n != sum.Writes || w.posts() != sum.Writes {
					t.Errorf("%d files, %d uploads, %d planned", n, w.posts(), sum.Writes)
				}
				if w.givenResult("mine").Status != "blocked" || w.givenResult("free").Status != "done" {
					t.Errorf("results %+v", w.results)
				}
			})
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestOwnersCostFewRequests: many are found by a list and an export, few by two calls
// each, and what is refused is asked for otherwise.
func TestOwnersCostFewRequests(t *testing.T) {
	users := []emulator.User{{Email: jane}}
	for i := range 40 {
		users = append(users, emulator.User{Email: fmt.Sprintf("u%d@example.com", i)})
	}
	for name, tc := range map[string]struct {
		owners   int
		switches func(*emulator.Switches)
		fails    []string
		want     map[string]int
	}{
		"few":                   {owners: 3, want: map[string]int{"get_users": 3, "get_users_id": 3}},
		"few, told at once":     {owners: 3, switches: func(s *emulator.Switches) { s.MyFilesInLists = true }, want: map[string]int{"get_users": 3}},
		"many":                  {owners: 40, want: map[string]int{"get_users": 1, "get_exports_divisions": 1}},
		"many, told at once":    {owners: 40, switches: func(s *emulator.Switches) { s.MyFilesInLists = true }, want: map[string]int{"get_users": 1}},
		"the export is refused": {owners: 40, fails: []string{"get_exports_divisions"}, want: map[string]int{"get_users": 1, "get_exports_divisions": 1, "get_users_id": 40}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, emulator.Options{Users: users}, func(t *testing.T, w *world) {
				for i := range tc.owners {
					w.give(fmt.Sprint("k", i), users[i+1].Email, fmt.Sprintf("f%d.zip", i), "x")
				}
				if tc.switches != nil {
					w.tenant.Switch(tc.switches)
				}
				for _, op := range tc.fails {
					w.tenant.Fail(emulator.Fault{Op: op, Kind: emulator.KindStatus, Status: 403, Count: -1})
				}
				_, sum := w.extraPlan()
				b := w.tenant.Books()
				got, reads := map[string]int{}, 0
				for op, n := range b.Requests {
					if strings.HasPrefix(op, "get_") {
						got[op] = n
					}
					reads += n
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Error(diff)
				}
				if sum.Writes != tc.owners {
					t.Errorf("%d writes", sum.Writes)
				}
				w.mustRun(0)
				for _, f := range w.tenant.PersonalFiles() {
					if want := "u" + strings.TrimSuffix(strings.TrimPrefix(f.Name, "f"), ".zip") + "@example.com"; f.Owner != want {
						t.Errorf("%s is in the My Files of %s", f.Name, f.Owner)
					}
				}
			})
		})
	}
	bubble(t, emulator.Options{Users: users}, func(t *testing.T, w *world) {
		w.give("k", users[1].Email, "f.zip", "x")
		w.tenant.Fail(emulator.Fault{Op: "get_users", Kind: emulator.KindStatus, Status: 403, Count: -1})
		if rows, _ := w.extraPlan(); rows["k"].Reason != pipeline.BlockedOwner || !strings.Contains(rows["k"].Detail, "read_user_management") {
			t.Errorf("planned %+v", rows["k"])
		}
	})
}

func TestFilesThatCannotBeGiven(t *testing.T) {
	bubble(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.give("missing", john, "missing.pdf", "x").Location.Path = "nowhere.pdf"
		w.give("empty", john, "empty.pdf", "")
		w.give("meant", john, "meant.zip", "", func(f *manifest.MyFile) { f.AllowEmpty = true })
		w.give("page", john, "page.pdf", "<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>")
		w.give("blocked", john, "b.pdf", "x").Problems = []manifest.Problem{manifest.NewProblem(manifest.CodePersonalNoUser, manifest.Pos{Line: 1}, "user \"X\" is not in the map of people", "")}
		rows, _ := w.extraPlan()
		got := map[string]string{}
		for key, r := range rows {
			got[key] = r.Reason
		}
		if diff := cmp.Diff(map[string]string{
			"missing": pipeline.BlockedMissing, "empty": pipeline.BlockedEmpty, "meant": pipeline.ReasonNew, "page": pipeline.BlockedWebPage, "blocked": pipeline.BlockedManifest,
		}, got); diff != "" {
			t.Error(diff)
		}
		w.mustRun(3)
		if got := w.given(); len(got) != 1 || got["meant.zip"] != 1 {
			t.Errorf("sent %v", got)
		}
		w.files.mu.Lock()
		delete(w.files.m, "meant.zip") // it was sent, and is not needed any more
		w.files.mu.Unlock()
		st := w.open()
		defer func() { _ = st.Close() }()
		var codes []string
		in := w.input(st)
		in.API = nil
		if _, err := pipeline.Lint(t.Context(), in, func(p manifest.Problem) { codes = append(codes, p.Code+" "+p.ExternalID) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"M111 missing", "M114 empty", "M116 page"}, codes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestAFileThatChangesWhileItIsGiven: nothing is made of half a file.
func TestAFileThatChangesWhileItIsGiven(t *testing.T) {
	bubble(t, emulator.Options{KeepBytes: true}, func(t *testing.T, w *world) {
		w.give("a", john, "a.zip", "before")
		opened := 0
		w.files.trouble = func(path string) (time.Duration, error) {
			if opened++; opened == 1 {
				w.files.put(path, "afterwards it is longer")
			}
			return 0, nil
		}
		// The bytes are those of the first opening; the file that follows is another.
		w.places = map[string]source.Source{"": shrinking{w.files}}
		w.mustRun(0)
		files := w.tenant.PersonalFiles()
		if len(files) != 1 || files[0].Size != int64(len("afterwards it is longer")) {
			t.Errorf("files %+v", files)
		}
		// One that changes for ever fails, and is sent once it has come to rest.
		w.give("b", john, "b.zip", "x")
		n := 0
		w.files.trouble = func(path string) (time.Duration, error) {
			n++
			w.files.put(path, strings.Repeat("y", n))
			return 0, nil
		}
		w.mustRun(3)
		if r := w.givenResult("b"); r.Status != "failed" || r.Error.Code != pipeline.FailedSource || w.given()["b.zip"] != 0 {
			t.Errorf("result %+v %+v", r, r.Error)
		}
		w.files.trouble = nil
		w.options.RetryFailed = true
		w.mustRun(0)
		if w.given()["b.zip"] != 1 {
			t.Errorf("sent %v", w.given())
		}
	})
}

// TestAPersonalFileOfAnotherPlace: what no folder has is read for its length, before the intent.
func TestAPersonalFileOfAnotherPlace(t *testing.T) {
	bubble(t, emulator.Options{KeepBytes: true}, func(t *testing.T, w *world) {
		const address = "https://files.example.com/a.zip"
		w.give("a", john, address, "from the web").Location = manifest.Location{Kind: manifest.RootWeb, Path: address}
		w.give("page", john, address+".pdf", "<!DOCTYPE html><html></html>").Location = manifest.Location{Kind: manifest.RootWeb, Path: address + ".pdf"}
		w.places = map[string]source.Source{"https:": w.files}
		w.mustRun(3)
		files := w.tenant.PersonalFiles()
		if len(files) != 1 || files[0].Name != "a.zip" || files[0].Size != 12 || w.givenResult("page").Reason != pipeline.BlockedWebPage || w.personal("page").Status != "" {
			t.Errorf("files %+v, the page is %+v", files, w.givenResult("page"))
		}
	})
}

// shrinking gives what a file has become since it was listed, under its old description.
type shrinking struct{ *memory }

func (s shrinking) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	was, err := s.Stat(ctx, path)
	if err != nil {
		return nil, was, err
	}
	f, _, err := s.memory.Open(ctx, path)
	if err != nil {
		return nil, was, err
	}
	_ = f.Close()
	now := s.get(path)
	return io.NopCloser(strings.NewReader(string(now.data))), was, nil
}

// TestAStopLeavesPersonalFiles: what has left is written down, what has not is begun by
// the next run.
func TestAStopLeavesPersonalFiles(t *testing.T) {
	bubble(t, emulator.Options{Processing: time.Hour}, func(t *testing.T, w *world) {
		w.options.Uploads, w.options.Drain = 1, 10*time.Second
		w.give("a", john, "a.pdf", "x")
		w.give("b", john, "b.zip", "x")
		w.give("c", john, "c.zip", "x")
		stop := make(chan struct{})
		// The answer to the second takes longer than the drain time.
		w.tenant.Fail(emulator.Fault{Op: opGive, Nth: 2, Kind: emulator.KindSlow, Delay: emulator.Duration(10 * time.Minute)})
		time.AfterFunc(time.Second, func() { close(stop) })
		out, err := w.run(t.Context(), stop)
		if err != nil || out.Code != 130 {
			t.Fatal(out.Code, err)
		}
		got := map[string]string{}
		for _, r := range w.results {
			got[r.Key] = r.Status + " " + r.Reason
		}
		if diff := cmp.Diff(map[string]string{"a": "ticket not-reached", "b": "unknown new", "c": "pending not-reached"}, got); diff != "" {
			t.Error(diff)
		}
		w.options.Wait = 2 * time.Hour
		w.mustRun(3)
		if given := w.given(); given["a.pdf"] != 1 || given["b.zip"] != 1 || given["c.zip"] != 1 || w.givenResult("c").Status != "done" || w.givenResult("b").Status != "unknown" {
			t.Errorf("sent %v, results %+v", given, w.results)
		}
	})
}

// TestRefusedPersonalFiles: what the service refuses fails with its words, and a
// credential that is refused ends the run with nothing undone.
func TestRefusedPersonalFiles(t *testing.T) {
	bubble(t, emulator.Options{Users: []emulator.User{{Email: jane}, {Email: john, FileLimit: 5}}}, func(t *testing.T, w *world) {
		w.give("a", john, "a.zip", "12345")
		w.tenant.Fail(emulator.Fault{Op: opGive, Kind: emulator.KindStatus, Status: 401, Count: -1})
		w.mustRun(4)
		if e := w.personal("a"); e.Status != state.ExtraPending {
			t.Errorf("record %+v", e)
		}
		w.tenant.ClearFaults()
		w.tenant.Fail(emulator.Fault{Op: opGive, Kind: emulator.KindStatus, Status: 403})
		w.mustRun(3)
		if r := w.givenResult("a"); r.Status != "failed" || r.Error.Code != pipeline.FailedRefused {
			t.Errorf("result %+v", r)
		}
		w.options.RetryFailed = true
		w.mustRun(0)
		if w.given()["a.zip"] != 1 {
			t.Errorf("sent %v", w.given())
		}
	})
}
