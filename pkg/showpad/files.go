package showpad

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"slices"
)

// RequestUpload makes a new version of an asset and asks for the URL that takes its
// bytes. The URL starts transfers for [UploadURLLife] and cannot be read again, so
// ask when the bytes are ready. A repeat leaves an unused version behind.
//
// API: v4 postAssetFiles
func (c *Client) RequestUpload(ctx context.Context, assetID string, r UploadRequest) (Upload, error) {
	const op = "postAssetFiles"
	seg, err := segment(op, "asset", assetID)
	if err != nil {
		return Upload{}, err
	}
	var body struct {
		Name       string `json:"name,omitempty"`
		ContentMD5 string `json:"contentMD5,omitempty"`
	}
	body.Name = r.Name
	switch len(r.ContentMD5) {
	case 0:
	case md5.Size:
		body.ContentMD5 = base64.StdEncoding.EncodeToString(r.ContentMD5)
	default:
		return Upload{}, badRequest(op, "an MD5 has 16 bytes, not %d", len(r.ContentMD5))
	}
	var answer uploadAnswer
	q := &request{op: op, kind: KindChange, method: "POST", url: c.apiURL + "/assets/" + seg + "/files", body: body, decode: func(b []byte) error {
		answer = uploadAnswer{}
		if err := one(&answer)(b); err != nil {
			return err
		}
		if answer.UploadMeta.UploadURL == "" {
			return errors.New("it has no upload URL")
		}
		return nil
	}}
	if err := c.do(ctx, q); err != nil {
		return Upload{}, err
	}
	m := answer.UploadMeta
	return Upload{
		AssetID: assetID, FileID: answer.ID, URL: Secret(m.UploadURL), ContentType: m.SuggestedContentType,
		Metadata: m.Metadata, ContentMD5: slices.Clone(r.ContentMD5), Issued: q.started,
	}, nil
}

type uploadAnswer struct {
	ID         string `json:"id"`
	UploadMeta struct {
		UploadURL            string            `json:"uploadUrl"`
		SuggestedContentType string            `json:"suggestedContentType"`
		Metadata             map[string]string `json:"metadata"`
	} `json:"uploadMeta"`
}

// UnmarshalJSON reads the answer; what is not as usual is left to encoding/json.
func (a *uploadAnswer) UnmarshalJSON(b []byte) error {
	if m, ok := members(b, 8); ok {
		if meta, ok := members(m["uploadMeta"], 4); ok {
			if named, ok := members(meta["metadata"], 4); ok || len(meta["metadata"]) == 0 {
				a.ID, a.UploadMeta.UploadURL, a.UploadMeta.SuggestedContentType = word(m["id"]), word(meta["uploadUrl"]), word(meta["suggestedContentType"])
				a.UploadMeta.Metadata = make(map[string]string, len(named))
				for name, value := range named {
					a.UploadMeta.Metadata[name] = word(value)
				}
				return nil
			}
		}
	}
	type usual uploadAnswer
	return json.Unmarshal(b, (*usual)(a))
}

// Files lists all versions of an asset.
//
// API: v4 getAssetFiles
func (c *Client) Files(ctx context.Context, assetID string) iter.Seq2[File, error] {
	f := newFilter("getAssetFiles")
	seg, err := segment(f.op, "asset", assetID)
	f.err = err
	return list(ctx, c, "/assets/"+seg+"/files", f, func(f File) string { return f.ID })
}

// File reads one version; its Error says why processing failed.
//
// API: v4 getAssetFileById
func (c *Client) File(ctx context.Context, assetID, fileID string) (f File, err error) {
	const op = "getAssetFileById"
	a, err := segment(op, "asset", assetID)
	if err != nil {
		return File{}, err
	}
	id, err := segment(op, "file", fileID)
	if err != nil {
		return File{}, err
	}
	err = c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.apiURL + "/assets/" + a + "/files/" + id, decode: one(&f)})
	if err != nil {
		return File{}, err
	}
	if f.ID == "" {
		f.ID = fileID
	}
	return f, nil
}
