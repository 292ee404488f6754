package emulator

import (
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// shortLinkDays is how long a public link to an asset's bytes works, in days.
// Source: ASSUME (v3 get_assets_id tells some days).
const shortLinkDays = 1

// downloadPrefix is where the links that take the token point, on the API's host:
// /download/{assetId}. Source: ASSUME.
const downloadPrefix = "/download/"

// getV3Asset is GET /assets/{id}.json: of all its members those that v4 lacks
// and some to go with them. Source: v3 get_assets_id.
func getV3Asset(s *Server, c *call) answer {
	p, no := c.query(false, []string{"suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	a := s.assetByID(c.params["id"])
	for _, f := range s.st.personal {
		if f.ID != c.params["id"] || !f.there(s.now(), &s.sw) {
			continue
		}
		if f.Owner != c.caller.user.ID { // an administrator may only put something there. Source: page Asset Management
			return v3Answer(http.StatusForbidden, http.StatusForbidden, "ForbiddenError", "you may not read what is in another user's My Files")
		}
		return s.v3OK(p.fields(s.wirePersonal(f)))
	}
	if a == nil {
		return v3Answer(http.StatusNotFound, 3004, "ResourceNotFoundError", "there is no asset "+c.params["id"])
	}
	all := map[string]any{
		"id": a.ID, "resourcetype": "Asset", "name": a.Name, "originalName": a.Name, "slug": a.Slug,
		"description": a.Description, "externalId": a.ExternalID, "url": a.URL,
		"filetype": typeOf(a.Name), "extension": strings.TrimPrefix(path.Ext(a.Name), "."),
		"division":  map[string]any{"id": a.Division, "href": prefixes["v3"] + "/divisions/" + a.Division + ".json"},
		"createdAt": v3Stamp(&a.Created), "updatedAt": v3Stamp(&a.Updated), "uploadedAt": v3Stamp(&a.LastUploaded),
		"archivedAt": v3Stamp(a.ArchivedAt), "expiresAt": v3Stamp(a.Expires), "releasedAt": v3Stamp(a.Released), "draftedAt": v3Stamp(a.Drafted),
		"isAnnotatable": a.Annotatable, "isEditable": a.Editable, "isShareable": a.Shareable, "isSensitive": a.Sensitive,
		"isDivisionShared": a.DivShared, "isDownloadable": s.downloadable(a), "useOptimized": a.Processed,
		"onlyShareEntireDocument": a.Entire, "isPersonal": false, "isMarketing": true,
		"fileSize": nil, "md5Checksum": nil, "downloadLink": nil, "shortLivedDownloadLink": nil, "shortLivedDownloadDuration": nil,
	}
	if a.CurrentFile != "" {
		all["fileSize"], all["md5Checksum"] = a.Size, s.sw.Checksum.of(a.Checksum)
		if s.downloadable(a) {
			all["downloadLink"] = c.scheme + "://" + c.host + downloadPrefix + a.ID
			if !s.sw.NoShortLinks {
				all["shortLivedDownloadLink"], all["shortLivedDownloadDuration"] = s.shortLink(c, a), shortLinkDays
			}
		}
	}
	return s.v3OK(p.fields(all))
}

func (s *Server) downloadable(a *asset) bool { return !matches(s.sw.NotDownloadable, a.Name) }

// shortLink is a signed link to the bytes of the current version.
func (s *Server) shortLink(c *call, a *asset) string {
	return s.presign(c, http.MethodGet, storagePrefix+a.ID+"/"+a.CurrentFile, shortLinkDays*24*time.Hour, []string{"host"}, http.Header{})
}

// getBytes is the GET of a short-lived link: storage, which refuses a token.
func (s *Server) getBytes(c *call) answer {
	if no := s.checkSigned(c); no != nil {
		return *no
	}
	_, fileID, _ := strings.Cut(strings.TrimPrefix(c.url.Path, storagePrefix), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.st.byFile[fileID]
	if a == nil {
		return s3Answer(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	return s.bytesOf(a.Files[a.version(fileID)])
}

// getOwnBytes is the GET of a link that takes the token: what the asset has now.
func (s *Server) getOwnBytes(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.authorise(c.header) == nil {
		return v3Answer(http.StatusUnauthorized, http.StatusUnauthorized, "UnauthorizedError", "the token is missing, invalid or expired")
	}
	a := s.assetByID(strings.TrimPrefix(c.url.Path, downloadPrefix))
	if a == nil || a.CurrentFile == "" || !s.downloadable(a) {
		return v3Answer(http.StatusNotFound, 3004, "ResourceNotFoundError", "there is nothing to download")
	}
	return s.bytesOf(a.Files[a.version(a.CurrentFile)])
}

// bytesOf answers with the bytes of a version, where they are kept.
func (s *Server) bytesOf(f *file) answer {
	if f.Uploaded.IsZero() || !s.blobs.has(f.ID) {
		return s3Answer(http.StatusNotFound, "NoSuchKey", "The specified key does not exist: this emulator keeps no bytes (migrate sandbox keeps them with --dir).")
	}
	a := answer{status: http.StatusOK, ctype: "application/octet-stream", size: f.Size}
	a.open = func() (io.ReadCloser, error) { return s.blobs.open(f.ID) }
	a.set("ETag", strconv.Quote(f.MD5))
	return a
}

// presign makes a URL of storage that works for a while. Source: S3 presigning.
func (s *Server) presign(c *call, method, path string, life time.Duration, signed []string, headers http.Header) string {
	base := s.opts.BaseURL
	if base == "" {
		base = c.scheme + "://" + c.host
	}
	u, err := url.Parse(base)
	if err != nil {
		panic("emulator: a base URL that New has accepted: " + err.Error())
	}
	q := url.Values{
		"X-Amz-Algorithm":     {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":    {"EMULATED/20260101/eu-west-1/s3/aws4_request"},
		"X-Amz-Date":          {s.now().UTC().Format(amzTime)},
		"X-Amz-Expires":       {strconv.Itoa(int(life / time.Second))},
		"X-Amz-SignedHeaders": {strings.Join(signed, ";")},
	}
	q.Set("X-Amz-Signature", s.sign(method, path, q, u.Host, headers))
	return strings.TrimRight(base, "/") + path + "?" + q.Encode()
}
