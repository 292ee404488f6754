package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// exportChunk is how many rows of an export a call by hand asks for at once, which is
// what it holds in memory. Source: ASSUME; 100,000 are allowed.
const exportChunk = 20_000

// ErrNoList: the answer to a call that was to be paged is no list.
var ErrNoList = errors.New("the answer is no list")

// unpaged are the lists of v4 that come whole and take no paging. Source: v4
// getLanguages, getCountries.
var unpaged = []string{"/languages", "/countries"}

// Pages gives the items of a list that is called by hand, all pages, each once: lists of
// v4 and v3 and exports by offset, POST /assets/query by its cursor. The call's own limit
// is the size of a page; an offset or a cursor of its own is refused. What is no list is
// [ErrNoList]. The walk ends with the first error.
func (c *Client) Pages(ctx context.Context, r RawCall) iter.Seq2[json.RawMessage, error] {
	path, v3 := rawPath(pathOnly(r.Path))
	op := r.Method + " " + clean(path)
	switch {
	case r.Method == "GET":
		return c.pagesOf(ctx, op, r, path, v3)
	case r.Kind() == KindRead:
		q, err := queryOf(op, r.Body)
		if err == nil {
			return c.QueryDocuments(ctx, q)
		}
		return failed(err)
	}
	return failed(badRequest(op, "only lists (GET) and POST /assets/query have pages"))
}

func failed(err error) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) { yield(nil, err) }
}

// queryOf reads the body of a query that is to be walked through.
func queryOf(op string, body []byte) (q AssetQuery, err error) {
	m := object(body)
	if m == nil {
		return q, badRequest(op, `the body must be an object such as {"query": "archivedAt IS EMPTY"}`)
	}
	for name := range m {
		if name != "query" && name != "limit" {
			return q, badRequest(op, "%q cannot be given for all pages", clean(name))
		}
	}
	if json.Unmarshal(m["query"], &q.ShowQL) != nil {
		return q, badRequest(op, "query must be a text")
	}
	return q, nil
}

func (c *Client) pagesOf(ctx context.Context, op string, r RawCall, path string, v3 bool) iter.Seq2[json.RawMessage, error] {
	target, err := url.Parse(r.Path)
	if err != nil {
		return failed(badRequest(op, "the path cannot be read"))
	}
	query := target.Query()
	size := pageSize
	switch {
	case query.Has("offset"):
		return failed(badRequest(op, "an offset cannot be given for all pages"))
	case query.Has("limit"):
		if size, err = strconv.Atoi(query.Get("limit")); err != nil || size < 1 {
			return failed(badRequest(op, "the limit of all pages must be a number from 1 on"))
		}
	case v3 && strings.HasPrefix(path, "/exports/"):
		size = exportChunk
	}
	whole := !v3 && slices.Contains(unpaged, path)
	return func(yield func(json.RawMessage, error) bool) {
		seen, seed := map[uint64]struct{}{}, maphash.MakeSeed() // 8 bytes a row
		for offset := 0; ; {
			if !whole {
				query.Set("limit", strconv.Itoa(size))
				if offset > 0 {
					query.Set("offset", strconv.Itoa(offset))
				}
			}
			target.RawQuery = query.Encode()
			r.Path = target.String()
			a, err := c.Call(ctx, r)
			var p page
			if err == nil {
				p, err = listIn(op, a.Body, v3)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			fresh := false
			for _, it := range p.Items {
				key := maphash.Bytes(seed, []byte(documentID(it)))
				if _, old := seen[key]; old {
					continue
				}
				seen[key], fresh = struct{}{}, true
				if !yield(it, nil) {
					return
				}
			}
			// An offset past the end has been seen to repeat rows.
			offset += len(p.Items)
			if total, known := p.Count.get(); whole || !fresh || known && int64(offset) >= total {
				return
			}
		}
	}
}

// listIn finds the list in an answer. Source: v4 getAssets; v3 lists.
func listIn(op string, body []byte, v3 bool) (p page, err error) {
	if v3 {
		var env struct {
			Response page `json:"response"`
		}
		err = json.Unmarshal(body, &env)
		p = env.Response
	} else {
		err = json.Unmarshal(body, &p)
	}
	if lenient(err) != nil || p.Items == nil {
		return p, fmt.Errorf("%s: %w", op, ErrNoList)
	}
	return p, nil
}
