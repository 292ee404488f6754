package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"iter"
	"net/url"
	"strconv"
)

// Account is a user with what only v3 tells: where his My Files are, and how much may
// go into them. Source: v3 get_users, get_users_id.
type Account struct {
	ID       string
	Email    string // "" when it is not told
	Inactive bool   // the service says so; false when it is not told
	MyFiles  string // id of his My Files Division; "" when it is not told

	// In bytes; -1 when it is not told. That a limit of 0 is none is ASSUME.
	FileLimit  int64 // of one personal file
	TotalLimit int64 // of all personal files
	Used       int64 // of TotalLimit
	Unlimited  bool  // TotalLimit does not count
	HasQuota   bool  // any of the four above was told
}

const accountFields = "id,email,isActive,myUploadsDivisionId,personalContentIndividualFileSizeLimit,personalContentTotalFileSizeLimit,personalContentFileSizeUsed,isPersonalContentTotalUnlimited"

// Accounts lists users by v3, 1,000 a request: those with an e-mail address, or all of
// them when it is empty. Whether the service compares addresses letter by letter is not
// documented: compare again, without case. A list may leave out what is about My Files:
// [Client.Account] has it. It needs the scope read_user_management.
//
// API: v3 get_users
func (c *Client) Accounts(ctx context.Context, email string) iter.Seq2[Account, error] {
	q := url.Values{"fields": {accountFields}, "limit": {strconv.Itoa(pageSize)}}
	if email != "" {
		q.Set("email", email)
	}
	return v3List(ctx, c, "v3 get_users", "/users.json", q, accountOf, func(a Account) string { return a.ID })
}

// Account reads one user by v3; [ErrNotFound] when there is none that this account may
// see. It needs the scope read_user_management.
//
// API: v3 get_users_id
func (c *Client) Account(ctx context.Context, id string) (a Account, err error) {
	err = c.v3One(ctx, "v3 get_users_id", "user", "/users/", id, "?fields="+url.QueryEscape(accountFields), func(m map[string]json.RawMessage) { a = accountOf(m) })
	if err != nil {
		return Account{}, err
	}
	if a.ID == "" {
		a.ID = id
	}
	return a, nil
}

func accountOf(m map[string]json.RawMessage) Account {
	a := Account{
		ID: text(m["id"]), Email: text(m["email"]), Inactive: text(m["isActive"]) == "false", MyFiles: text(m["myUploadsDivisionId"]),
		Unlimited: text(m["isPersonalContentTotalUnlimited"]) == "true",
	}
	for name, to := range map[string]*int64{
		"personalContentIndividualFileSizeLimit": &a.FileLimit, "personalContentTotalFileSizeLimit": &a.TotalLimit, "personalContentFileSizeUsed": &a.Used,
	} {
		var n lenientInt
		_ = n.UnmarshalJSON(m[name]) // it fails on nothing
		var told bool
		if *to, told = n.get(); !told {
			*to = -1
		}
		a.HasQuota = a.HasQuota || told
	}
	a.HasQuota = a.HasQuota || a.Unlimited
	return a
}

// v3One reads one thing of v3 by its id.
func (c *Client) v3One(ctx context.Context, op, what, path, id, query string, decode func(map[string]json.RawMessage)) error {
	if err := c.needV3(op); err != nil {
		return err
	}
	seg, err := segment(op, what, id)
	if err != nil {
		return err
	}
	return c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.v3URL + path + seg + ".json" + query, decode: func(b []byte) error {
		_, m, err := v3Object(op, b)
		if err != nil {
			return err
		}
		if m == nil {
			return errors.New("it is about nothing")
		}
		decode(m)
		return nil
	}})
}

// v3List walks a list of v3, all pages, each thing once. An empty page ends it.
// Source: v3 get_users; that the count is that of all pages is response.count.
func v3List[T any](ctx context.Context, c *Client, op, path string, q url.Values, decode func(map[string]json.RawMessage) T, id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := c.needV3(op); err != nil {
			yield(none, err)
			return
		}
		seen, seed := map[uint64]struct{}{}, maphash.MakeSeed()
		for offset := 0; ; {
			if offset > 0 {
				q.Set("offset", strconv.Itoa(offset))
			}
			var count lenientInt
			var items []json.RawMessage
			err := c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.v3URL + path + "?" + q.Encode(), decode: func(b []byte) error {
				_, m, err := v3Object(op, b)
				if err != nil {
					return err
				}
				count, items = lenientInt{}, nil
				if err := count.UnmarshalJSON(m["count"]); err != nil {
					return err
				}
				if json.Unmarshal(m["items"], &items) != nil && !count.isZero() {
					return errors.New("it has no items")
				}
				return nil
			}})
			if err != nil {
				yield(none, err)
				return
			}
			fresh := false
			for _, raw := range items {
				it := decode(object(raw))
				key := maphash.String(seed, id(it))
				if _, old := seen[key]; old || id(it) == "" {
					continue
				}
				seen[key], fresh = struct{}{}, true
				if !yield(it, nil) {
					return
				}
			}
			offset += len(items)
			if total, known := count.get(); !fresh || known && int64(offset) >= total {
				return
			}
		}
	}
}
