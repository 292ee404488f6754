package showpad

import (
	"context"
	"iter"
)

// Users lists users by e-mail and id; both empty lists everybody. Lists must fit
// one URL: see [Batches]. Whether case matters in an e-mail is not documented:
// compare without it.
//
// API: v4 getUsers
func (c *Client) Users(ctx context.Context, emails, ids []string) iter.Seq2[User, error] {
	q := newFilter("getUsers")
	q.any("emails", emails)
	q.any("ids", ids)
	return list(ctx, c, "/users", q, func(u User) string { return u.ID })
}

// User reads one user.
//
// API: v4 getUserById
func (c *Client) User(ctx context.Context, id string) (u User, err error) {
	const op = "getUserById"
	seg, err := segment(op, "user", id)
	if err != nil {
		return User{}, err
	}
	if err := c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.apiURL + "/users/" + seg, decode: one(&u)}); err != nil {
		return User{}, err
	}
	if u.ID == "" {
		u.ID = id
	}
	return u, nil
}
