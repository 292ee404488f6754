package showpad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// exportPages bounds a walk whose end nothing tells: pages of 100,000 rows.
const exportPages = 1000

// errEnough ends the reading of a page of which no more is wanted.
var errEnough = errors.New("no more is wanted")

// StreamAssets is [Client.ExportAssets] for who wants no page held: rows are given
// out while they arrive, inside the request, so the caller must be quick. A row may
// come more than once: where a page broke off and was asked for again, and where it
// has moved to another page meanwhile. asked is told of each page before it is asked
// for; nil: nobody. The walk fails when fewer rows came than the service says there are.
func (c *Client) StreamAssets(ctx context.Context, asked func()) iter.Seq2[ExportedAsset, error] {
	return func(yield func(ExportedAsset, error) bool) {
		if err := c.needV3(exportAssets); err != nil {
			yield(ExportedAsset{}, err)
			return
		}
		given, firsts := 0, map[string]bool{}
		for page := 0; ; page++ {
			q := &request{op: exportAssets, kind: KindRead, method: "GET", url: c.v3URL + exportAssetsPath + "?limit=" + strconv.Itoa(exportPage)}
			if given > 0 {
				q.url += "&offset=" + strconv.Itoa(given)
			}
			if asked != nil {
				asked()
			}
			var count lenientInt
			rows, first, again, stopped := 0, "", false, false
			q.stream = func(r io.Reader) error {
				rows = 0
				p := exportedPage[exportedRow, ExportedAsset]{make: exportedAsset}
				p.give = func(a ExportedAsset) error {
					if rows++; rows == 1 { // an offset past the end has been seen to repeat rows
						first, again = a.ID, firsts[a.ID]
					}
					if again || a.ID == "" {
						return nil
					}
					if stopped = !yield(a, nil); stopped {
						return errEnough
					}
					return nil
				}
				err := p.read(exportAssets, r)
				if count = p.count; errors.Is(err, errEnough) {
					return nil
				}
				return err
			}
			err := c.do(ctx, q)
			if stopped {
				return
			}
			total, known := count.get()
			if !again {
				given, firsts[first] = given+rows, true
			}
			over := rows == 0 || again || page == exportPages
			switch {
			case err != nil:
			case known && int64(given) >= total, !known && over:
				return
			case over:
				err = newWireError(exportAssets, true, fmt.Errorf("it gave %d rows of %d", given, total))
			default:
				continue
			}
			yield(ExportedAsset{}, err)
			return
		}
	}
}
