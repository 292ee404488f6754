package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// madeTags yields the tags that the runs made, once each. One whose create was
// never answered has no id yet: see madeIntent.
func (t *takeBack) madeTags(ctx context.Context) (tags []state.MadeTag, err error) {
	seen := map[string]bool{}
	for _, run := range t.runs {
		if !t.named[run.ID] {
			continue
		}
		made, err := t.in.State.MadeTags(ctx, run.ID)
		if err != nil {
			return nil, err
		}
		known := map[string]bool{}
		for _, m := range made {
			if !strings.HasPrefix(m.ID, newTag) {
				known[madeIntent(m.Division, m.Name)] = true
			}
		}
		for _, m := range made {
			if m.Name == "" || known[m.ID] || seen[m.ID] {
				continue
			}
			seen[m.ID] = true
			tags = append(tags, m)
		}
	}
	return tags, nil
}

// tagNames are the names of the tags that a rollback with deletion looks at.
func (t *takeBack) tagNames(ctx context.Context) ([]string, error) {
	if !t.in.Delete {
		return nil, nil
	}
	tags, err := t.madeTags(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(tags))
	for i, m := range tags {
		names[i] = m.Name
	}
	slices.Sort(names)
	return names, nil
}

// dropTags deletes the tags that the runs made, unless an asset, a category or a filter
// of somebody uses them. A stop ends it; the next rollback goes on.
func (r *runner) dropTags(ctx context.Context) error {
	tags, err := r.back.madeTags(ctx)
	if err != nil {
		return err
	}
	used, err := r.inCategories(ctx, tags)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return r.readFailed(err)
	}
	for _, m := range tags {
		if r.stopped() || !r.purse.fits(3, 0) { // for one: it may be looked at, and is looked for after
			return nil
		}
		if used[m.ID] {
			r.emit(Warned{Code: TellTagKept, Text: fmt.Sprintf("tag %q stays: a tag category has it", m.Name)})
			continue
		}
		gone, kept, err := r.dropTag(ctx, m)
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && showpad.Classify(showpad.KindChange, err) == showpad.StopRun:
			r.stop(stopRun(err))
		case err != nil:
			r.tally.tag(false, true)
			r.emit(Warned{Code: TellTagFailed, Text: fmt.Sprintf("tag %q: %v (run the rollback again)", m.Name, err)})
		case kept != "":
			r.emit(Warned{Code: TellTagKept, Text: fmt.Sprintf("tag %q stays: %s", m.Name, kept)})
		case gone:
			r.tally.tag(true, false)
		}
	}
	return nil
}

// dropTag deletes one tag; kept says why it stays.
func (r *runner) dropTag(ctx context.Context, m state.MadeTag) (gone bool, kept string, err error) {
	id := m.ID
	if strings.HasPrefix(id, newTag) { // its create was never answered: look for the name
		id = ""
		for t, err := range r.in.API.Tags(ctx, showpad.TagFilter{DivisionIDs: []string{m.Division}, ExactName: m.Name}) {
			if err != nil {
				return false, "", err
			}
			if t.Name == m.Name && t.Division.ID == m.Division {
				id = t.ID
			}
		}
		if id == "" {
			return false, "", nil
		}
	}
	for a, err := range r.in.API.Assets(ctx, showpad.AssetFilter{TagIDs: []string{id}}) {
		if err != nil {
			return false, "", err
		}
		// A list may lag behind: the asset itself tells.
		a, err := r.in.API.Asset(ctx, a.ID)
		switch {
		case errors.Is(err, showpad.ErrNotFound):
			continue
		case err != nil:
			return false, "", err
		case slices.Contains(set(shown(&a)["tags"]), id):
			return false, fmt.Sprintf("asset %s carries it", a.ID), nil
		}
	}
	err = r.in.API.DeleteTag(ctx, id)
	answer, refused := errors.AsType[*showpad.Error](err)
	switch {
	case errors.Is(err, showpad.ErrNotFound):
		return false, "", nil
	case refused && answer.Status == http.StatusConflict:
		return false, "a filter of somebody uses it", nil
	}
	return err == nil, "", err
}
