package showpad

import (
	"context"
	"errors"
	"iter"
)

// CreateAsset makes an asset without bytes. It is not repeated once it may have
// been carried out: the error then wraps [ErrUnknownOutcome] and the caller looks
// the asset up first. Name and Division are required by the service.
//
// API: v4 postAssets
func (c *Client) CreateAsset(ctx context.Context, f AssetFields) (a Asset, err error) {
	err = c.do(ctx, &request{op: "postAssets", kind: KindCreate, method: "POST", url: c.apiURL + "/assets", body: f, decode: func(b []byte) error {
		if err := one(&a)(b); err != nil {
			return err
		}
		if a.ID == "" {
			return errors.New("it has no id")
		}
		return nil
	}})
	if err != nil {
		return Asset{}, err
	}
	return a, nil
}

// Asset reads one asset; [ErrNotFound] when there is none that this account may see.
//
// API: v4 getAsset
func (c *Client) Asset(ctx context.Context, id string) (Asset, error) {
	return c.asset(ctx, "getAsset", KindRead, "GET", id, nil)
}

// Assets lists what f selects, all pages, each asset once; the order is the
// service's. An empty filter lists everything. Lists of ids must fit one URL: see
// [Batches]. The walk ends with the first error.
//
// API: v4 getAssets
func (c *Client) Assets(ctx context.Context, f AssetFilter) iter.Seq2[Asset, error] {
	return list(ctx, c, "/assets", f.query(), func(a Asset) string { return a.ID })
}

func (f AssetFilter) query() *filter {
	q := newFilter("getAssets")
	q.any("ids", f.IDs)
	q.any("externalIds", f.ExternalIDs)
	q.any("divisionIds", f.DivisionIDs)
	q.any("tagIds", f.TagIDs)
	q.any("slugs", f.Slugs)
	q.text("name", f.Name)
	return q
}

// CountAssets is the number of assets that [Client.Assets] would list, by one
// request for none of them; known is false when the service does not tell it.
func (c *Client) CountAssets(ctx context.Context, f AssetFilter) (n int, known bool, err error) {
	q := f.query()
	if q.err != nil {
		return 0, false, q.err
	}
	q.Set("limit", "0")
	var p page
	err = c.do(ctx, &request{op: "getAssets", kind: KindRead, method: "GET", url: c.apiURL + "/assets?" + q.Encode(), decode: one(&p)})
	if err != nil {
		return 0, false, err
	}
	total, known := p.Count.get()
	return int(total), known, nil
}

// UpdateAsset sets the members that f names and leaves the others; arrays are
// replaced whole. The Division of an asset cannot change. Repeats are harmless: the
// values are absolute.
//
// API: v4 updateAsset
func (c *Client) UpdateAsset(ctx context.Context, id string, f AssetFields) (Asset, error) {
	if f.Division.Set {
		return Asset{}, badRequest("updateAsset", "the Division of an asset cannot change (delete it and create it anew)")
	}
	return c.asset(ctx, "updateAsset", KindChange, "POST", id, f)
}

// DeleteAsset removes an asset for good, with all its versions. One that is gone
// already is [ErrNotFound], which also means that this account may not see it; when
// an earlier attempt of the same call may have removed it, it is success.
//
// API: v4 deleteAsset
func (c *Client) DeleteAsset(ctx context.Context, id string) error {
	seg, err := segment("deleteAsset", "asset", id)
	if err != nil {
		return err
	}
	return c.do(ctx, &request{op: "deleteAsset", kind: KindChange, method: "DELETE", url: c.apiURL + "/assets/" + seg, gone: true})
}

func (c *Client) asset(ctx context.Context, op string, kind Kind, method, id string, body any) (a Asset, err error) {
	seg, err := segment(op, "asset", id)
	if err != nil {
		return Asset{}, err
	}
	err = c.do(ctx, &request{op: op, kind: kind, method: method, url: c.apiURL + "/assets/" + seg, body: body, decode: one(&a)})
	if err != nil {
		return Asset{}, err
	}
	if a.ID == "" { // every member may be absent; this one is known
		a.ID = id
	}
	return a, nil
}
