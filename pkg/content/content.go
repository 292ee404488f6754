// Package content tells what a file is by its bytes: its type, whether a web
// page came in its place, whether it opens with a password only. It reads a
// little of a file, whatever its size, and opens nothing itself.
package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

const (
	// HeadSize is how many bytes [Sniff] looks at. What detectors look for in
	// ZIP containers may stand two thousand bytes after the start.
	HeadSize = 3072
	// MaxRead bounds what [Inspect] reads of one file, in bytes.
	MaxRead = 1 << 20
)

// Finding is what the bytes of a file tell.
type Finding struct {
	// MIME is the type without parameters, "application/octet-stream" where
	// nothing is known, "" for an empty file.
	MIME string
	// WebPage says that the bytes are HTML and the name promises something
	// else: "deck.pptx" that holds the login page of a portal. A name without
	// an extension, or with one that HTML may stand under, promises nothing.
	WebPage bool
	// Protected says that the file opens with a password only, or with rights
	// that somebody has to grant. [Sniff] never sets it.
	Protected bool
}

// Sniff tells what it can from the first bytes of a file; more than HeadSize of
// them are not looked at. The name is the file's, with or without its folders.
func Sniff(head []byte, name string) Finding {
	if len(head) == 0 {
		return Finding{}
	}
	head = head[:min(len(head), HeadSize)]
	f := Finding{MIME: detect(head)}
	f.WebPage = isHTML(f.MIME) && Promises(name) && !savedByOffice(head, name) && (!textual[strings.ToLower(path.Ext(name))] || isDocument(head))
	return f
}

// isDocument reports whether HTML is a whole page, not only a text that begins
// with a tag.
func isDocument(head []byte) bool {
	text := bytes.ToLower(narrow(head))
	return bytes.Contains(text, []byte("<html")) || bytes.Contains(text, []byte("<!doctype html"))
}

// Promises reports whether a file of this name cannot be a web page, so that
// [Finding.WebPage] can be true.
func Promises(name string) bool { return promised[strings.ToLower(path.Ext(name))] }

// Inspect tells what a file of size bytes is, by at most MaxRead of them: its
// head, and for PDF, ZIP and Office files what says whether they are encrypted.
// A damaged file is no error: what it seems to be is told. Errors are those of
// r, io.ErrUnexpectedEOF if r holds fewer than size bytes.
func Inspect(r io.ReaderAt, size int64, name string) (Finding, error) {
	in := &input{r: r, size: max(size, 0), left: MaxRead}
	head := in.read(0, HeadSize)
	f := Sniff(head, name)
	switch {
	case bytes.HasPrefix(head, oleMagic):
		inspectOLE(in, &f)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		inspectZIP(in, &f)
	case f.MIME == "application/pdf":
		f.Protected = protectedPDF(in, head)
	}
	return f, in.err
}

// detect is the type of the bytes, without parameters.
func detect(head []byte) string {
	t, _, err := mime.ParseMediaType(mimetype.Detect(narrow(head)).String())
	if err != nil {
		return "application/octet-stream"
	}
	return t
}

// narrow makes UTF-16 text readable for detectors that know ASCII only, by
// leaving out every other byte; other bytes are returned as they are.
func narrow(head []byte) []byte {
	var low int
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		low = 0
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		low = 1
	default:
		return head
	}
	text := make([]byte, 0, len(head)/2)
	for i := 2; i+1 < len(head); i += 2 {
		if head[i+1-low] != 0 || head[i+low] == 0 {
			return head // not plain text
		}
		text = append(text, head[i+low])
	}
	return text
}

// isHTML reports whether a type is that of a web page.
func isHTML(mime string) bool { return mime == "text/html" || mime == "application/xhtml+xml" }

// promised are the extensions that no HTML stands under.
var promised = extensions(`
	pdf doc docx docm dot dotx xls xlsx xlsm xlsb xlt xltx ppt pptx pptm pps ppsx pot potx
	odt ods odp odg rtf key pages numbers vsd vsdx pub epub ps ai indd idml psd eps
	png jpg jpeg gif bmp tif tiff webp heic heif avif ico
	mp4 m4v mov avi wmv mkv webm mpg mpeg flv 3gp 3g2 ogv mp3 m4a wav aac ogg oga flac wma aiff
	zip rar 7z gz tgz tar bz2 xz jar ibooks
	csv tsv json ttf otf woff woff2 glb gltf usdz obj stl dwg dxf`)

// textual are those of them that are text, and may begin with a tag.
var textual = extensions("csv tsv json rtf ps eps ai obj stl gltf dxf")

func extensions(list string) map[string]bool {
	set := map[string]bool{}
	for e := range strings.FieldsSeq(list) {
		set["."+e] = true
	}
	return set
}

// savedByOffice reports whether HTML under the name of an old Office file is
// one that Office itself or an export wrote: Office opens these.
func savedByOffice(head []byte, name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".doc", ".dot", ".xls", ".xlt", ".ppt", ".pps", ".pot":
		return bytes.Contains(narrow(head), []byte("urn:schemas-microsoft-com:office:"))
	}
	return false
}

// input reads parts of a file, within a bound. After the first error, and when
// the bound is reached, reads give nothing.
type input struct {
	r    io.ReaderAt
	size int64
	left int64 // bytes that may still be read
	err  error
}

// read returns n bytes at off: fewer where the file ends, nil where it cannot
// be read or too much was.
func (in *input) read(off, n int64) []byte {
	n = min(n, in.size-off)
	if in.err != nil || off < 0 || n <= 0 || n > in.left {
		return nil
	}
	in.left -= n
	b := make([]byte, n)
	got, err := in.r.ReadAt(b, off)
	if int64(got) == n {
		return b
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("read %d bytes at %d: %w", n, off, io.ErrUnexpectedEOF)
	}
	in.err = err
	return nil
}
