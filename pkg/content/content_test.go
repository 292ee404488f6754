package content_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/content"
)

const (
	docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	pptx = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
)

// foreign encrypts with a password: what is not the standard handler cannot be
// opened with the empty one.
const foreign = "<< /Filter /Adobe.PubSec /V 4 >>"

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		b    []byte
		want content.Finding
	}{
		"empty":          {"a.pdf", nil, content.Finding{}},
		"text":           {"a.txt", []byte("some text\n"), content.Finding{MIME: "text/plain"}},
		"docx":           {"a.docx", office(t, "word"), content.Finding{MIME: docx}},
		"xlsx":           {"a.xlsx", office(t, "xl"), content.Finding{MIME: xlsx}},
		"pptx":           {"a.pptx", office(t, "ppt"), content.Finding{MIME: pptx}},
		"zip":            {"a.zip", zipOf(t, map[string]string{"a": "1", "b": "2"}), content.Finding{MIME: "application/zip"}},
		"zip, encrypted": {"a.zip", zipOf(t, map[string]string{"a": "1"}, "a"), content.Finding{MIME: "application/zip", Protected: true}},
		"zip, second file encrypted": {
			"a.zip", zipOf(t, map[string]string{"a": "1", "b": "2"}, "b"), content.Finding{MIME: "application/zip", Protected: true},
		},
		"pptx with a password": {
			"a.pptx", oleOf(map[string][]byte{"EncryptionInfo": make([]byte, 300), "EncryptedPackage": make([]byte, 9000)}, 0),
			content.Finding{MIME: "application/x-ole-storage", Protected: true},
		},
		"pptx with a password, directory far behind": {
			"a.pptx", oleOf(map[string][]byte{"EncryptionInfo": make([]byte, 300), "EncryptedPackage": make([]byte, 8<<20)}, 0),
			content.Finding{MIME: "application/x-ole-storage", Protected: true},
		},
		"rights management": {
			"a.doc", oleOf(map[string][]byte{"\tDRMContent": make([]byte, 5000)}, 0), content.Finding{MIME: "application/x-ole-storage", Protected: true},
		},
		"doc":                   {"a.doc", oleOf(map[string][]byte{"WordDocument": wordDocument(0xf2ff &^ 0x100)}, 0), content.Finding{MIME: "application/msword"}},
		"doc with a password":   {"a.doc", oleOf(map[string][]byte{"WordDocument": wordDocument(0x0100)}, 0), content.Finding{MIME: "application/msword", Protected: true}},
		"doc, obfuscated":       {"a.doc", oleOf(map[string][]byte{"WordDocument": wordDocument(0x8100)}, 0), content.Finding{MIME: "application/msword", Protected: true}},
		"xls":                   {"a.xls", oleOf(map[string][]byte{"Workbook": workbook(0xe1, 0xc1, 0x2f)}, 0), content.Finding{MIME: "application/vnd.ms-excel"}},
		"xls with a password":   {"a.xls", oleOf(map[string][]byte{"Workbook": workbook(0x2f)}, 0), content.Finding{MIME: "application/vnd.ms-excel", Protected: true}},
		"xls, write reserved":   {"a.xls", oleOf(map[string][]byte{"Workbook": workbook(0x86, 0x2f)}, 0), content.Finding{MIME: "application/vnd.ms-excel", Protected: true}},
		"xls of Excel 5":        {"a.xls", oleOf(map[string][]byte{"Book": workbook(0x2f)}, 0), content.Finding{MIME: "application/vnd.ms-excel", Protected: true}},
		"ppt":                   {"a.ppt", ppt(0xe391c05f, 0), content.Finding{MIME: "application/vnd.ms-powerpoint"}},
		"ppt with a password":   {"a.ppt", ppt(0xf3d1c4df, 0), content.Finding{MIME: "application/vnd.ms-powerpoint", Protected: true}},
		"ppt, table in a chain": {"a.ppt", ppt(0xf3d1c4df, 110*128), content.Finding{MIME: "application/vnd.ms-powerpoint", Protected: true}},
		"pdf":                   {"a.pdf", pdfOf("", false, 0), content.Finding{MIME: "application/pdf"}},
		"pdf, stream":           {"a.pdf", pdfOf("", true, 0), content.Finding{MIME: "application/pdf"}},
		"pdf, encrypted":        {"a.pdf", pdfOf(foreign, false, 0), content.Finding{MIME: "application/pdf", Protected: true}},
		"pdf, encrypted, stream": {
			"a.pdf", pdfOf(foreign, true, 3<<20), content.Finding{MIME: "application/pdf", Protected: true},
		},
		"pdf, encrypted, trailer at the front": {
			"a.pdf", linearised(foreign), content.Finding{MIME: "application/pdf", Protected: true},
		},
		"pdf after other bytes": {
			"a.pdf", append([]byte("HTTP/1.1 200 OK\r\n\r\n"), pdfOf(foreign, false, 0)...), content.Finding{MIME: "application/pdf", Protected: true},
		},
		"pdf whose metadata may be read": { // not the key /Encrypt
			"a.pdf", bytes.Replace(pdfOf("", false, 0), []byte("/Root"), []byte("/EncryptMetadata false /Root"), 1), content.Finding{MIME: "application/pdf"},
		},
		"pdf that speaks of encryption": {
			"a.pdf", bytes.Replace(pdfOf("", false, 30), []byte("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), []byte("trailer << /Encrypt 4 0 R >>  "), 1), content.Finding{MIME: "application/pdf"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &counting{b: c.b}
			got, err := content.Inspect(r, int64(len(c.b)), c.file)
			if err != nil || got != c.want {
				t.Errorf("Inspect = %+v, %v, want %+v", got, err, c.want)
			}
			if r.read > content.MaxRead {
				t.Errorf("read %d bytes", r.read)
			}
		})
	}
}

func ppt(token uint32, pad int) []byte {
	return oleOf(map[string][]byte{
		"AAAA": make([]byte, 640), "Current User": currentUser(token), "PowerPoint Document": make([]byte, 5000),
	}, pad)
}

// linearised is a PDF file whose last trailer is at its front, as in files made
// for the web.
func linearised(encrypt string) []byte {
	b := []byte("%PDF-1.7\n1 0 obj\n" + encrypt + "\nendobj\nxref\n1 1\n0000000009 00000 n \ntrailer\n<< /Size 2 /Encrypt 1 0 R >>\n")
	start := bytes.Index(b, []byte("xref"))
	b = append(b, bytes.Repeat([]byte("content "), 1<<17)...)
	return append(b, []byte("startxref\n"+strings.TrimLeft(string(rune('0'+start/10))+string(rune('0'+start%10)), "0")+"\n%%EOF")...)
}

func TestWebPages(t *testing.T) {
	const page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
	utf16 := func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	for name, c := range map[string]struct {
		file, head string
		want       bool
	}{
		"login page":                    {"deck.pptx", page, true},
		"folders":                       {"a.html/deck.PDF", page, true},
		"BOM and space":                 {"deck.pdf", "\xef\xbb\xbf\r\n  " + page, true},
		"UTF-16":                        {"deck.pdf", utf16(page), true},
		"XHTML":                         {"deck.mp4", `<?xml version="1.0"?>` + page, true},
		"comment first":                 {"deck.zip", "<!-- saved from url=(0014)about:internet -->\r\n" + page, true},
		"fragment":                      {"deck.xlsx", "<script>location = '/login'</script>", true},
		"old Excel name":                {"list.xls", "<html><table></table></html>", true},
		"list that is a page":           {"list.csv", page, true},
		"list with a tag in front":      {"list.csv", "<b>Name</b>,Title\n", false},
		"list of pages":                 {"list.json", `["<html>"]`, false},
		"a page is a page":              {"a.html", page, false},
		"so is this":                    {"a.htm", page, false},
		"text may be anything":          {"a.txt", page, false},
		"no extension promises nothing": {"readme", page, false},
		"unknown extension":             {"a.xyz", page, false},
		"written by Excel":              {"list.xls", `<html xmlns:x="urn:schemas-microsoft-com:office:excel"><table></table></html>`, false},
		"not what new Excel writes":     {"list.xlsx", `<html xmlns:x="urn:schemas-microsoft-com:office:excel"><table></table></html>`, true},
		"drawing":                       {"a.png", `<svg xmlns="http://www.w3.org/2000/svg"></svg>`, false},
		"error in XML":                  {"a.pdf", `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, false},
		"true PDF":                      {"a.pdf", "%PDF-1.4\n<html>", false},
		"mail header before a PDF":      {"a.pdf", "<br>\n%PDF-1.4", false},
	} {
		t.Run(name, func(t *testing.T) {
			if f := content.Sniff([]byte(c.head), c.file); f.WebPage != c.want || f.Protected {
				t.Errorf("Sniff = %+v, want WebPage %t", f, c.want)
			}
			f, err := content.Inspect(strings.NewReader(c.head), int64(len(c.head)), c.file)
			if err != nil || f != content.Sniff([]byte(c.head), c.file) {
				t.Errorf("Inspect = %+v, %v, not what Sniff says", f, err)
			}
		})
	}
}

func TestSniffLooksAtTheHeadAlone(t *testing.T) {
	b := append([]byte(strings.Repeat(" ", content.HeadSize)), "<html>"...)
	if f := content.Sniff(b, "a.pdf"); f.WebPage {
		t.Errorf("Sniff = %+v", f)
	}
}

func TestInspectReportsErrors(t *testing.T) {
	broken := errors.New("disk broke")
	for name, c := range map[string]struct {
		r    io.ReaderAt
		size int64
		want error
	}{
		"read error":  {&counting{b: pdfOf(foreign, false, 1<<20), fail: 100, err: broken}, 1 << 20, broken},
		"in the head": {&counting{err: broken}, 10, broken},
		"shorter":     {strings.NewReader("%PDF-1.4"), 100, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := content.Inspect(c.r, c.size, "a.pdf"); !errors.Is(err, c.want) {
				t.Errorf("Inspect = %+v, %v, want %v", f, err, c.want)
			}
		})
	}
}

// Damaged files are no errors, take no time and are never read beyond the
// bound: each prefix of a file, and each with one byte changed.
func TestDamage(t *testing.T) {
	for name, b := range map[string][]byte{
		"a.ppt": ppt(0xf3d1c4df, 0), "a.pdf": pdfOf(foreign, false, 10), "b.pdf": pdfOf(foreign, true, 10), "a.docx": office(t, "word")[10000:],
		"a.zip": zipOf(t, map[string]string{"a": "1"}, "a"),
	} {
		t.Run(name, func(t *testing.T) {
			for i := range b {
				for _, damaged := range [][]byte{b[:i], append(append(bytes.Clone(b[:i]), b[i]^0xff), b[i+1:]...)} {
					r := &counting{b: damaged}
					if _, err := content.Inspect(r, int64(len(damaged)), name); err != nil {
						t.Fatalf("byte %d: %v", i, err)
					}
					if r.read > content.MaxRead {
						t.Fatalf("byte %d: read %d bytes", i, r.read)
					}
				}
			}
		})
	}
}

// A chain of sectors that leads to itself ends.
func TestLoopsEnd(t *testing.T) {
	b := oleOf(map[string][]byte{"WordDocument": wordDocument(0)}, 0)
	table := bytes.LastIndex(b, []byte{0xfe, 0xff, 0xff, 0xff, 0xfd, 0xff, 0xff, 0xff}) // the directory's last sector, before those of the table
	copy(b[table:], []byte{8, 0, 0, 0})
	r := &counting{b: b}
	if f, err := content.Inspect(r, int64(len(b)), "a.doc"); err != nil || f.MIME != "application/msword" || r.reads < 100 {
		t.Errorf("Inspect = %+v, %v after %d reads: not the loop that was meant", f, err, r.reads)
	}
	if r.read > content.MaxRead {
		t.Errorf("read %d bytes", r.read)
	}
}

// counting reads from b, and fails after some bytes if err is set.
type counting struct {
	b           []byte
	read, reads int
	fail        int
	err         error
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	if c.err != nil && c.read >= c.fail {
		return 0, c.err
	}
	c.read += len(p)
	return bytes.NewReader(c.b).ReadAt(p, off)
}

func FuzzInspect(f *testing.F) {
	f.Add(ppt(0xf3d1c4df, 0), "a.ppt")
	f.Add(pdfOf(foreign, false, 10), "a.pdf")
	f.Add(pdfOf("<< /Filter /Standard /R 3 /O (\\(0\\053) /U <00ff> /P -1 /X [1 2 R (] >>", true, 10), "a.pdf")
	f.Add([]byte("PK\x03\x04        PK\x05\x06                  "), "a.zip")
	f.Add([]byte("\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00"), "a.docx")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		r := &counting{b: b}
		got, err := content.Inspect(r, int64(len(b)), name)
		if err != nil {
			t.Errorf("an error of no reader: %v", err)
		}
		if r.read > content.MaxRead {
			t.Errorf("read %d bytes", r.read)
		}
		if s := content.Sniff(b, name); s.WebPage != got.WebPage || s.Protected {
			t.Errorf("Sniff = %+v, Inspect = %+v", s, got)
		}
		if (got.MIME == "") != (len(b) == 0) || strings.Contains(got.MIME, ";") {
			t.Errorf("MIME = %q", got.MIME)
		}
	})
}
