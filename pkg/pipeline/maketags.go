package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// ensureTags makes the tags in v that do not exist yet, and returns v with
// their ids. Each tag is made once, whoever asks first.
func (r *runner) ensureTags(ctx context.Context, division string, v Values) (Values, error) {
	raw, ok := v["tags"]
	if !ok || !strings.Contains(string(raw), `"`+newTag) {
		return v, nil
	}
	ids := set(raw)
	for i, id := range ids {
		name, isNew := strings.CutPrefix(id, newTag)
		if !isNew {
			continue
		}
		made, err := r.ensureTag(ctx, division, name)
		if err != nil {
			return nil, &tagError{name, err}
		}
		ids[i] = made
	}
	out := make(Values, len(v))
	maps.Copy(out, v)
	out["tags"] = canonSet(ids)
	return out, nil
}

type tagError struct {
	name string
	err  error
}

func (e *tagError) Error() string { return fmt.Sprintf("making the tag %q: %v", e.name, e.err) }
func (e *tagError) Unwrap() error { return e.err }

// making is one tag under way; done is closed when id and err are set.
type making struct {
	done chan struct{}
	id   string
	err  error
}

func (r *runner) ensureTag(ctx context.Context, division, name string) (string, error) {
	key := division + "\x00" + fold(name)
	for {
		if id, ok := r.dir.tag(division, name); ok {
			return id, nil
		}
		r.tagMu.Lock()
		m, busy := r.tagsMaking[key]
		if !busy {
			m = &making{done: make(chan struct{})}
			r.tagsMaking[key] = m
		}
		r.tagMu.Unlock()
		if !busy {
			m.id, m.err = r.makeTag(ctx, division, name)
			r.tagMu.Lock()
			delete(r.tagsMaking, key)
			r.tagMu.Unlock()
			close(m.done)
			return m.id, m.err
		}
		select {
		case <-m.done:
			if m.err != nil && ctx.Err() == nil && showpad.Classify(showpad.KindCreate, m.err) == showpad.Cancelled {
				continue // the maker was cancelled, we were not
			}
			return m.id, m.err
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// makeTag creates a tag. A 409 or a lost answer means: look it up. A repeat is
// harmless, since names are unique in a Division; Source: v4 postTags. The state
// knows of the tag before it is made, so that a rollback finds what no answer
// told of.
func (r *runner) makeTag(ctx context.Context, division, name string) (string, error) {
	intent := state.MadeTag{ID: madeIntent(division, name), Name: name, Division: division}
	if err := r.in.Store.AddMadeTag(ctx, r.in.ID, intent); err != nil {
		return "", &stateFailed{fmt.Errorf("writing the state: %w", err)}
	}
	pause := newPauses(r.settleTime)
	for lost := false; ; {
		t, err := r.in.API.CreateTag(ctx, division, name)
		if err == nil {
			return r.madeTag(ctx, division, t)
		}
		if exists := errors.Is(err, showpad.ErrExists); !exists && showpad.Classify(showpad.KindCreate, err) != showpad.Resolve {
			if !lost && showpad.Classify(showpad.KindCreate, err) != showpad.Cancelled {
				err = errors.Join(err, r.forgetTag(ctx, intent)) // refused
			}
			return "", err
		} else if !exists {
			lost = true
		}
		for t, lookErr := range r.in.API.Tags(ctx, showpad.TagFilter{DivisionIDs: []string{division}, Name: name}) {
			if lookErr != nil {
				return "", lookErr
			}
			if fold(t.Name) == fold(name) && (t.Division.ID == "" || t.Division.ID == division) {
				if lost { // nobody had it when the run began
					return r.madeTag(ctx, division, t)
				}
				r.dir.addTag(division, t)
				return t.ID, r.forgetTag(ctx, intent) // somebody else made it
			}
		}
		if !pause.wait(ctx) {
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			return "", fmt.Errorf("the service says that it exists, and does not list it: %w", err)
		}
	}
}

// madeTag notes a tag of ours.
func (r *runner) madeTag(ctx context.Context, division string, t showpad.Tag) (string, error) {
	r.dir.addTag(division, t)
	err := r.in.Store.AddMadeTag(context.WithoutCancel(ctx), r.in.ID, state.MadeTag{ID: t.ID, Name: t.Name, Division: division})
	if err != nil {
		return "", &stateFailed{fmt.Errorf("writing the state: %w", err)}
	}
	return t.ID, nil
}

// forgetTag takes back the note of a tag that this run did not make.
func (r *runner) forgetTag(ctx context.Context, intent state.MadeTag) error {
	intent.Name = ""
	if err := r.in.Store.AddMadeTag(context.WithoutCancel(ctx), r.in.ID, intent); err != nil {
		return &stateFailed{fmt.Errorf("writing the state: %w", err)}
	}
	return nil
}

// madeIntent stands in the state for the id of a tag whose create was never
// answered. Such an entry tells the name to look for; one without a name tells
// nothing any more.
func madeIntent(division, name string) string {
	sum := sha256.Sum256([]byte(division + "\x00" + fold(name)))
	return newTag + hex.EncodeToString(sum[:16])
}
