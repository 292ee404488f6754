//go:build unix

package crash_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

// TestARollbackIsCarriedOnAfterKills takes back what runs did, some of which were
// killed themselves, with rollbacks that are killed too. Then a run brings it all
// back, and a last rollback deletes everything.
func TestARollbackIsCarriedOnAfterKills(t *testing.T) {
	t.Parallel()
	v := newVoyage(t, 11, 0)
	v.flags = []string{"--keep-replaced", filepath.Join(t.TempDir(), "kept")}
	v.start().Demand(t, 0)
	v.l.Arrived(t, v.tn)
	first := v.l.Runs(t)
	was := v.assets()

	for range 3 {
		v.edit()
	}
	v.work("put")
	for range 3 {
		v.strike()
	}
	v.start().Demand(t, 0)
	v.l.Arrived(t, v.tn)

	// A run's name is the second of its start and a random number: what began in
	// the same second is told apart by its outcome only.
	later := slices.DeleteFunc(v.l.Runs(t), func(dir string) bool { return slices.Contains(first, dir) })
	v.takeBack(later...)
	for id, is := range v.assets() {
		old, ok := was[id]
		switch {
		case !ok && !is.IsArchived:
			t.Errorf("%s was made by a run that was taken back, and is there", id)
		case ok && (is.IsArchived || is.MD5 != old.MD5 || is.Size != old.Size || is.Name != old.Name || is.Description != old.Description || !slices.Equal(is.Tags, old.Tags)):
			t.Errorf("%s is %+v, and was %+v", id, is, old)
		}
	}

	v.start().Demand(t, 0)
	v.l.Arrived(t, v.tn)

	v.takeBack("--delete", "--since", filepath.Base(first[0]))
	if all := v.tn.Assets(t); len(all) > 0 {
		t.Errorf("%d assets are left, such as %+v", len(all), all[0])
	}
	if n := v.tn.Books(t).Tags; n > 0 {
		t.Errorf("%d tags are left that runs made", n)
	}
}

// takeBack repeats a rollback until it is not killed any more.
func (v *voyage) takeBack(args ...string) {
	v.t.Helper()
	args = append([]string{"rollback", "campaign.yaml", "--quiet", "--settle-time", settleTime.String()}, args...)
	places := []place{{"updateAsset", "before"}, {"updateAsset", "after"}, {"put", "after"}, {}, {}}
	if slices.Contains(args, "--delete") {
		places = []place{{"deleteAsset", "before"}, {"deleteAsset", "after"}, {}, {}}
	}
	kills := 0
	for _, at := range places {
		if at.op != "" {
			v.tn.Hold(v.t, at.op, 1, at.when)
		}
		p := v.tn.Start(v.t, v.l.Dir, args...)
		if at.op != "" {
			v.tn.Held(v.t, p)
		} else {
			v.await(p)
		}
		ended := !p.Kill(v.t)
		v.tn.Release(v.t, v.rng.IntN(2) == 0)
		if ended {
			p.Demand(v.t, 0)
			break
		}
		kills++
	}
	if kills < 2 {
		v.t.Errorf("%v was killed %d times: too few to prove anything", args, kills)
	}
	v.tn.Run(v.t, 0, v.l.Dir, args...)
}

// assets are the tenant's assets by external ID.
func (v *voyage) assets() map[string]harness.Asset {
	all := map[string]harness.Asset{}
	for _, a := range v.tn.Assets(v.t) {
		all[a.ExternalID] = a
	}
	return all
}
