package showpad

import (
	"context"
	"errors"
	"iter"
)

// TagCategory groups tags of a Division, or other categories: it has tags or
// sub-categories, not both. Its tags are not part of it: [Client.Tags] with
// TagCategoryIDs lists them, and each [Tag] names its categories.
// Source: v4 getTagCategory; help Categorize your tags in a hierarchy.
type TagCategory struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Division    Ref    `json:"division"`
	IsPublished bool   `json:"isPublished"`
	Parent      *Ref   `json:"parent"` // nil at the top
	CreatedAt   Time   `json:"createdAt"`
	UpdatedAt   Time   `json:"updatedAt"`
}

// ParentID is the id of the category that this one is in; "" at the top.
func (t *TagCategory) ParentID() string {
	if t.Parent == nil {
		return ""
	}
	return t.Parent.ID
}

// TagCategoryFields are the members that create and update accept. Absent ones are
// not sent. Division is for create only, where it and Name are required; a Parent of
// null is the top; Tags replace those that are linked.
// Source: v4 postTagCategories, v4 updateTagCategory.
type TagCategoryFields struct {
	Name        Opt[string] `json:"name,omitzero"`
	Division    Opt[Ref]    `json:"division,omitzero"`
	IsPublished Opt[bool]   `json:"isPublished,omitzero"`
	Parent      Opt[Ref]    `json:"parent,omitzero"`
	Tags        Opt[[]Ref]  `json:"tags,omitzero"`
}

// TagCategoryFilter selects categories; the zero value selects all that this
// account may see.
type TagCategoryFilter struct {
	IDs         []string
	DivisionIDs []string
}

// TagLinks are changes of the tags in a category: all go with Clear, then those of
// Remove, then those of Add come. Source of the order: ASSUME; name a tag once.
type TagLinks struct {
	Add    []Ref `json:"add,omitempty"`
	Remove []Ref `json:"remove,omitempty"`
	Clear  bool  `json:"clear,omitempty"`
}

// TagCategories lists what f selects, each category once.
//
// API: v4 getTagCategories
func (c *Client) TagCategories(ctx context.Context, f TagCategoryFilter) iter.Seq2[TagCategory, error] {
	q := newFilter("getTagCategories")
	q.any("ids", f.IDs)
	q.any("divisionIds", f.DivisionIDs)
	return list(ctx, c, "/tag-categories", q, func(t TagCategory) string { return t.ID })
}

// CreateTagCategory makes a category. One of that name that is there already gives
// an error that wraps [ErrExists]: look it up. A lost answer gives
// [ErrUnknownOutcome]: look before sending again.
//
// API: v4 postTagCategories
func (c *Client) CreateTagCategory(ctx context.Context, f TagCategoryFields) (t TagCategory, err error) {
	err = c.do(ctx, &request{op: "postTagCategories", kind: KindCreate, method: "POST", url: c.apiURL + "/tag-categories", body: f, decode: func(b []byte) error {
		if err := one(&t)(b); err != nil {
			return err
		}
		if t.ID == "" {
			return errors.New("it has no id")
		}
		return nil
	}})
	if err != nil {
		return TagCategory{}, err
	}
	return t, nil
}

// TagCategory reads one category.
//
// API: v4 getTagCategory
func (c *Client) TagCategory(ctx context.Context, id string) (TagCategory, error) {
	return c.tagCategory(ctx, "getTagCategory", KindRead, "GET", id, "", nil)
}

// UpdateTagCategory sets the members of f, and leaves alone what is absent.
//
// API: v4 updateTagCategory
func (c *Client) UpdateTagCategory(ctx context.Context, id string, f TagCategoryFields) (TagCategory, error) {
	return c.tagCategory(ctx, "updateTagCategory", KindChange, "POST", id, "", f)
}

// DeleteTagCategory removes a category; its tags stay. One that is gone already is
// [ErrNotFound], unless an earlier attempt of the same call may have removed it.
// What becomes of its sub-categories is not documented.
//
// API: v4 deleteTagCategory
func (c *Client) DeleteTagCategory(ctx context.Context, id string) error {
	seg, err := segment("deleteTagCategory", "tag category", id)
	if err != nil {
		return err
	}
	return c.do(ctx, &request{op: "deleteTagCategory", kind: KindChange, method: "DELETE", url: c.apiURL + "/tag-categories/" + seg, gone: true})
}

// ChangeTagCategoryTags links tags to a category and unlinks others. Sent again it
// comes to the same. A tag that is linked already may be answered with [ErrExists]:
// which 409 is meant there is not documented.
//
// API: v4 updateTagCategoryTags
func (c *Client) ChangeTagCategoryTags(ctx context.Context, id string, l TagLinks) (TagCategory, error) {
	return c.tagCategory(ctx, "updateTagCategoryTags", KindChange, "POST", id, "/tags", l)
}

func (c *Client) tagCategory(ctx context.Context, op string, kind Kind, method, id, below string, body any) (t TagCategory, err error) {
	seg, err := segment(op, "tag category", id)
	if err != nil {
		return TagCategory{}, err
	}
	if err := c.do(ctx, &request{op: op, kind: kind, method: method, url: c.apiURL + "/tag-categories/" + seg + below, body: body, decode: one(&t)}); err != nil {
		return TagCategory{}, err
	}
	if t.ID == "" {
		t.ID = id
	}
	return t, nil
}
