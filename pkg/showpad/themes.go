package showpad

import (
	"context"
	"iter"
)

// Theme is how a share looks. Source: v4 theme-get.
type Theme struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	IsGlobal  bool   `json:"isGlobal"`  // the one Global Theme, of no Division
	IsDefault bool   `json:"isDefault"` // of its Division; never of the Global Theme
	Division  *Ref   `json:"division"`  // nil: the Global Theme
	CreatedAt Time   `json:"createdAt"`
	UpdatedAt Time   `json:"updatedAt"`
}

// ThemeFilter selects themes; the zero value selects all but the Global Theme.
type ThemeFilter struct {
	DivisionID    string
	IncludeGlobal bool // the Global Theme too, whatever DivisionID
	IsDefault     bool // default themes only
	Title         string
}

// Themes lists what f selects, each theme once, the newest first. Title is a part
// of a theme's title: compare.
//
// API: v4 theme-list
func (c *Client) Themes(ctx context.Context, f ThemeFilter) iter.Seq2[Theme, error] {
	q := newFilter("theme-list")
	q.text("divisionId", f.DivisionID)
	q.text("title", f.Title)
	for name, on := range map[string]bool{"includeGlobal": f.IncludeGlobal, "isDefault": f.IsDefault} {
		if on {
			q.text(name, "true")
		}
	}
	return list(ctx, c, "/themes", q, func(t Theme) string { return t.ID })
}

// Theme reads one theme.
//
// API: v4 theme-get
func (c *Client) Theme(ctx context.Context, id string) (t Theme, err error) {
	const op = "theme-get"
	seg, err := segment(op, "theme", id)
	if err != nil {
		return Theme{}, err
	}
	if err := c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.apiURL + "/themes/" + seg, decode: one(&t)}); err != nil {
		return Theme{}, err
	}
	if t.ID == "" {
		t.ID = id
	}
	return t, nil
}
