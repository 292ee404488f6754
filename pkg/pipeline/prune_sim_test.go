package pipeline_test

import (
	"slices"
	"sync/atomic"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// simPruned counts what happened to assets in simulations.
var simPruned struct{ archived, deleted, spared atomic.Int64 }

// checkLeft demands, in peace, that of the items that left the manifest the assets
// are where the manifest wants them, unless a person touched them. It returns the
// number of conflicts.
func (s *sim) checkLeft(out pipeline.Outcome) (conflicts int) {
	w, t, p := s.world, s.world.t, s.people
	t.Helper()
	all := w.assets()
	overwrite := w.man.Update.Conflicts == "overwrite"
	if n := w.tenant.Books().Commits["deleteAsset"]; n > 0 && w.man.Prune != pipeline.PruneDelete {
		t.Errorf("%d assets were deleted", n)
	}
	if pr := out.Plan.Prune; pr == nil || pr.Refused() || pr.Off != "" || pr.Found > 0 || pr.Others > 0 {
		t.Errorf("pruning: %+v", pr)
	}
	for _, item := range w.left {
		id := item.ExternalID
		as := all[id]
		i := slices.IndexFunc(w.results, func(r pipeline.Result) bool { return r.ExternalID == id })
		conflict := i >= 0 && w.results[i].Status == "conflict"
		if conflict {
			conflicts++
			simPruned.spared.Add(1)
		}
		if len(as) == 0 {
			simPruned.deleted.Add(1)
			continue // never made, or deleted
		}
		if as[0].IsArchived {
			simPruned.archived.Add(1)
		}
		touched := p.assets[id] == as[0].ID
		switch {
		case len(as) > 1:
			t.Errorf("%s left, and has %d assets", id, len(as))
		case conflict && (!touched || overwrite):
			t.Errorf("%s left: conflict %s, and nobody gave reason for it: %+v\n%s", id, w.results[i].Reason, w.results[i].Error, w.story(id))
		case w.man.Prune == pipeline.PruneKeep:
			if as[0].IsArchived {
				t.Errorf("%s left, is kept, and is in the trash", id)
			}
		case w.man.Prune == pipeline.PruneDelete && !conflict:
			t.Errorf("%s left, and its asset is there\n%s", id, w.story(id))
		case w.man.Prune == pipeline.PruneArchive && as[0].IsArchived == conflict:
			t.Errorf("%s left: in the trash %t, a conflict %t\n%s", id, as[0].IsArchived, conflict, w.story(id))
		case !conflict && p.sure[id] != "" && p.sure[id] == w.record(id).Shown && touched && !overwrite: // and we did not write since
			t.Errorf("%s left, a person had changed it, and it is pruned\n%s", id, w.story(id))
		}
	}
	return conflicts
}
