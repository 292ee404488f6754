package showpad

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"strings"
)

const (
	// pageSize is the most that a v4 list gives at once. Source: v4 getAssets.
	pageSize = 1000
	// MaxBatch is how many ids go into one filter. Source: ASSUME.
	MaxBatch = 100
	// maxBatchQuery is the encoded size of one filter in bytes.
	maxBatchQuery = 6 << 10
)

// Batches cuts ids into filters that fit a URL: at most [MaxBatch] ids and 6 KB of
// query each, in order. An id that is longer by itself is a batch of its own.
func Batches(ids []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		start, size := 0, 0
		for i, id := range ids {
			n := len(url.QueryEscape(id)) + len("%2C")
			if i > start && (i-start == MaxBatch || size+n > maxBatchQuery) {
				if !yield(ids[start:i:i]) {
					return
				}
				start, size = i, 0
			}
			size += n
		}
		if start < len(ids) {
			yield(ids[start:len(ids):len(ids)])
		}
	}
}

// filter collects the query of a list; the first mistake is kept.
type filter struct {
	url.Values
	op      string
	err     error
	counted func(int64) // told how many rows there are, after each page; nil: nobody
}

func newFilter(op string) *filter { return &filter{Values: url.Values{}, op: op} }

// any sets a comma-joined parameter; no values leave it out.
// Source: v4 getAssets (style=form, explode=false).
func (f *filter) any(name string, values []string) {
	for _, v := range values {
		if (v == "" || strings.Contains(v, ",")) && f.err == nil {
			f.err = badRequest(f.op, "%s: %q cannot be looked up (empty, or with a comma)", name, clean(v))
		}
	}
	if len(values) > 0 {
		f.Set(name, strings.Join(values, ","))
	}
}

func (f *filter) text(name, value string) {
	if value != "" {
		f.Set(name, value)
	}
}

// page is what v4 lists answer.
type page struct {
	Count lenientInt        `json:"count"`
	Items []json.RawMessage `json:"items"`
}

// list walks all pages of a v4 list, giving each id once: rows move while others are
// added and removed. It ends with the first error.
// Source: v4 getAssets, v4 postAssetsQuery.
func list[T any](ctx context.Context, c *Client, path string, f *filter, id func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if f.err != nil {
			yield(zero, f.err)
			return
		}
		query := url.Values{"limit": {strconv.Itoa(pageSize)}}
		maps.Copy(query, f.Values)
		seen, seed := map[uint64]struct{}{}, maphash.MakeSeed() // 8 bytes a row, for lists of a whole tenant
		for offset := 0; ; {
			if offset > 0 {
				query.Set("offset", strconv.Itoa(offset))
			}
			var p page
			var items []T
			err := c.do(ctx, &request{op: f.op, kind: KindRead, method: "GET", url: c.apiURL + path + "?" + query.Encode(), decode: func(b []byte) (err error) {
				p, items, err = decodePage[T](b)
				return err
			}})
			if err != nil {
				yield(zero, err)
				return
			}
			if total, known := p.Count.get(); known && f.counted != nil {
				f.counted(total)
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
			}
			offset += len(p.Items)
			total, known := p.Count.get()
			if len(p.Items) == 0 || known && int64(offset) >= total || !known && !fresh {
				return
			}
		}
	}
}

func decodePage[T any](b []byte) (p page, items []T, err error) {
	if !isObject(b) {
		return p, nil, errors.New("a list is expected")
	}
	if m, ok := cut(b); ok {
		_ = p.Count.UnmarshalJSON(m["count"]) // absent: not known; it never fails
		p.Items, ok = cutList(m["items"])
		if !ok {
			p.Items = nil
		}
	} else if err := lenient(json.Unmarshal(b, &p)); err != nil {
		return p, nil, err
	}
	if p.Items == nil && !p.Count.isZero() {
		return p, nil, errors.New("it has no items")
	}
	items = make([]T, len(p.Items))
	for i, raw := range p.Items {
		if err := lenient(decodeValid(raw, &items[i])); err != nil {
			return p, nil, err
		}
	}
	return p, items, nil
}

// cut is members of what need not be valid.
func cut(b []byte) (map[string]json.RawMessage, bool) {
	if !valid(b) {
		return nil, false
	}
	return members(b, 4)
}

// one decodes a JSON object into v, which may keep it; anything else is an answer
// that cannot be read.
func one(v any) func([]byte) error {
	return func(b []byte) error {
		if !isObject(b) {
			return errors.New("an object is expected")
		}
		if !valid(b) {
			return json.Unmarshal(b, v) // which says where
		}
		if a, ok := v.(*Asset); ok {
			return lenient(a.readOwn(b))
		}
		return lenient(decodeValid(b, v))
	}
}

// decodeValid decodes what is known to be valid JSON. What decodes itself is asked
// directly: encoding/json would go through it twice more.
func decodeValid(b []byte, v any) error {
	if u, ok := v.(json.Unmarshaler); ok {
		return u.UnmarshalJSON(b)
	}
	return json.Unmarshal(b, v)
}

// isObject looks at the first character; whether the rest is JSON shows when it is decoded.
func isObject(b []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) }

// lenient forgives a member of another type than expected: encoding/json leaves it
// zero and decodes the rest.
func lenient(err error) error {
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

// lenientInt is a whole number that may come as text, with a fraction of zero, or
// not at all.
type lenientInt struct{ n *int64 }

func (i *lenientInt) UnmarshalJSON(b []byte) error {
	i.n = nil
	s := string(b)
	if len(b) == 0 || b[0] < '0' || b[0] > '9' {
		s = text(b)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		i.n = &n
	} else if f, err := strconv.ParseFloat(s, 64); err == nil && f == float64(int64(f)) {
		i.n = new(int64(f))
	}
	return nil
}

func (i lenientInt) get() (int64, bool) {
	if i.n == nil {
		return 0, false
	}
	return *i.n, true
}

func (i lenientInt) isZero() bool { n, ok := i.get(); return ok && n == 0 }

// segment checks and escapes an id for a path.
func segment(op, what, id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", badRequest(op, "%s id %q is not one", what, id)
	}
	return url.PathEscape(id), nil
}
