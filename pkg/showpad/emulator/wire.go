package emulator

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"
)

// The answers, in the specification's names. Source: v4.

type wireRef struct {
	ID string `json:"id"`
}

type wireCode struct {
	Code string `json:"code"`
}

type wirePermissions struct {
	IsAnnotatable bool `json:"isAnnotatable"`
	IsEditable    bool `json:"isEditable"`
	IsShareable   bool `json:"isShareable"`
}

type wireAsset struct {
	ID                            string          `json:"id"`
	CurrentFile                   *wireRef        `json:"currentFile"`
	Name                          string          `json:"name"`
	Division                      wireRef         `json:"division"`
	Status                        string          `json:"status"`
	Type                          string          `json:"type"`
	Slug                          string          `json:"slug"`
	ExternalID                    *string         `json:"externalId"`
	Description                   *string         `json:"description"`
	CreatedAt                     stamp           `json:"createdAt"`
	UpdatedAt                     stamp           `json:"updatedAt"`
	ExpiresAt                     *instant        `json:"expiresAt"`
	ReleasedAt                    *instant        `json:"releasedAt"`
	DraftedAt                     *instant        `json:"draftedAt"`
	LastUploadedAt                *stamp          `json:"lastUploadedAt"`
	Permissions                   wirePermissions `json:"permissions"`
	IsProcessedUsed               bool            `json:"isProcessedUsed"`
	IsSpeakerNotesEnabled         bool            `json:"isSpeakerNotesEnabled"`
	IsDivisionShared              bool            `json:"isDivisionShared"`
	IsSensitive                   bool            `json:"isSensitive"`
	IsArchived                    bool            `json:"isArchived"`
	IsRenderExternalAllowed       bool            `json:"isRenderExternalAllowed"`
	IsOnlyEntireDocumentShareable bool            `json:"isOnlyEntireDocumentShareable"`
	LockedPages                   []pageRange     `json:"lockedPages"`
	EnforcedPages                 *enforcedPages  `json:"enforcedPages"`
	Duration                      *int            `json:"duration"`
	PageCount                     *int            `json:"pageCount"`
	WordCount                     *int64          `json:"wordCount"`
	Competencies                  []string        `json:"competencies"`
	URL                           *string         `json:"url"`
	Checksum                      *string         `json:"checksum"`
	Size                          *int64          `json:"size"`
	Tags                          []wireRef       `json:"tags"`
	Countries                     []wireCode      `json:"countries"`
	Languages                     []wireCode      `json:"languages"`
	Authors                       []wireRef       `json:"authors"`
	DownloadableExternal          []string        `json:"downloadableExternal"`
	DownloadableInternal          []string        `json:"downloadableInternal"`
	Localization                  *localization   `json:"localization"`
}

// stamp is a time of the service's own, with milliseconds; instant is a time
// that a caller gave. The service's samples have both forms.
type (
	stamp   time.Time
	instant time.Time
)

func (t stamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

func (t instant) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, time.RFC3339Nano), nil
}

func refs(ids []string) []wireRef {
	out := make([]wireRef, len(ids))
	for i, id := range ids {
		out[i].ID = id
	}
	return out
}

func codes(list []string) []wireCode {
	out := make([]wireCode, len(list))
	for i, code := range list {
		out[i].Code = code
	}
	return out
}

// some is a slice that is never null in JSON.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// wire is the answer that an asset makes now. It settles the asset.
func (s *Server) wire(a *asset, now time.Time) wireAsset {
	a.settle(now, &s.sw)
	w := wireAsset{
		ID: a.ID, Name: a.Name, Division: wireRef{a.Division}, Status: a.status(now), Type: typeOf(a.Name), Slug: a.Slug,
		ExternalID: a.ExternalID, Description: a.Description,
		CreatedAt: stamp(a.Created), UpdatedAt: stamp(a.Updated),
		ExpiresAt: (*instant)(a.Expires), ReleasedAt: (*instant)(a.Released), DraftedAt: (*instant)(a.Drafted),
		Permissions:     wirePermissions{a.Annotatable, a.Editable, a.Shareable},
		IsProcessedUsed: a.Processed, IsSpeakerNotesEnabled: a.Notes, IsDivisionShared: a.DivShared,
		IsSensitive: a.Sensitive, IsArchived: a.Archived, IsRenderExternalAllowed: a.External,
		IsOnlyEntireDocumentShareable: a.Entire, LockedPages: some(a.Locked), EnforcedPages: a.Enforced,
		PageCount: a.PageCount, Competencies: []string{}, URL: a.URL,
		Tags: refs(a.Tags), Countries: codes(a.Countries), Languages: codes(a.Languages), Authors: refs(a.Authors),
		DownloadableExternal: some(a.DownExternal), DownloadableInternal: some(a.DownInternal), Localization: s.localization(a),
	}
	if !a.LastUploaded.IsZero() {
		w.LastUploadedAt = new(stamp(a.LastUploaded))
	}
	if a.CurrentFile != "" {
		w.CurrentFile = &wireRef{a.CurrentFile}
		w.Checksum = s.sw.Checksum.of(a.Checksum)
		w.Size = new(a.Size)
	}
	return w
}

// of writes a hex MD5 in the form; nil is null.
func (form ChecksumForm) of(sum string) *string {
	switch form {
	case ChecksumUpperHex:
		return new(strings.ToUpper(sum))
	case ChecksumBase64:
		b, err := hex.DecodeString(sum)
		if err != nil {
			return nil
		}
		text := base64.StdEncoding.EncodeToString(b)
		return &text
	case ChecksumNone:
		return nil
	}
	return &sum
}

type wireFile struct {
	ID         string          `json:"id"`
	Name       *string         `json:"name"`
	Status     string          `json:"status"`
	Error      *string         `json:"error"`
	UploadMeta *wireUploadMeta `json:"uploadMeta,omitempty"`
	CreatedAt  stamp           `json:"createdAt"`
	UpdatedAt  stamp           `json:"updatedAt"`
}

type wireUploadMeta struct {
	UploadURL            *string           `json:"uploadUrl"`
	SuggestedContentType string            `json:"suggestedContentType"`
	Metadata             map[string]string `json:"metadata"`
}

func (f *file) wire(now time.Time) wireFile {
	w := wireFile{ID: f.ID, Name: f.Name, Status: f.status(now), CreatedAt: stamp(f.Created), UpdatedAt: stamp(f.Created)}
	if !f.Uploaded.IsZero() {
		w.UpdatedAt = stamp(f.Uploaded)
	}
	if f.Settled {
		w.UpdatedAt = stamp(f.ActiveAt)
		if f.Fails != "" {
			w.Error = &f.Fails
		}
	}
	return w
}

type wireTag struct {
	ID               string    `json:"id"`
	Division         wireRef   `json:"division"`
	Name             string    `json:"name"`
	TagCategories    []wireRef `json:"tagCategories"`
	IsDivisionShared bool      `json:"isDivisionShared"`
	CreatedAt        stamp     `json:"createdAt"`
	UpdatedAt        stamp     `json:"updatedAt"`
}

func (s *Server) wireTag(t *tag) wireTag {
	return wireTag{
		ID: t.ID, Division: wireRef{t.Division}, Name: t.Name, TagCategories: refs(t.Categories),
		IsDivisionShared: s.division(t.Division).TagsShared, CreatedAt: stamp(t.Created), UpdatedAt: stamp(t.Updated),
	}
}

type wireDivision struct {
	ID                    string `json:"id"`
	Name                  string `json:"name"`
	IsAssetSharingEnabled bool   `json:"isAssetSharingEnabled"`
	CreatedAt             stamp  `json:"createdAt"`
	UpdatedAt             stamp  `json:"updatedAt"`
}

type wireUser struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	CreatedAt stamp  `json:"createdAt"`
	UpdatedAt stamp  `json:"updatedAt"`
}

// localization links language variants of an asset.
type localization struct {
	Primary  localPrimary   `json:"primary"`
	Variants []localVariant `json:"variants"`
}

type localPrimary struct {
	Asset wireRef `json:"asset"`
}

type localVariant struct {
	Asset  localAsset `json:"asset"`
	Status string     `json:"status"`
}

type localAsset struct {
	ID        string     `json:"id"`
	Languages []wireCode `json:"languages"`
	Countries []wireCode `json:"countries"`
	Authors   []wireRef  `json:"authors"`
}
