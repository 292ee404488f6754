package showpad

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// exportPage is the most that an export gives at once. Source: v3 get_exports_assets.
const exportPage = 100_000

// ExportedAsset is a row of the export of assets. Times are zero where there is none.
// Source: v3 get_exports_assets.
type ExportedAsset struct {
	ID         string
	DivisionID string
	Name       string // with its extension
	Status     string // as [Asset].Status
	Source     string // "personal" for an upload of a user's own; "shared" (in samples "marketing") else
	Type       string
	ExternalID string // "" when null
	Slug       string
	Size       int64 // of the uploaded file, in bytes; -1 when it is not told

	CreatedAt, UpdatedAt time.Time
	ArchivedAt           time.Time // since when it is archived
	DeletedAt            time.Time // since when it is gone: deleted assets stay in the export
}

// ExportAssets lists every asset of the tenant, 100,000 a request, each once: archived,
// personal and deleted ones too, which the caller tells by Source, ArchivedAt and
// DeletedAt. It is a report: it may be behind by an unknown time, so what it does not
// show may exist. The walk ends with the first error. A page is held in memory and none
// of the gate while it is given out; of the pages before, 8 bytes a row. It needs the scope
// read_division_management.
//
// API: v3 get_exports_assets
func (c *Client) ExportAssets(ctx context.Context) iter.Seq2[ExportedAsset, error] {
	return export(ctx, c, exportAssets, exportAssetsPath, func(a *ExportedAsset) string { return a.ID }, exportedAsset)
}

const (
	exportAssets     = "v3 get_exports_assets"
	exportAssetsPath = "/exports/assets.json"
)

func exportedAsset(row *exportedRow, share func(string) string) ExportedAsset {
	size, known := row.OriginalFileSize.get()
	if !known {
		size = -1
	}
	return ExportedAsset{
		ID: row.AssetID, DivisionID: share(row.DivisionID), Name: row.DisplayName, Status: share(row.Status), Source: share(row.Source),
		Type: share(row.Type), ExternalID: row.ExternalID, Slug: row.Slug, Size: size,
		CreatedAt: row.CreatedAt.Time, UpdatedAt: row.UpdatedAt.Time, ArchivedAt: row.ArchivedAt.Time, DeletedAt: row.DeletedAt.Time,
	}
}

// exportedRow has the names of the columns.
type exportedRow struct {
	AssetID          string     `json:"assetId"`
	DivisionID       string     `json:"divisionId"`
	DisplayName      string     `json:"displayName"`
	Status           string     `json:"status"`
	Source           string     `json:"source"`
	Type             string     `json:"type"`
	ExternalID       string     `json:"externalId"`
	Slug             string     `json:"slug"`
	OriginalFileSize lenientInt `json:"originalFileSize"`
	CreatedAt        Time       `json:"createdAt"`
	UpdatedAt        Time       `json:"updatedAt"`
	ArchivedAt       Time       `json:"archivedAt"`
	DeletedAt        Time       `json:"deletedAt"`
}

// export walks an export page by page. make turns a row as it is spelt into one as it
// is given out; share gives the text that an equal one before it had.
func export[W, R any](ctx context.Context, c *Client, op, path string, id func(*R) string, make func(row *W, share func(string) string) R) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		if err := c.needV3(op); err != nil {
			yield(none, err)
			return
		}
		seen, seed := map[uint64]struct{}{}, maphash.MakeSeed()
		for offset := 0; ; {
			var p exportedPage[W, R]
			q := &request{op: op, kind: KindRead, method: "GET", url: c.v3URL + path + "?limit=" + strconv.Itoa(exportPage)}
			if offset > 0 {
				q.url += "&offset=" + strconv.Itoa(offset)
			}
			q.stream = func(r io.Reader) error {
				p = exportedPage[W, R]{make: make}
				return p.read(op, r)
			}
			if err := c.do(ctx, q); err != nil {
				yield(none, err)
				return
			}
			fresh := false
			for i := range p.rows {
				name := id(&p.rows[i])
				key := maphash.String(seed, name)
				if _, old := seen[key]; old || name == "" {
					continue
				}
				seen[key], fresh = struct{}{}, true
				if !yield(p.rows[i], nil) {
					return
				}
			}
			// An offset past the end has been seen to repeat rows.
			offset += len(p.rows)
			if total, known := p.count.get(); !fresh || known && int64(offset) >= total {
				return
			}
		}
	}
}

// exportedPage is one answer of an export, decoded as it arrives.
type exportedPage[W, R any] struct {
	make  func(*W, func(string) string) R
	give  func(R) error // of each row, instead of rows; its error ends the reading
	count lenientInt
	rows  []R
}

func (p *exportedPage[W, R]) read(op string, r io.Reader) error {
	dec := json.NewDecoder(r)
	var meta v3Meta
	var refusal map[string]json.RawMessage
	listed := false
	err := eachMember(dec, func(name string) error {
		switch name {
		case "meta":
			return lenient(dec.Decode(&meta))
		case "response":
			return eachMember(dec, func(name string) error {
				switch name {
				case "count":
					return dec.Decode(&p.count)
				case "items":
					listed = true
					return p.items(dec)
				}
				var other json.RawMessage
				if err := dec.Decode(&other); err != nil {
					return err
				}
				if refusal == nil {
					refusal = map[string]json.RawMessage{}
				}
				refusal[name] = other
				return nil
			})
		}
		var other json.RawMessage
		return dec.Decode(&other)
	})
	if err != nil {
		return err
	}
	if status := meta.refused(); status != 0 { // 200 outside, an error inside
		body, err := json.Marshal(map[string]any{"response": refusal})
		if err != nil {
			return err
		}
		return failure(op, status, http.Header{}, body)
	}
	if !listed && !p.count.isZero() {
		return errors.New("it has no items")
	}
	// What follows the document is read too: a body that is cut off shows there.
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the document")
	}
	return nil
}

// items reads the rows; null is none.
func (p *exportedPage[W, R]) items(dec *json.Decoder) error {
	switch open, err := dec.Token(); {
	case err != nil:
		return err
	case open == nil:
		return nil
	case open != json.Delim('['):
		return fmt.Errorf("its items are %v, not a list", open)
	}
	if total, known := p.count.get(); known && p.give == nil { // not twice the page while it grows
		p.rows = slices.Grow(p.rows, int(min(max(total, 0), exportPage)))
	}
	shared := map[string]string{} // what many rows have
	share := func(s string) string {
		if one, ok := shared[s]; ok {
			return one
		}
		if len(shared) < 1000 {
			shared[s] = s
		}
		return s
	}
	for dec.More() {
		var row W
		if err := lenient(dec.Decode(&row)); err != nil {
			return err
		}
		if p.give == nil {
			p.rows = append(p.rows, p.make(&row, share))
		} else if err := p.give(p.make(&row, share)); err != nil {
			return err
		}
	}
	_, err := dec.Token() // the closing bracket
	return err
}

// eachMember calls f at the value of each member of an object, which f reads.
func eachMember(dec *json.Decoder, f func(name string) error) error {
	switch open, err := dec.Token(); {
	case err != nil:
		return err
	case open == nil:
		return nil
	case open != json.Delim('{'):
		return errors.New("an object is expected")
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := name.(string)
		if !ok {
			return errors.New("a name is expected")
		}
		if err := f(key); err != nil {
			return err
		}
	}
	_, err := dec.Token() // the closing brace
	return err
}
