package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/http"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// Limits of a query. Source: v4 postAssetsQuery.
const (
	// MaxQuery is how long the text of a query may be, in characters.
	MaxQuery = 20_000
	// queryPage is the most that a page of a query has.
	queryPage = 100
	// queryReach is how many results offsets lead to; beyond them only a cursor does.
	queryReach = 10_000
	// queryAgain is how often a walk begins anew because its cursor died.
	queryAgain = 3
)

// AssetQuery selects assets by ShowQL, Showpad's language for it.
type AssetQuery struct {
	ShowQL string // sent as it is: archived and personal assets are among the results unless it excludes them
	Max    int    // assets to give; 0 is all

	// Counted is told how many results the service says there are, with each page;
	// nil: nobody.
	Counted func(total int)
}

// QueryError is a query that the service cannot read.
type QueryError struct {
	Query string
	At    int // the character where it stops making sense, from 1; 0: not told
	Err   error
}

// Error is the service's own text.
func (e *QueryError) Error() string { return e.Err.Error() }

// Unwrap returns the service's error.
func (e *QueryError) Unwrap() error { return e.Err }

// QueryAssets gives the assets that a query finds, 100 a request, each once, in the
// query's order. It follows the cursor of the answers; where there is none it counts
// offsets, up to 10,000 results. A cursor that dies because much changed begins the
// walk anew, without what was given already; what is given then may be out of order.
// New assets may be missing for a while: a query never tells that something does not
// exist. A query that cannot be read is a [*QueryError]. The walk ends with the first
// error.
//
// API: v4 postAssetsQuery
func (c *Client) QueryAssets(ctx context.Context, q AssetQuery) iter.Seq2[Asset, error] {
	return query(ctx, c, q, func(a Asset) string { return a.ID })
}

// QueryDocuments is [Client.QueryAssets] with the assets as they came.
func (c *Client) QueryDocuments(ctx context.Context, q AssetQuery) iter.Seq2[json.RawMessage, error] {
	return query(ctx, c, q, documentID)
}

// queryBody is one page of a query. Its paging stands in the body, not in the URL.
type queryBody struct {
	Query  string `json:"query"`
	Cursor string `json:"cursor,omitempty"`
	Offset int    `json:"offset,omitempty"`
	Limit  int    `json:"limit"`
}

func query[T any](ctx context.Context, c *Client, q AssetQuery, id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if n := utf8.RuneCountInString(q.ShowQL); n > MaxQuery {
			yield(zero, badRequest("postAssetsQuery", "the query has %d characters, and %d are the most", n, MaxQuery))
			return
		}
		seen, seed := map[uint64]struct{}{}, maphash.MakeSeed() // 8 bytes a row
		given, begun, stale := 0, 0, 0
		for body := (queryBody{Query: q.ShowQL}); ; {
			body.Limit = queryPage
			if q.Max > 0 && begun == 0 {
				body.Limit = min(q.Max-given, queryPage)
			}
			p, items, err := queryOnce[T](ctx, c, body)
			switch {
			case err != nil && body.Cursor != "" && refusedCursor(err) && begun < queryAgain:
				begun++
				body = queryBody{Query: q.ShowQL}
				continue
			case err != nil:
				yield(zero, wrongQuery(q.ShowQL, err))
				return
			}
			total, known := p.Count.get()
			if known && q.Counted != nil {
				q.Counted(int(total))
			}
			fresh := false
			for _, it := range items {
				name := id(it)
				key := maphash.String(seed, name)
				if _, old := seen[key]; old || name == "" {
					continue
				}
				seen[key], fresh = struct{}{}, true
				if !yield(it, nil) {
					return
				}
				if given++; given == q.Max {
					return
				}
			}
			if fresh {
				stale = 0
			} else if stale++; stale > len(seen)+10 {
				yield(zero, newWireError("postAssetsQuery", true, errors.New("its cursors lead nowhere")))
				return
			}
			switch next := text(p.Next); {
			case next != "":
				body.Cursor, body.Offset = next, 0
				continue
			case body.Cursor != "":
				return
			}
			if body.Offset += len(p.Items); len(p.Items) == 0 || known && int64(body.Offset) >= total || !known && (p.Next != nil || !fresh) {
				return
			}
			if body.Offset+queryPage > queryReach {
				yield(zero, newWireError("postAssetsQuery", true, fmt.Errorf("there are more than %d results, and the service gives no cursor to go on with (narrow the query)", queryReach)))
				return
			}
		}
	}
}

// queryAnswer is a page of a query.
type queryAnswer struct {
	page
	Next json.RawMessage `json:"next"`
}

func queryOnce[T any](ctx context.Context, c *Client, body queryBody) (p queryAnswer, items []T, err error) {
	q := &request{op: "postAssetsQuery", kind: KindRead, method: "POST", url: c.apiURL + "/assets/query", body: body, decode: func(b []byte) (err error) {
		p = queryAnswer{}
		if p.page, items, err = decodePage[T](b); err != nil {
			return err
		}
		var rest struct {
			Next json.RawMessage `json:"next"`
		}
		err = one(&rest)(b)
		p.Next = rest.Next
		return err
	}}
	return p, items, c.do(ctx, q)
}

// refusedCursor tells a cursor that died. What the service says then is not documented:
// any 400 to what it read a moment before. Source: ASSUME.
func refusedCursor(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusBadRequest && !e.foreign
}

// queryPlace finds the position in the words of the service; that it counts
// characters from 1 is ASSUME. Source: v4 postAssetsQuery.
var queryPlace = regexp.MustCompile(`(?i)\b(?:character|position|column)\s+(\d+)`)

// wrongQuery makes a [*QueryError] of an answer that says that the query cannot be read.
func wrongQuery(showql string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != http.StatusBadRequest {
		return err
	}
	for _, f := range e.Fields {
		if f.Category != "ParseError" && f.Name != "query" {
			continue
		}
		wrong := &QueryError{Query: showql, Err: err}
		if m := queryPlace.FindStringSubmatch(f.Reason); m != nil {
			wrong.At, _ = strconv.Atoi(m[1]) // too large a number is none
		}
		return wrong
	}
	return err
}
