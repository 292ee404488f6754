package emulator

import (
	"encoding/base64"
	"net/http"
	"path"
	"strings"
)

// Source of the operations in this file: v4 getAssetFiles, postAssetFiles,
// getAssetFileById.

// contentType is what the service suggests for a name. It is a table of our
// own: the system's would differ from machine to machine.
func contentType(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if t, ok := contentTypes[ext]; ok {
		return t
	}
	return "application/octet-stream"
}

var contentTypes = map[string]string{
	".pdf": "application/pdf", ".txt": "text/plain", ".csv": "text/csv", ".rtf": "application/rtf",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".odt":  "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".odp": "application/vnd.oasis.opendocument.presentation",
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".bmp": "image/bmp",
	".tif": "image/tiff", ".tiff": "image/tiff", ".heic": "image/heic", ".webp": "image/webp", ".svg": "image/svg+xml",
	".mp4": "video/mp4", ".mov": "video/quicktime", ".m4v": "video/x-m4v", ".avi": "video/x-msvideo", ".webm": "video/webm",
	".mp3": "audio/mpeg", ".wav": "audio/wav", ".m4a": "audio/mp4", ".aac": "audio/aac",
	".zip": "application/zip", ".json": "application/json", ".html": "text/html",
}

func postAssetFiles(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	o, refused := c.jsonBody(true)
	if refused != nil {
		return *refused
	}
	a, no := s.writable(c)
	if a == nil {
		return no
	}
	name, sum := o.text("name", false), o.text("contentMD5", false)
	if name.set && strings.TrimSpace(name.v) == "" {
		o.fail("name", catInvalid, "must not be empty")
	}
	if sum.set {
		if b, err := base64.StdEncoding.DecodeString(sum.v); err != nil || len(b) != 16 {
			o.fail("contentMD5", catInvalid, "must be the Base64 of 16 bytes")
		}
	}
	o.done()
	if a.isLink() {
		o.fail("asset", catInvalid, "a URL asset has no bytes")
	}
	if len(*o.bad) > 0 {
		return badRequest(*o.bad...)
	}
	if !c.commit() {
		return answer{}
	}
	now := s.now()
	f := &file{Created: now, MD5Asked: sum.v}
	f.ID, f.Seq = s.newID("file")
	if name.set {
		f.Name = &name.v
	}
	a.Files = append(a.Files, f)
	s.st.byFile[f.ID] = a
	if name.set && name.v != a.Name && !s.sw.IgnoreFileName {
		s.renamed("postAssetFiles", a, name.v)
		a.Name = name.v
	}
	a.Updated = now
	s.log(record{Asset: a})
	w := f.wire(now)
	meta := s.uploadMeta(c, a, f)
	w.UploadMeta = &meta
	return jsonAnswer(http.StatusCreated, w)
}

func getAssetFiles(s *Server, c *call) answer {
	p, no := c.query(true, nil, nil)
	if no != nil {
		return *no
	}
	a, missing := s.asset(c)
	if a == nil {
		return missing
	}
	out := list[wireFile]{Count: len(a.Files), Items: []wireFile{}}
	for _, f := range page(a.Files, p) {
		out.Items = append(out.Items, f.wire(s.now()))
	}
	return jsonAnswer(http.StatusOK, out)
}

func getAssetFileByID(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	a, missing := s.asset(c)
	if a == nil {
		return missing
	}
	i := a.version(c.params["fileId"])
	if i < 0 {
		return notFound("file", c.params["fileId"])
	}
	return jsonAnswer(http.StatusOK, a.Files[i].wire(s.now()))
}
