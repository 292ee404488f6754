package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
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
// harmless, since names are unique in a Division; Source: v4 postTags.
func (r *runner) makeTag(ctx context.Context, division, name string) (string, error) {
	pause := newPauses(r.settleTime)
	for {
		t, err := r.in.API.CreateTag(ctx, division, name)
		if err == nil {
			r.dir.addTag(division, t)
			return t.ID, nil
		}
		if !errors.Is(err, showpad.ErrExists) && showpad.Classify(showpad.KindCreate, err) != showpad.Resolve {
			return "", err
		}
		for t, lookErr := range r.in.API.Tags(ctx, showpad.TagFilter{DivisionIDs: []string{division}, Name: name}) {
			if lookErr != nil {
				return "", lookErr
			}
			if fold(t.Name) == fold(name) && (t.Division.ID == "" || t.Division.ID == division) {
				r.dir.addTag(division, t)
				return t.ID, nil
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
