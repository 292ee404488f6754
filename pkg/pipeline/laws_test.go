package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// The laws hold on random manifests, tenants and edits. Each takes a tenth of
// -sim.seeds worlds.
const lawShare = 10

// TestLawThePlanIsTheRun: the rows of a plan are the rows of the run after it, the
// writes of each row are those that the service then sees for its external ID,
// each item has one result, the plan after the run is empty, and a second run
// changes nothing.
func TestLawThePlanIsTheRun(t *testing.T) {
	seeds(t, lawShare, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 2))
		w := lawWorld(t, rng, emulator.Options{ListLag: pick(rng, 0, time.Second), Processing: pick(rng, 0, time.Second)})
		w.man.Prune, w.leaves = pick(rng, pipeline.PruneKeep, pipeline.PruneArchive, pipeline.PruneDelete), rng.IntN(2) == 0
		w.options.AllowDelete = rng.IntN(4) > 0
		w.strangers(rng)
		for range 1 + rng.IntN(3) {
			w.options.FullCheck = rng.IntN(4) == 0
			w.planIsTheRun()
			if t.Failed() {
				return
			}
			<-time.After(time.Duration(rng.IntN(100)) * time.Minute)
			newPeople(w).edit(rng)
			edit(w, rng)
			w.moreEdits(rng)
		}
	})
}

func (w *world) planIsTheRun() {
	t := w.t
	t.Helper()
	w.options.Hash = true // else a row may be decided by reading its file
	plan, planned := w.plan()
	l := &ledger{base: w.tenant, writes: map[string]int{}, ids: map[string]string{}}
	for _, a := range w.tenant.Assets() {
		l.ids[a.ID] = a.ExternalID
	}
	w.configure = func(c *showpad.Config) { c.Base, c.Storage = l, l }
	out, err := w.run(t.Context(), nil)
	w.configure = nil
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range planned {
		if i >= len(w.rows) {
			t.Fatalf("the plan has %d rows and the run %d", len(planned), len(w.rows))
		}
		r := w.rows[i]
		if p.ExternalID != r.ExternalID || p.Action != r.Action || p.Reason != r.Reason || p.Writes != r.Writes || p.Puts != r.Puts {
			t.Errorf("planned %s %s %s %d+%d, run %s %s %s %d+%d", p.ExternalID, p.Action, p.Reason, p.Writes, p.Puts, r.ExternalID, r.Action, r.Reason, r.Writes, r.Puts)
		}
		writes, puts := l.writes[p.ExternalID], l.writes[p.ExternalID+" put"]
		if most := p.Action == pipeline.ActionResume || p.Action == pipeline.ActionCheck; writes > p.Writes || puts > p.Puts || !most && (writes != p.Writes || puts != p.Puts) {
			t.Errorf("%s %s %s: %d writes and %d uploads were planned, there were %d and %d%s", p.ExternalID, p.Action, p.Reason, p.Writes, p.Puts, writes, puts, diffText(p))
		}
	}
	if got := l.writes[""]; got != len(plan.NewTags) {
		t.Errorf("%d tags were made, planned were %d: %v", got, len(plan.NewTags), plan.NewTags)
	}
	undone := 0
	if plan.Prune.Refused() {
		undone++
	}
	for _, p := range planned {
		if p.Action == pipeline.ActionConflict || p.Action == pipeline.ActionBlocked {
			undone++
		}
	}
	if code := out.Code; (code != 0) != (undone > 0) || code != 0 && code != 3 {
		t.Errorf("exit code %d with %d rows to decide by people: %s, %v", code, undone, out.Sentence, out.Err)
		for _, r := range w.results {
			if !r.OK() {
				t.Logf("%s: %s %s %s %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
			}
		}
	}
	w.oneRowEach()
	w.planIsEmpty()
	before := w.tenant.Assets()
	w.tenant.ResetBooks()
	if again, err := w.run(t.Context(), nil); err != nil || again.Code != out.Code {
		t.Errorf("the second run ended with %d, %v, the first with %d", again.Code, err, out.Code)
	}
	if c := w.tenant.Books().Commits; len(c) > 0 {
		t.Errorf("a second run changed something: %v", c)
	}
	if !reflect.DeepEqual(before, w.tenant.Assets()) {
		t.Error("a second run left other assets")
	}
}

func (w *world) oneRowEach() {
	w.t.Helper()
	rows := map[string]int{}
	for _, r := range w.results {
		if !r.Unlisted {
			rows[r.ExternalID]++
		}
	}
	for _, i := range w.items {
		if rows[i.ExternalID] != 1 {
			w.t.Errorf("%s has %d rows in the results", i.ExternalID, rows[i.ExternalID])
		}
	}
	if len(rows) != len(w.items) {
		w.t.Errorf("%d rows for %d items", len(rows), len(w.items))
	}
}

// TestLawAnOlderState: a copy of the state from any earlier moment is put back, or
// none at all. The next run makes nothing twice and loses nothing: once it has
// waited the settle time out, by itself or by Doubt, it finds that all is there.
func TestLawAnOlderState(t *testing.T) {
	seeds(t, lawShare, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := lawWorld(t, rng, emulator.Options{ListLag: pick(rng, 0, time.Second, 3*time.Second), Processing: pick(rng, 0, time.Second)})
		w.options.SettleTime = 5 * time.Second
		w.options.RetryFailed = true
		w.absolute()
		copies := [][]byte{nil}
		run := func(cut bool) {
			keep, at, end := rng.IntN(2) == 0, 1+rng.IntN(30), 1+rng.IntN(30)
			w.fail = func(n int) error {
				if n == at && keep {
					b, err := os.ReadFile(w.path)
					if err != nil {
						return err
					}
					copies = append(copies, b)
				}
				if n >= end && cut {
					return errCrash
				}
				return nil
			}
			if _, err := w.run(t.Context(), nil); err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			w.fail = nil
		}
		for range rng.IntN(3) {
			run(rng.IntN(2) == 0)
			<-time.After(time.Duration(rng.IntN(20)) * time.Second)
			edit(w, rng)
			w.absolute()
		}
		whole := func() {
			w.t.Helper()
			w.mustRun(0)
			w.checkBut(func(string, string) bool { return w.man.Update.Tags == "keep" })
			w.planIsEmpty()
		}
		// Either in the middle of things, or when all is done.
		done := rng.IntN(2) == 0
		if run(!done); done {
			whole()
		}
		before := w.summaries()
		if older := copies[rng.IntN(len(copies))]; older != nil {
			if err := os.WriteFile(w.path, older, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(w.path); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(2) == 0 {
			w.options.Doubt = true
		} else {
			<-time.After(w.options.SettleTime)
		}
		if !done {
			// What was being done, and then was wanted otherwise, may now be taken for
			// somebody's: that is told, and overwritten if the manifest says so.
			if _, err := w.run(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			for _, r := range w.results {
				if !r.OK() && r.Reason != pipeline.ConflictAdopt && r.Reason != pipeline.ConflictChanged {
					t.Errorf("%s: %s %s %s %+v", r.ExternalID, r.Action, r.Reason, r.Status, r.Error)
				}
			}
			w.man.Update.Conflicts, w.options.FullCheck = "overwrite", true
		}
		whole()
		w.options.Doubt = false
		after := w.summaries()
		for id, a := range before {
			if after[id] == "" || done && after[id] != a {
				t.Errorf("before the state was put back:\n%v\nafter:\n%v", a, after[id])
			}
		}
	})
}

// absolute takes out relative dates: what one became is known to the state that
// it was first sent from, and to no other.
func (w *world) absolute() {
	for i := range w.items {
		w.items[i].Fields.ReleasedAt = manifest.Opt[manifest.Instant]{}
	}
}

// summaries are the tenant's assets but for what a repeated upload changes.
func (w *world) summaries() map[string]string {
	m := map[string]string{}
	for _, a := range w.tenant.Assets() {
		a.UpdatedAt, a.CurrentFile, a.Files = time.Time{}, "", 0
		b, err := json.Marshal(a)
		if err != nil {
			w.t.Fatal(err)
		}
		m[a.ID] = string(b)
	}
	return m
}

// TestLawTwoManifests: two manifests on one state never touch each other's items,
// however they overlap and whatever is edited, cut off and taken back.
func TestLawTwoManifests(t *testing.T) {
	overlaps := 0
	var mu sync.Mutex
	seeds(t, lawShare, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 4))
		w := lawWorld(t, rng, emulator.Options{ListLag: pick(rng, 0, time.Second), Processing: pick(rng, 0, time.Second)})
		w.options.RetryFailed = true
		type side struct {
			man   manifest.Manifest
			items []manifest.Item
			left  []manifest.Item
			runs  []string
		}
		sides := [2]side{}
		shared := rng.IntN(2) == 0
		w.leaves, w.options.AllowDelete = true, true
		for i := range sides {
			sides[i].man = *w.man
			sides[i].man.ID = fmt.Sprintf("wave-%d", i)
			sides[i].man.Update.Conflicts = pick(rng, "skip", "overwrite")
			sides[i].man.Prune = pick(rng, pipeline.PruneKeep, pipeline.PruneArchive, pipeline.PruneDelete)
			for k, item := range w.items {
				if shared && rng.IntN(2) == 0 || k%2 == i {
					sides[i].items = append(sides[i].items, item)
				}
			}
		}
		for range 2 + rng.IntN(4) {
			n := rng.IntN(2)
			w.man, w.items, w.left = &sides[n].man, sides[n].items, sides[n].left
			w.options.FullCheck = rng.IntN(3) == 0
			owners := w.owners()
			before := w.assets()
			if rng.IntN(3) == 0 {
				at := 1 + rng.IntN(20)
				w.fail = func(n int) error {
					if n >= at {
						return errCrash
					}
					return nil
				}
			}
			run := func() (pipeline.Outcome, error) { return w.run(t.Context(), nil) }
			back := len(sides[n].runs) > 0 && rng.IntN(4) == 0
			if back {
				taken, del := sides[n].runs[rng.IntN(len(sides[n].runs)):], rng.IntN(2) == 0
				run = func() (pipeline.Outcome, error) { return w.rollback(t.Context(), nil, del, taken...) }
			}
			out, err := run()
			if err == nil { // else the state does not know it
				sides[n].runs = append(sides[n].runs, fmt.Sprintf("run-%d", w.runs))
			}
			w.fail = nil
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			after := w.assets()
			for id, owner := range owners {
				if owner != w.man.ID && !reflect.DeepEqual(before[id], after[id]) {
					t.Errorf("%s belongs to %s, and the run of %s changed it from %+v to %+v", id, owner, w.man.ID, before[id], after[id])
				}
			}
			for _, r := range w.results {
				if back {
					continue // of what is taken back
				}
				other := owners[r.ExternalID] != "" && owners[r.ExternalID] != w.man.ID
				if told := r.Status == "conflict" && r.Reason == pipeline.ConflictOther; other != told && r.Reason != pipeline.ReasonNotReached {
					t.Errorf("%s belongs to %q, and the run of %s says %s %s %s", r.ExternalID, owners[r.ExternalID], w.man.ID, r.Action, r.Reason, r.Status)
				} else if told {
					mu.Lock()
					overlaps++
					mu.Unlock()
				}
			}
			if d := w.tenant.Books().Duplicates; len(d) > 0 {
				t.Errorf("duplicates: %v", d)
			}
			if err == nil && out.Code == 0 && !back {
				w.oneRowEach()
				w.planIsEmpty()
			}
			<-time.After(time.Duration(2+rng.IntN(90)) * time.Second) // what is being processed is ready
			edit(w, rng)
			sides[n].items, sides[n].left = w.items, w.left
			if t.Failed() {
				return
			}
		}
	})
	if !t.Failed() && overlaps == 0 && *simSeed == 0 {
		t.Error("no item was in both manifests: this proves nothing")
	}
}

// owners are the manifests that the state's records belong to.
func (w *world) owners() map[string]string {
	w.t.Helper()
	st := w.open()
	defer func() { _ = st.Close() }()
	m := map[string]string{}
	recs, err := st.Scan(w.t.Context(), "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, rec := range recs {
		m[rec.ExternalID] = rec.Owner
	}
	return m
}

// lawWorld is a random manifest on a random tenant.
func lawWorld(t *testing.T, rng *rand.Rand, o emulator.Options) *world {
	o.Switches.ResetPermissions, o.Switches.IgnoreFileName = rng.IntN(3) == 0, rng.IntN(3) == 0
	w := newWorld(t, o)
	w.options = pipeline.WithLimits(w.options, pick(rng, 0, 1, 3), pick(rng, 0, -1), pick(rng, 0, 1, 2))
	w.man.Update.Tags = pick(rng, "add", "add", "replace", "keep")
	w.man.Update.Conflicts = pick(rng, "skip", "skip", "overwrite")
	for i := range 1 + rng.IntN(8) {
		w.add(fmt.Sprintf("ID-%d", i), text(rng), randomFields(rng), moreFields(rng))
	}
	for _, name := range []string{"Sales", "EMEA", "T1", "unrelated"} {
		if rng.IntN(2) == 0 {
			if _, err := w.patient().CreateTag(t.Context(), emulator.DivisionMarketing, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

// moreFields sets what [randomFields] does not.
func moreFields(rng *rand.Rand) func(*manifest.Item) {
	return func(i *manifest.Item) {
		f := &i.Fields
		if rng.IntN(4) == 0 {
			f.Name = manifest.Some("the name of " + i.ExternalID)
		}
		if rng.IntN(4) == 0 {
			f.Authors = manifest.Some([]string{"jane@example.com", "john.q@example.com"}[:rng.IntN(3)])
		}
		if rng.IntN(4) == 0 {
			f.Countries = manifest.Some([]string{"US", "BE"}[:rng.IntN(3)])
		}
		if rng.IntN(4) == 0 {
			f.DownloadableInternal = manifest.Some([]string{"original"}[:rng.IntN(2)])
		}
		if rng.IntN(5) == 0 {
			f.IsSensitive = manifest.Some(rng.IntN(2) == 0)
		}
		if i.Division == "Marketing" && rng.IntN(5) == 0 {
			f.IsDivisionShared = manifest.Some(rng.IntN(2) == 0)
		}
		if rng.IntN(5) == 0 {
			f.IsProcessedUsed = manifest.Some(rng.IntN(2) == 0)
		}
		if rng.IntN(6) == 0 {
			f.DraftedAt = manifest.Some(manifest.Instant{At: time.Date(2030, 1, 1+rng.IntN(20), 0, 0, 0, 0, time.UTC)})
		}
	}
}

// moreEdits changes the manifest in other ways than [edit]: fields appear, change
// and go, items go, files go and come back.
func (w *world) moreEdits(rng *rand.Rand) {
	for i := range w.items {
		item := &w.items[i]
		switch rng.IntN(8) {
		case 0:
			item.Fields.Languages = manifest.Some([]string{"de", "fr", "en"}[:rng.IntN(4)])
		case 1:
			item.Fields.Description = manifest.Opt[string]{}
		case 2:
			item.Fields.Tags = manifest.Some([]manifest.Tag{})
		case 3:
			item.Fields.IsShareable = manifest.Some(rng.IntN(2) == 0)
		case 4:
			if item.URL == "" {
				w.files.mu.Lock()
				delete(w.files.m, item.Location.Path)
				w.files.mu.Unlock()
			}
		case 5:
			if item.URL == "" {
				w.files.put(item.Location.Path, text(rng))
			}
		}
	}
	if len(w.items) > 1 && rng.IntN(4) == 0 {
		w.items = slices.Delete(w.items, 0, 1)
	}
}

// strangers have been at the tenant before us: they made assets with and without
// external IDs of ours, as we want them and otherwise, whole and half, in the
// trash and in another Division.
func (w *world) strangers(rng *rand.Rand) {
	t := w.t
	c := w.client()
	for i := range w.items {
		item := &w.items[i]
		if rng.IntN(3) > 0 {
			continue
		}
		f := showpad.AssetFields{Name: showpad.Some(manifest.AssetName(*item)), ExternalID: showpad.Some(item.ExternalID)}
		if rng.IntN(6) == 0 {
			f.Name = showpad.Some("theirs-" + manifest.AssetName(*item))
		}
		division := emulator.DivisionMarketing
		if item.Division != "Marketing" {
			division = emulator.DivisionSales
		}
		if rng.IntN(10) == 0 {
			division = emulator.DivisionSales
		}
		f.Division = showpad.Some(showpad.Ref{ID: division})
		if d := item.Fields.Description; d.Set && rng.IntN(2) == 0 {
			f.Description = showpad.Some(strings.TrimSpace(d.Value))
		}
		if item.URL != "" {
			f.URL = showpad.Some(item.URL)
		}
		a, err := c.CreateAsset(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if item.URL == "" && rng.IntN(4) > 0 {
			w.upload(c, a.ID, pick(rng, string(w.files.get(item.Location.Path).data), "theirs"))
		}
		if rng.IntN(10) == 0 {
			if _, err := c.UpdateAsset(t.Context(), a.ID, showpad.AssetFields{IsArchived: showpad.Some(true)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := c.CreateAsset(t.Context(), showpad.AssetFields{Name: showpad.Some("unrelated.txt"), ExternalID: showpad.Some("OTHER"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})}); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Minute)
}

// ledger counts the writes of each external ID, as the service sees them: "X" are
// requests of the API, "X put" uploads, "" new tags.
type ledger struct {
	base   http.RoundTripper
	mu     sync.Mutex
	writes map[string]int
	ids    map[string]string // asset id: external ID
}

func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.base.RoundTrip(r)
	if err != nil || r.Method == http.MethodGet {
		return resp, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch part := strings.Split(strings.TrimPrefix(r.URL.Path, "/v4"), "/"); {
	case part[1] == "storage":
		l.writes[l.ids[part[2]]+" put"]++
	case part[1] == "tags":
		l.writes[""]++
	case len(part) > 2:
		l.writes[l.ids[part[2]]]++
	default:
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(strings.NewReader(string(b)))
		var a struct{ ID, ExternalID string }
		if err := json.Unmarshal(b, &a); err != nil {
			return nil, err
		}
		l.ids[a.ID] = a.ExternalID
		l.writes[a.ExternalID]++
	}
	return resp, nil
}
