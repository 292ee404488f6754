package showpad

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Listing is a list of v4 by its path and its filters, for commands by hand: they
// show documents as they came, with members that this package does not know.
type Listing struct {
	Path string              // below the base, such as "/divisions"
	Any  map[string][]string // filters of several values; without values it is none
	Text map[string]string   // filters of one value; "" is none
	Max  int                 // rows to give; 0 is all

	// Counted is told how many rows the service says there are, whatever Max; nil:
	// nobody. It is not called when the service does not say.
	Counted func(total int)
}

// List gives the documents of a list, all pages, each id once, in the order of the
// service. A filter of more values than fit a URL is cut into several lists; only one
// of the filters may be that long. The walk ends with the first error.
func (c *Client) List(ctx context.Context, l Listing) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		given, total := 0, 0
		for _, q := range l.filters() {
			if l.Max > 0 {
				q.Set("limit", strconv.Itoa(min(l.Max-given, pageSize)))
			}
			before, last := total, -1
			q.counted = func(n int64) {
				if total, last = before+int(n), int(n); l.Counted != nil {
					l.Counted(total)
				}
			}
			for doc, err := range list(ctx, c, l.Path, q, documentID) {
				if !yield(doc, err) || err != nil {
					return
				}
				if given++; given == l.Max {
					return
				}
			}
			if last < 0 {
				l.Counted = nil // not of all parts
			}
		}
	}
}

// Count is the number of rows of a list, by one request for none of them (one for
// each part of a long filter); known is false when the service does not tell it.
func (c *Client) Count(ctx context.Context, l Listing) (n int, known bool, err error) {
	known = true
	for _, q := range l.filters() {
		if q.err != nil {
			return 0, false, q.err
		}
		q.Set("limit", "0")
		var p page
		if err := c.do(ctx, &request{op: q.op, kind: KindRead, method: "GET", url: c.apiURL + l.Path + "?" + q.Encode(), decode: one(&p)}); err != nil {
			return 0, false, err
		}
		total, told := p.Count.get()
		n, known = n+int(total), known && told
	}
	return n, known, nil
}

// filters are the queries of a list, the longest filter cut into batches.
func (l Listing) filters() []*filter {
	long := ""
	for name, values := range l.Any {
		if len(values) > len(l.Any[long]) {
			long = name
		}
	}
	parts := slices.Collect(Batches(l.Any[long]))
	if len(parts) == 0 {
		parts = [][]string{nil}
	}
	all := make([]*filter, len(parts))
	for i, part := range parts {
		q := newFilter("GET " + l.Path)
		for name, values := range l.Any {
			if name == long {
				values = part
			}
			q.any(name, values)
		}
		for name, value := range l.Text {
			q.text(name, value)
		}
		all[i] = q
	}
	return all
}

// Document reads one object by its path; the parts are escaped: Document(ctx,
// "divisions", id). [ErrNotFound] when there is none that this account may see.
func (c *Client) Document(ctx context.Context, path ...string) (json.RawMessage, error) {
	full, err := pathOf(path...)
	if err != nil {
		return nil, err
	}
	a, err := c.Call(ctx, RawCall{Method: "GET", Path: full})
	return a.Body, err
}

// pathOf joins the parts of a path, each escaped.
func pathOf(parts ...string) (string, error) {
	var b strings.Builder
	for _, p := range parts {
		seg, err := segment("path", strings.Join(parts[:1], ""), p)
		if err != nil {
			return "", err
		}
		b.WriteString("/" + seg)
	}
	return b.String(), nil
}

// documentID tells documents apart: by their id, or by all of them where they have none.
func documentID(doc json.RawMessage) string {
	if m, ok := members(doc, 24); ok {
		if id := word(m["id"]); id != "" {
			return id
		}
	}
	return string(doc)
}
