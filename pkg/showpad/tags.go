package showpad

import (
	"context"
	"errors"
	"iter"
)

// CreateTag makes a tag. The name has 1 to 255 characters; the service trims it. A
// tag that is there already gives an error that wraps [ErrExists]: look it up. A
// lost answer gives [ErrUnknownOutcome]: look, or send again and take [ErrExists]
// for an answer.
//
// API: v4 postTags
func (c *Client) CreateTag(ctx context.Context, divisionID, name string) (t Tag, err error) {
	body := struct {
		Name     string `json:"name"`
		Division Ref    `json:"division"`
	}{name, Ref{divisionID}}
	err = c.do(ctx, &request{op: "postTags", kind: KindCreate, method: "POST", url: c.apiURL + "/tags", body: body, decode: func(b []byte) error {
		if err := one(&t)(b); err != nil {
			return err
		}
		if t.ID == "" {
			return errors.New("it has no id")
		}
		return nil
	}})
	if err != nil {
		return Tag{}, err
	}
	return t, nil
}

// Tags lists what f selects, each tag once. Tags of other Divisions may be among
// them where tags are shared: compare Division.ID.
//
// API: v4 getTags
func (c *Client) Tags(ctx context.Context, f TagFilter) iter.Seq2[Tag, error] {
	q := newFilter("getTags")
	q.any("ids", f.IDs)
	q.any("divisionIds", f.DivisionIDs)
	q.any("tagCategoryIds", f.TagCategoryIDs)
	q.text("name", f.Name)
	q.text("exactName", f.ExactName)
	return list(ctx, c, "/tags", q, func(t Tag) string { return t.ID })
}

// Tag reads one tag.
//
// API: v4 getTag
func (c *Client) Tag(ctx context.Context, id string) (Tag, error) {
	return c.tag(ctx, "getTag", KindRead, "GET", id, nil)
}

// UpdateTag renames a tag; nothing else of it can change. A name that another tag
// has gives [ErrExists].
//
// API: v4 updateTag
func (c *Client) UpdateTag(ctx context.Context, id, name string) (Tag, error) {
	return c.tag(ctx, "updateTag", KindChange, "POST", id, struct {
		Name string `json:"name"`
	}{name})
}

// DeleteTag removes a tag, also from the assets that carry it. One that is gone
// already is [ErrNotFound], unless an earlier attempt of the same call may have
// removed it. A tag that a filter uses is refused with 409, an [*Error].
//
// API: v4 deleteTag
func (c *Client) DeleteTag(ctx context.Context, id string) error {
	seg, err := segment("deleteTag", "tag", id)
	if err != nil {
		return err
	}
	return c.do(ctx, &request{op: "deleteTag", kind: KindChange, method: "DELETE", url: c.apiURL + "/tags/" + seg, gone: true})
}

func (c *Client) tag(ctx context.Context, op string, kind Kind, method, id string, body any) (t Tag, err error) {
	seg, err := segment(op, "tag", id)
	if err != nil {
		return Tag{}, err
	}
	if err := c.do(ctx, &request{op: op, kind: kind, method: method, url: c.apiURL + "/tags/" + seg, body: body, decode: one(&t)}); err != nil {
		return Tag{}, err
	}
	if t.ID == "" {
		t.ID = id
	}
	return t, nil
}
