//go:build unix

package crash_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/state"
	"github.com/showpad-migrate/migrate/test/harness"
)

const (
	settleTime = 2 * time.Second
	listLag    = 700 * time.Millisecond
	// lateAtMost is how long a request may outlive its process here. What comes
	// later than the settle time less the lag of the lists, nobody can see coming.
	lateAtMost = time.Second
)

// voyage is the life of one library: runs that are killed, edits between them,
// and at the end a run that is left in peace.
type voyage struct {
	tally
	t      *testing.T
	rng    *rand.Rand
	tn     *harness.Tenant
	l      *harness.Library
	wanted int
	flags  []string // of every run
	idle   bool     // the last run ended by itself: there is nothing left to do
	begun  map[string]*begun
	cut    map[string]int // uploads that were in flight at a kill
	strays int            // versions that came later than the next run
	atKill map[string]int // file versions when the last kill was looked at; nil: no run was killed since
}

// begun counts an item's file versions: those that its contents so far took.
type begun struct{ needed, atEdit int }

func newVoyage(t *testing.T, seed uint64, kills int) *voyage {
	rng := rand.New(rand.NewPCG(seed, 2))
	processing := []string{"0s", "0s", "150ms", "600ms"}[rng.IntN(4)]
	v := &voyage{
		t: t, rng: rng, wanted: kills, begun: map[string]*begun{}, cut: map[string]int{},
		tn: harness.NewTenant(t, "--seed", strconv.FormatUint(seed, 10), "--list-lag", listLag.String(), "--processing", processing,
			"--faults", "lost=0.025,storage-lost=0.025"),
		l: harness.NewLibrary(t, seed, 30, 60<<10),
	}
	v.places = map[string]int{}
	for range 3 {
		v.l.AddLink()
	}
	v.l.Save(t)
	return v
}

func (v *voyage) sail() {
	for v.kills < v.wanted && !v.t.Failed() {
		if v.idle || v.rng.IntN(3) == 0 {
			v.edit()
		}
		v.strike()
	}
	v.arrive()
}

// start starts a run of the library.
func (v *voyage) start() *harness.Process {
	v.runs++
	args := append([]string{"run", "campaign.yaml", "--quiet", "--settle-time", settleTime.String(),
		"--requests", strconv.Itoa(1 + v.rng.IntN(6)), "--uploads", strconv.Itoa(1 + v.rng.IntN(6))}, v.flags...)
	return v.tn.Start(v.t, v.l.Dir, args...)
}

// place is where a kill strikes: when the service is about to carry out a request
// of an operation, or has just carried it out; at a random moment without one.
type place struct{ op, when string }

func (p place) String() string {
	if p.op == "" {
		return "at random"
	}
	return p.when + " " + p.op
}

// places are drawn from; a random moment as often as all others together.
var places = func() (all []place) {
	for _, op := range []string{"postAssets", "postAssetFiles", "put", "updateAsset", "postTags"} {
		all = append(all, place{op, "before"}, place{op, "after"}, place{}, place{})
	}
	return all
}()

// strike starts a run and kills it somewhere, unless it ends before.
func (v *voyage) strike() {
	at := places[v.rng.IntN(len(places))]
	if at.op == "" {
		v.strikeAtRandom()
		return
	}
	v.work(at.op)
	before := v.quiet()
	v.tn.Hold(v.t, at.op, 1+v.rng.IntN(3), at.when)
	p := v.start()
	if !v.tn.Held(v.t, p) {
		v.tn.Release(v.t, false)
		v.ended(p, at, before)
		return
	}
	held := time.Now()
	v.ended(p, at, before)
	// The caller is gone. What it asked for happens, or happens after the next run
	// has begun, or never.
	switch v.rng.IntN(3) {
	case 0:
		v.tn.Release(v.t, true)
		if at == (place{"postAssetFiles", "after"}) {
			v.strays-- // it is in the books as an answer lost, and was in flight as well
		}
	case 1:
		v.tn.Release(v.t, false)
	case 2:
		before = v.quiet()
		wait := v.rng.Int64N(int64(lateAtMost / 2))
		p := v.start()
		sleep(v.t, min(time.Duration(wait), lateAtMost-time.Since(held)))
		v.tn.Release(v.t, false)
		sleep(v.t, time.Duration(v.rng.Int64N(int64(3*time.Second))))
		v.ended(p, place{}, before)
		if at == (place{"postAssetFiles", "before"}) {
			v.strays++ // the version came when nobody waited for it
		}
	}
}

func (v *voyage) strikeAtRandom() {
	before := v.quiet()
	p := v.start()
	v.await(p)
	v.ended(p, place{}, before)
}

// await waits for a random while, or until p has ended.
func (v *voyage) await(p *harness.Process) {
	most := []time.Duration{150 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second}[v.rng.IntN(3)]
	at := time.NewTimer(time.Duration(v.rng.Int64N(int64(most))))
	defer at.Stop()
	select {
	case <-p.Done():
	case <-at.C:
	}
}

func sleep(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// ended kills a run, or takes note of one that has ended by itself.
func (v *voyage) ended(p *harness.Process, at place, before map[string]int) {
	if !p.Kill(v.t) {
		p.Demand(v.t, 0)
		v.idle = true
		v.l.Arrived(v.t, v.tn)
		return
	}
	v.idle = false
	v.kills++
	v.places[at.String()]++
	v.inFlight(before)
}

// inFlight notes the uploads that a kill has cut off: an upload URL was given,
// and the record does not say that these bytes went. The state is checked on the way.
func (v *voyage) inFlight(before map[string]int) {
	path := filepath.Join(v.l.Dir, "campaign.state.db")
	report, err := state.Check(v.t.Context(), path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(report.Problems) > 0 {
		v.t.Fatalf("the state after a kill: %v, %+v", err, report.Problems)
	}
	st, _, err := state.OpenReader(v.t.Context(), path)
	if err != nil {
		v.t.Fatalf("the state after a kill: %v", err)
	}
	defer func() { _ = st.Close() }()
	recs, err := st.Get(v.t.Context(), slices.Collect(maps.Keys(v.l.Items)))
	if err != nil {
		v.t.Fatalf("the state after a kill: %v", err)
	}
	v.atKill = v.files()
	for id, files := range v.atKill {
		rec := recs[id]
		sent := rec.Status == state.Sent || rec.Status == state.Processing || rec.Status == state.Done
		if files > before[id] && !(sent && rec.MD5 == v.l.Items[id].MD5) {
			v.cut[id]++
		}
	}
}

// quiet are the numbers of file versions now that no run goes on. A request that
// had left when its process was killed may have arrived since: what it began was
// in flight.
func (v *voyage) quiet() map[string]int {
	files := v.files()
	for id, n := range files {
		if at, ok := v.atKill[id]; ok {
			v.cut[id] += n - at
		}
	}
	v.atKill = nil
	return files
}

// files are the numbers of file versions by external ID.
func (v *voyage) files() map[string]int {
	files := map[string]int{}
	for _, a := range v.tn.Assets(v.t) {
		files[a.ExternalID] += a.Files
	}
	return files
}

// edit changes what is wanted, as people do between runs.
func (v *voyage) edit() {
	kinds := []string{"postAssets", "updateAsset", "postTags", "put", "put"}
	for range 1 + v.rng.IntN(3) {
		v.change(kinds[v.rng.IntN(len(kinds))])
	}
	v.l.Save(v.t)
}

// work makes sure that a run has requests of an operation to send.
func (v *voyage) work(op string) {
	for range 3 {
		v.change(op)
	}
	v.l.Save(v.t)
}

// change makes a change that takes a request of the operation.
func (v *voyage) change(op string) {
	ids := slices.Sorted(maps.Keys(v.l.Items))
	id := ids[v.rng.IntN(len(ids))]
	item := v.l.Items[id]
	switch op {
	case "postAssets":
		v.l.Add(v.t)
	case "updateAsset":
		item.Description = fmt.Sprintf("described %d", v.rng.IntN(1000))
	case "postTags":
		v.addTag(item, fmt.Sprintf("Wave %d", v.rng.IntN(1000)))
	case "put", "postAssetFiles":
		for item.URL != "" {
			id = ids[v.rng.IntN(len(ids))]
			item = v.l.Items[id]
		}
		v.closeEpoch(id, v.files()[id])
		v.l.Fill(v.t, id)
	}
}

func (v *voyage) addTag(item *harness.Item, tag string) {
	if !slices.Contains(item.Tags, tag) {
		item.Tags = slices.Sorted(slices.Values(append(slices.Clone(item.Tags), tag)))
	}
}

// closeEpoch counts the version that an item's content took, if one was begun.
func (v *voyage) closeEpoch(id string, files int) {
	b := v.begun[id]
	if b == nil {
		b = &begun{}
		v.begun[id] = b
	}
	if files > b.atEdit {
		b.needed++
	}
	b.atEdit = files
}

// arrive lets a run end in peace and checks all that is promised.
func (v *voyage) arrive() {
	known := v.l.Runs(v.t)
	v.quiet()
	p := v.start()
	p.Demand(v.t, 0)
	v.count()
	v.l.Arrived(v.t, v.tn)
	harness.NoSecrets(v.t, v.tn, v.l.Dir, p)

	for _, dir := range v.l.Runs(v.t) {
		v.tn.Run(v.t, 0, v.l.Dir, "report", "verify", dir)
		if !slices.Contains(known, dir) {
			v.rows(dir)
		}
	}
	v.tn.Run(v.t, 0, v.l.Dir, "state", "check", "campaign.yaml")
	v.tn.Run(v.t, 0, v.l.Dir, "plan", "campaign.yaml", "--exit-code")
	v.tn.Run(v.t, 0, v.l.Dir, "verify", "campaign.yaml")
	before := v.tn.Books(v.t).Commits
	v.tn.Run(v.t, 0, v.l.Dir, "run", "campaign.yaml", "--quiet")
	if after := v.tn.Books(v.t).Commits; !maps.Equal(before, after) {
		v.t.Errorf("one more run changed something: %v before, %v after", before, after)
	}
}
