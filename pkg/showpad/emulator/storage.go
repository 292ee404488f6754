package emulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// storagePrefix is where upload URLs and public links to bytes point:
// /storage/{assetId}/{fileId}.
const storagePrefix = "/storage/"

const amzTime = "20060102T150405Z"

// uploadMeta issues an upload URL for a version. Source: v4 postAssetFiles; S3
// presigning.
func (s *Server) uploadMeta(c *call, a *asset, f *file) wireUploadMeta {
	meta := wireUploadMeta{
		SuggestedContentType: contentType(a.Name),
		// One key in each of the two spellings that clients have to expect.
		Metadata: map[string]string{"asset-id": a.ID, "x-amz-meta-origin": "showpad"},
	}
	headers := http.Header{"Content-Type": {meta.SuggestedContentType}}
	signed := []string{"content-type", "host", "x-amz-meta-asset-id", "x-amz-meta-origin"}
	headers.Set("X-Amz-Meta-Asset-Id", a.ID)
	headers.Set("X-Amz-Meta-Origin", "showpad")
	if f.MD5Asked != "" {
		headers.Set("Content-Md5", f.MD5Asked)
		signed = slices.Insert(signed, 0, "content-md5")
	}
	meta.UploadURL = new(s.presign(c, http.MethodPut, storagePrefix+a.ID+"/"+f.ID, UploadURLLife, signed, headers))
	return meta
}

// sign is the signature over method, path, query and signed headers.
func (s *Server) sign(method, path string, q url.Values, host string, headers http.Header) string {
	mac := hmac.New(sha256.New, s.key)
	fmt.Fprintf(mac, "%s\n%s\n", method, path)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range q {
			if name != "X-Amz-Signature" && !yield(name) {
				return
			}
		}
	}) {
		fmt.Fprintf(mac, "%s=%s\n", name, strings.Join(q[name], ","))
	}
	for name := range strings.SplitSeq(q.Get("X-Amz-SignedHeaders"), ";") {
		value := headers.Get(name)
		if name == "host" {
			value = host
		}
		fmt.Fprintf(mac, "%s:%s\n", name, strings.TrimSpace(value))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// checkSigned is what storage looks at whatever the method. Source: S3.
func (s *Server) checkSigned(c *call) *answer {
	refuse := func(status int, code, message string) *answer {
		return new(s3Answer(status, code, message))
	}
	q := c.url.Query()
	if c.header.Get("Authorization") != "" {
		s.countToken()
		return refuse(http.StatusBadRequest, "InvalidArgument", "Only one auth mechanism allowed")
	}
	if q.Get("X-Amz-Signature") == "" {
		return refuse(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	issued, err := time.Parse(amzTime, q.Get("X-Amz-Date"))
	life, err2 := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || err2 != nil {
		return refuse(http.StatusBadRequest, "AuthorizationQueryParametersError", "X-Amz-Date or X-Amz-Expires cannot be read")
	}
	s.mu.Lock()
	now := s.now()
	s.mu.Unlock()
	// The date in the URL is cut to the second.
	if now.After(issued.Add(time.Duration(life) * time.Second)) {
		return refuse(http.StatusForbidden, "AccessDenied", "Request has expired")
	}
	want := s.sign(c.method, c.url.Path, q, c.host, c.header)
	if !hmac.Equal([]byte(want), []byte(q.Get("X-Amz-Signature"))) {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Signed: "+q.Get("X-Amz-SignedHeaders"))
	}
	signed := strings.Split(q.Get("X-Amz-SignedHeaders"), ";")
	for name := range c.header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(signed, name) {
			return refuse(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed: "+name)
		}
	}
	return nil
}

// checkUpload is what storage looks at before the first byte. Source: S3.
func (s *Server) checkUpload(c *call) (fileID string, no *answer) {
	if no := s.checkSigned(c); no != nil {
		return "", no
	}
	refuse := func(status int, code, message string) (string, *answer) {
		return "", new(s3Answer(status, code, message))
	}
	if c.chunked {
		return refuse(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented: Transfer-Encoding")
	}
	if c.length < 0 {
		return refuse(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if c.length > MaxPut {
		return refuse(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	if sum := c.header.Get("Content-Md5"); sum != "" {
		if b, err := base64.StdEncoding.DecodeString(sum); err != nil || len(b) != md5.Size {
			return refuse(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
	}
	_, fileID, ok := strings.Cut(strings.TrimPrefix(c.url.Path, storagePrefix), "/")
	if !ok {
		return refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	return fileID, nil
}

// errCut ends a body that a fault cuts off.
var errCut = errors.New("cut")

// putBytes is the PUT to an upload URL.
func (s *Server) putBytes(c *call) answer {
	fileID, no := s.checkUpload(c)
	if no != nil {
		c.drain()
		return *no
	}
	blob, err := s.blobs.create(fileID)
	if err != nil {
		return s3Answer(http.StatusInternalServerError, "InternalError", err.Error())
	}
	defer blob.discard() // nothing after a keep
	sum := md5.New()
	n, err := s.receive(c, blob, sum)
	switch {
	case errors.Is(err, errCut):
		return answer{abort: abortReset}
	case errors.Is(err, errWrite):
		return s3Answer(http.StatusInternalServerError, "InternalError", err.Error())
	case err != nil || n < c.length:
		return s3Answer(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	if want := c.header.Get("Content-Md5"); want != "" {
		if b, err := base64.StdEncoding.DecodeString(want); err != nil || hex.EncodeToString(b) != digest {
			return s3Answer(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	if c.late > 0 {
		kept := blob.detach()
		s.schedule(c.late, func(time.Time) {
			defer kept.discard()
			c.isLate = true
			s.commitPut(c, fileID, digest, n, kept)
			s.noteUnanswered(OpPut, c)
		})
		return answer{abort: abortReset}
	}
	if a := s.commitPut(c, fileID, digest, n, blob); a != nil {
		return *a
	}
	a := answer{status: http.StatusOK}
	a.set("ETag", `"`+digest+`"`)
	return a
}

var errWrite = errors.New("the blob cannot be written")

// receive streams the body into the blob and the digest.
func (s *Server) receive(c *call, blob io.Writer, sum hash.Hash) (int64, error) {
	if c.src == nil || c.length == 0 {
		return 0, nil
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	limit := c.length
	if c.stopAfter >= 0 {
		limit = min(limit, c.stopAfter)
	}
	var n int64
	for n < limit {
		if err := c.ctx.Err(); err != nil {
			return n, err
		}
		got, err := c.src.Read((*buf)[:min(int64(len(*buf)), limit-n)])
		sum.Write((*buf)[:got])
		if _, werr := blob.Write((*buf)[:got]); werr != nil {
			return n, fmt.Errorf("%w: %w", errWrite, werr)
		}
		if n += int64(got); err != nil && n < limit {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if c.stopAfter >= 0 {
		return n, errCut
	}
	return n, nil
}

// commitPut makes received bytes the bytes of a version; its processing begins.
// S3 knows nothing of assets: bytes for a deleted one are taken and dropped.
func (s *Server) commitPut(c *call, fileID, digest string, n int64, blob *blob) *answer {
	m, ok := s.before(c, OpPut)
	if !ok {
		return &answer{abort: abortReset}
	}
	no := s.storePut(c, fileID, digest, n, blob)
	c.done = no == nil
	if !m.after() {
		s.noteUnanswered(OpPut, c)
		return &answer{abort: abortLost}
	}
	return no
}

func (s *Server) storePut(c *call, fileID, digest string, n int64, blob *blob) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.Puts++
	a := s.st.byFile[fileID]
	if a == nil {
		return nil
	}
	if err := blob.keep(); err != nil {
		return new(s3Answer(http.StatusInternalServerError, "InternalError", err.Error()))
	}
	now := s.now()
	a.settle(now, &s.sw)
	f := a.Files[a.version(fileID)]
	if !f.Uploaded.IsZero() {
		s.books.RepeatedPuts++
	}
	f.MD5, f.Size, f.Uploaded, f.Settled, f.Fails, f.Stuck = digest, n, now, false, "", false
	f.ActiveAt = now.Add(s.processingTime(a.Name))
	if matches(s.sw.FailProcessing, a.Name) {
		f.Fails = "The file could not be processed"
	}
	if o := c.outcome; o != nil {
		if f.Stuck = o.Kind == KindProcessingStuck && o.Delay == 0; o.Kind == KindProcessingStuck {
			f.ActiveAt = now.Add(time.Duration(o.Delay))
		}
		if o.Kind == KindProcessingFails {
			f.Fails = cmp.Or(o.Code, "The file could not be processed")
		}
	}
	a.LastUploaded, a.Updated = now, now
	s.log(record{Asset: a})
	return s.broken()
}

// processingTime is how long the bytes of an asset take.
func (s *Server) processingTime(name string) time.Duration {
	for _, p := range s.sw.Processing {
		if matches(p.Pattern, name) {
			return time.Duration(p.Time)
		}
	}
	return s.opts.Processing
}

// countToken notes a token that came to storage.
func (s *Server) countToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.TokensAtStorage++
}
