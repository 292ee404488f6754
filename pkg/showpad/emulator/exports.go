package emulator

import (
	"math"
	"time"
)

// Page sizes of the v3 exports. Source: v3 get_exports_assets; the default is ASSUME.
const (
	defaultExport = 1000
	maxExport     = 100_000
)

// wireExportedAsset is a row of the export. Source: v3 get_exports_assets.
type wireExportedAsset struct {
	AssetID           string   `json:"assetId"`
	DivisionID        string   `json:"divisionId"`
	DisplayName       string   `json:"displayName"`
	Status            string   `json:"status"`
	Slug              string   `json:"slug"`
	Source            string   `json:"source"`
	Description       *string  `json:"description"`
	Type              string   `json:"type"`
	IsSensitive       bool     `json:"isSensitive"`
	IsShareable       bool     `json:"isShareable"`
	IsDownloadable    bool     `json:"isDownloadable"`
	IsDivisionShared  bool     `json:"isDivisionShared"`
	IsAnnotatable     bool     `json:"isAnnotatable"`
	ExpiresAt         *instant `json:"expiresAt"`
	ReleasedAt        *instant `json:"releasedAt"`
	DraftedAt         *instant `json:"draftedAt"`
	DeletedAt         *stamp   `json:"deletedAt"`
	UploadedAt        *stamp   `json:"uploadedAt"`
	ArchivedAt        *stamp   `json:"archivedAt"`
	CreatedAt         stamp    `json:"createdAt"`
	UpdatedAt         stamp    `json:"updatedAt"`
	ExternalID        *string  `json:"externalId"`
	CommentsCount     int      `json:"commentsCount"`
	LikesCount        int      `json:"likesCount"`
	OptimizedFileSize *int64   `json:"optimizedFileSize"`
	OriginalFileSize  *int64   `json:"originalFileSize"`
	OriginalAssetID   *string  `json:"originalAssetId"`
}

// getExportAssets is GET /exports/assets.json, by creation: archived and deleted
// assets are in it, new ones and deletions come late. Source: v3 get_exports_assets.
func getExportAssets(s *Server, c *call) answer {
	p, no := c.query(false, []string{"limit", "offset"}, nil)
	if no != nil {
		return v3BadQuery(no)
	}
	limit, offset, bad := p.v3Paging(1, maxExport, defaultExport)
	if bad != nil {
		return *bad
	}
	if s.sw.ExportRows > 0 {
		limit = min(limit, s.sw.ExportRows)
	}
	s.freezeExports()
	if rows := s.frozen; rows != nil {
		first := min(offset, len(rows))
		return s.v3OK(list[wireExportedAsset]{len(rows), some(rows[first:min(first+limit, len(rows))])})
	}
	count, items := s.exportRows(limit, offset)
	return s.v3OK(list[wireExportedAsset]{count, items})
}

// freezeExports keeps the export as it is while a switch says so.
func (s *Server) freezeExports() {
	switch {
	case !s.sw.FrozenExports:
		s.frozen = nil
	case s.frozen == nil:
		_, s.frozen = s.exportRows(math.MaxInt, 0)
	}
}

func (s *Server) exportRows(limit, offset int) (count int, items []wireExportedAsset) {
	now, items := s.now(), []wireExportedAsset{}
	for _, a := range s.st.order {
		if now.Before(a.exported(s.opts.ExportLag)) || s.division(a.Division) == nil {
			continue
		}
		if count++; count > offset && len(items) < limit {
			items = append(items, s.exportRow(a, now))
		}
	}
	for _, f := range s.st.personal {
		if !f.there(now, &s.sw) || now.Before(f.Created.Add(s.opts.ExportLag)) {
			continue
		}
		if count++; count > offset && len(items) < limit {
			items = append(items, wireExportedAsset{
				AssetID: f.ID, DivisionID: f.Division, DisplayName: f.Name, Status: "active", Slug: uuid(f.ID), Source: "personal", Type: typeOf(f.FileName),
				Description: &f.Description, CreatedAt: stamp(f.Created), UpdatedAt: stamp(f.Created), OriginalFileSize: &f.Size, OptimizedFileSize: &f.Size,
			})
		}
	}
	return count, items
}

// exported is from when on an asset is in exports: as in lists, or after a lag of
// their own.
func (a *asset) exported(lag time.Duration) time.Time {
	if lag > 0 {
		return a.Created.Add(lag)
	}
	return a.Listed
}

func (s *Server) exportRow(a *asset, now time.Time) wireExportedAsset {
	a.settle(now, &s.sw)
	row := wireExportedAsset{
		AssetID: a.ID, DivisionID: a.Division, DisplayName: a.Name, Status: a.status(now), Slug: a.Slug, Source: "shared",
		Description: a.Description, Type: typeOf(a.Name), IsSensitive: a.Sensitive, IsShareable: a.Shareable,
		IsDownloadable: s.downloadable(a), IsDivisionShared: a.DivShared, IsAnnotatable: a.Annotatable,
		ExpiresAt: (*instant)(a.Expires), ReleasedAt: (*instant)(a.Released), DraftedAt: (*instant)(a.Drafted),
		ArchivedAt: (*stamp)(a.ArchivedAt), CreatedAt: stamp(a.Created), UpdatedAt: stamp(a.Updated), ExternalID: a.ExternalID,
	}
	if d := a.Deleted; d != nil && !now.Before(d.Add(a.exported(s.opts.ExportLag).Sub(a.Created))) {
		row.DeletedAt = (*stamp)(d)
	}
	if !a.LastUploaded.IsZero() {
		row.UploadedAt = new(stamp(a.LastUploaded))
	}
	if a.CurrentFile != "" {
		row.OriginalFileSize, row.OptimizedFileSize = new(a.Size), new(a.Size)
	}
	return row
}
