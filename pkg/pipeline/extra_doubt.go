package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// A state that is an older copy, or was begun anew, lacks the records of personal files
// and shares that were made since, and nothing at the service finds them. Whoever sees
// that says so with DoubtExtras before anything else is written: the state keeps the
// manifests in doubt until a run of each has noted it on every one of its extras. That
// run may be stopped at once, or look at a part of the items only.

// DoubtExtras notes in a state that runs of the given manifests (their ids), of which the
// state knows nothing, may have made personal files and shares. It is on disk when this
// returns.
func DoubtExtras(ctx context.Context, st *state.Store, manifests ...string) error {
	all, err := doubtedOwners(ctx, st)
	if err != nil {
		return err
	}
	all = append(all, manifests...)
	slices.Sort(all)
	return setDoubted(ctx, st, slices.Compact(all))
}

// doubtedOwners are the ids of the manifests whose extras are in doubt.
func doubtedOwners(ctx context.Context, st state.Reader) (ids []string, err error) {
	text, err := st.Meta(ctx, state.MetaExtrasDoubt)
	if err != nil || text == "" {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &ids); err != nil {
		return nil, fmt.Errorf("%w: %s %q: %w", state.ErrDamaged, state.MetaExtrasDoubt, text, err)
	}
	return ids, nil
}

func setDoubted(ctx context.Context, st *state.Store, ids []string) error {
	text, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return st.SetMeta(ctx, state.MetaExtrasDoubt, string(text))
}

// doubtsExtras reports whether the extras of the manifest may have been made by runs
// that the state does not know.
func doubtsExtras(ctx context.Context, in *Input) (bool, error) {
	if in.Options.OlderState {
		return true, nil
	}
	ids, err := doubtedOwners(ctx, in.State)
	return slices.Contains(ids, in.Manifest.ID), err
}

// doubtExtras makes every personal file and share of the manifest unknown that a run may
// have made and the state has no word of, whatever this run is to do.
func (r *runner) doubtExtras(ctx context.Context) error {
	if !r.in.Options.extrasDoubt {
		return nil
	}
	for _, x := range newExtras(&r.in.Input) {
		if x.kind() == state.TagCategory { // which the service tells of
			continue
		}
		works, err := r.g.loadExtras(ctx, x)
		if err != nil {
			return err
		}
		for _, w := range works {
			if !w.lacks() {
				continue
			}
			f := &state.Failure{Code: ConflictUnknown, Message: olderWords(w.Row.Key)}
			if err := r.putExtra(ctx, w, func(e *state.Extra) { e.Status, e.Error = state.ExtraUnknown, f }); err != nil {
				return err
			}
		}
	}
	ids, err := doubtedOwners(ctx, r.in.State)
	if err != nil || !slices.Contains(ids, r.in.Manifest.ID) {
		return err
	}
	return setDoubted(ctx, r.in.Store, slices.DeleteFunc(ids, func(id string) bool { return id == r.in.Manifest.ID }))
}

// lacks reports whether a run of which the state knows nothing may have made w.
func (w *extraWork) lacks() bool {
	return w.rec == nil || w.rec.Status == state.ExtraPending || w.rec.Status == state.ExtraFailed
}

func olderWords(key string) string {
	return fmt.Sprintf("the state lacks what was last done with it, and nothing tells whether this was made: look in Showpad, and if it is not there run with --recreate %s", key)
}
