package showpad

import (
	"context"
	"iter"
)

// Divisions lists all Divisions that this account may see; the service has no
// filter by name.
//
// API: v4 getDivisions
func (c *Client) Divisions(ctx context.Context) iter.Seq2[Division, error] {
	return list(ctx, c, "/divisions", newFilter("getDivisions"), func(d Division) string { return d.ID })
}

// Division reads one Division.
//
// API: v4 getDivisionById
func (c *Client) Division(ctx context.Context, id string) (d Division, err error) {
	const op = "getDivisionById"
	seg, err := segment(op, "Division", id)
	if err != nil {
		return Division{}, err
	}
	if err := c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.apiURL + "/divisions/" + seg, decode: one(&d)}); err != nil {
		return Division{}, err
	}
	if d.ID == "" {
		d.ID = id
	}
	return d, nil
}
