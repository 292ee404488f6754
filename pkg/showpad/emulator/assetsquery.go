package emulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// Limits of the query. Source: v4 postAssetsQuery.
const (
	queryText    = 20_000 // characters
	queryDefault = 20
	queryMax     = 100
	queryOffsets = 99_999
	queryReach   = 10_000 // results that offsets reach
)

// catParse is the category of a query that cannot be read. Source: v4 postAssetsQuery.
const catParse = "ParseError"

// queryAnswer is a page of a query.
type queryAnswer struct {
	Count int         `json:"count"`
	Items []wireAsset `json:"items"`
	Next  *string     `json:"next"` // null on the last page
}

// queryCursor is where a walk stands: after an asset.
type queryCursor struct {
	Query string `json:"q"` // digest
	After string `json:"a"` // id of the last asset given
	Place int    `json:"p"` // how many were given before, for when that one is gone
	Seq   uint64 `json:"s"` // of the tenant when the cursor was made
}

func (q queryCursor) text() string {
	b, err := json.Marshal(q)
	if err != nil {
		panic("emulator: a cursor that is no JSON: " + err.Error()) // our own type only
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(text string) (c queryCursor, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return c, err == nil && json.Unmarshal(b, &c) == nil
}

// postAssetsQuery answers ShowQL. Archived assets are among the results. Source: v4
// postAssetsQuery; what a dead cursor answers is ASSUME.
func postAssetsQuery(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, no := c.jsonBody(false)
	if no != nil {
		return *no
	}
	o.require("query")
	text, cursor := o.textBetween("query", false, 0, queryText), o.text("cursor", false)
	offset, limit := o.integer("offset"), o.integer("limit")
	o.done()
	if !limit.set {
		limit.v = queryDefault
	}
	if limit.v < 0 || limit.v > queryMax {
		o.fail("limit", catInvalid, "must be between 0 and %d", queryMax)
	}
	if offset.v < 0 || offset.v > queryOffsets {
		o.fail("offset", catInvalid, "must be between 0 and %d", queryOffsets)
	}
	if cursor.set && offset.set {
		o.fail("cursor", catInvalid, "must not be combined with offset")
	}
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	if offset.v+limit.v > queryReach {
		return badRequest(finding{"offset", fmt.Sprintf("reaches %d results at most; go on with the cursor", queryReach), catInvalid})
	}
	q, wrong := parseShowQL(text.v)
	if wrong != nil {
		return problemAnswer(http.StatusBadRequest, "The ShowQL query is invalid", finding{"query", wrong.Error(), catParse})
	}
	found := s.selectByQuery(q)
	sum := sha256.Sum256([]byte(text.v))
	digest := hex.EncodeToString(sum[:8])
	start := min(offset.v, len(found))
	if cursor.set {
		at, ok := s.resume(cursor.v, digest, found)
		if !ok {
			return badRequest(finding{"cursor", "is not valid, or not any more", catInvalid})
		}
		start = at
	}
	end := min(start+limit.v, len(found))
	out, now := queryAnswer{Count: len(found), Items: []wireAsset{}}, s.now()
	for _, a := range found[start:end] {
		out.Items = append(out.Items, s.wire(a, now))
	}
	if end < len(found) && end > 0 {
		out.Next = new(queryCursor{digest, found[end-1].ID, end, s.st.seq}.text())
	}
	return jsonAnswer(http.StatusOK, out)
}

// resume finds where a cursor goes on; false when it is not of this query, or dead.
func (s *Server) resume(text, digest string, found []*asset) (at int, ok bool) {
	c, ok := readCursor(text)
	if !ok || c.Query != digest || c.Place < 0 {
		return 0, false
	}
	if life := s.sw.CursorLife; life > 0 && s.st.seq > c.Seq+uint64(life) {
		return 0, false
	}
	if i := slices.IndexFunc(found, func(a *asset) bool { return a.ID == c.After }); i >= 0 {
		return i + 1, true
	}
	return min(max(c.Place-1, 0), len(found)), true
}

// selectByQuery is what a query finds, in its order; by creation where it has none.
func (s *Server) selectByQuery(q showql) []*asset {
	now := s.now()
	var found []*asset
	for _, a := range s.st.order {
		if a.Deleted != nil || now.Before(a.Listed) || s.division(a.Division) == nil {
			continue
		}
		a.settle(now, &s.sw)
		if q.keep(a, now) {
			found = append(found, a)
		}
	}
	if q.order != nil {
		slices.SortStableFunc(found, func(a, b *asset) int { return cmp.Or(q.order(a, b), cmp.Compare(a.Seq, b.Seq)) })
	}
	return found
}
