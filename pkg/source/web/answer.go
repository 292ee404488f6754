package web

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// info is what an answer says of the whole file. Size is source.UnknownSize
// where it does not say that.
func (f *file) info(a *answer) (source.Info, error) {
	i := source.Info{Path: f.name, Size: source.UnknownSize, Version: strings.TrimSpace(a.Header.Get("ETag"))}
	if t, err := http.ParseTime(a.Header.Get("Last-Modified")); err == nil && t.Unix() > 0 {
		i.ModTime = t
	}
	switch a.StatusCode {
	case http.StatusOK:
		i.Size = a.ContentLength // -1 where there is none
		if a.Request.Method == http.MethodHead && a.Header.Get("Content-Length") == "" {
			i.Size = source.UnknownSize
		}
		if i.Size != source.UnknownSize {
			i.MD5 = md5Of(a.Header)
		}
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		if _, total, ok := contentRange(a.Header); ok {
			i.Size = total
		}
	}
	if e := a.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return i, hinted(fmt.Errorf("%w: the server sends it compressed (%s), which was not asked for", source.ErrUnreadable, clip(e)),
			"have the server send it as it is, or copy it into a folder")
	}
	return i, f.fits(i.Size)
}

// fits refuses files that are larger than they may be.
func (f *file) fits(size int64) error {
	if f.cfg.MaxSize > 0 && size > f.cfg.MaxSize {
		return hinted(fmt.Errorf("%w: it has %s, and only %s are taken from the web", source.ErrUnreadable, humanize.IBytes(uint64(size)), humanize.IBytes(uint64(f.cfg.MaxSize))),
			"raise --web-max if that is meant")
	}
	return nil
}

// contentRange reads "bytes 0-9/20" and "bytes */20": where the bytes begin and
// how many the file has; source.UnknownSize for a star. Source: RFC 9110 14.4.
func contentRange(h http.Header) (first, total int64, ok bool) {
	v, ok := strings.CutPrefix(h.Get("Content-Range"), "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, size, ok := strings.Cut(v, "/")
	if !ok {
		return 0, 0, false
	}
	first, total = source.UnknownSize, source.UnknownSize
	if from, _, ok := strings.Cut(span, "-"); ok {
		n, err := strconv.ParseInt(strings.TrimSpace(from), 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		first = n
	}
	if size = strings.TrimSpace(size); size != "*" {
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		total = n
	}
	return first, total, true
}

// md5Of is the MD5 of a whole file where the answer that carries it says so; nil
// where it does not. Source: Content-MD5 of RFC 2616 14.15, which Azure sends for
// whole blobs; x-goog-hash of Google Cloud Storage, which is of the bytes as they
// are stored there: those that are stored compressed are sent unpacked, and
// without a length.
func md5Of(h http.Header) []byte {
	if e := h.Get("X-Goog-Stored-Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil
	}
	values := h.Values("Content-MD5")
	for _, v := range h.Values("X-Goog-Hash") {
		for part := range strings.SplitSeq(v, ",") {
			if sum, ok := strings.CutPrefix(strings.TrimSpace(part), "md5="); ok {
				values = append(values, sum)
			}
		}
	}
	for _, v := range values {
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimSpace(v)); err == nil && len(sum) == 16 {
			return sum
		}
	}
	return nil
}

// isPage reports whether an answer says that it is HTML.
func isPage(a *answer) bool {
	t, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(t)) {
	case "text/html", "application/xhtml+xml":
		return true
	}
	return false
}

// page refuses HTML in place of a file, by the file's first bytes. A name
// without an extension promises a file too: no asset is made of a page.
func (f *file) page(a *answer, head []byte) error {
	name := path.Base(f.url.Path)
	if path.Ext(name) == "" {
		name += ".pdf"
	}
	if !content.Sniff(head, name).WebPage {
		return nil
	}
	if at := a.Request.URL; at.Path == f.url.Path+"/" {
		return hinted(source.ErrNotRegular, "it is a folder, or a page of that name")
	} else if originOf(at) != originOf(f.url) || at.Path != f.url.Path {
		return hinted(fmt.Errorf("%w: the address leads on to %s", source.ErrWebPage, f.where(at)), f.signIn())
	}
	return hinted(source.ErrWebPage, f.signIn())
}

// where is where a redirect led to, without what may be secret.
func (f *file) where(u *url.URL) string {
	if u.Host != f.url.Host {
		return u.Host
	}
	return clip(u.Path)
}

func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}

// validators are what tells one version of a file from another.
type validators struct {
	etag string
	time time.Time
}

func validatorsOf(i source.Info) validators { return validators{i.Version, i.ModTime} }

// differ reports whether two answers are about different versions, or cannot be
// compared.
func (v validators) differ(now validators) bool {
	if v.etag != "" && now.etag != "" {
		return v.etag != now.etag
	}
	return v.time.IsZero() || !v.time.Equal(now.time)
}

func (v validators) none() bool { return v.etag == "" && v.time.IsZero() }
