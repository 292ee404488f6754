package content

import (
	"bytes"
	"regexp"
	"strconv"
)

const (
	pdfTail   = 2048     // bytes at the end that hold startxref
	pdfDict   = 16 << 10 // the longest trailer or encryption dictionary, in bytes
	pdfWindow = 96 << 10 // how much of each end is searched for an object without a table of offsets
	pdfTables = 1 << 12  // sections of one table of offsets
)

var (
	pdfStart   = regexp.MustCompile(`startxref\s+(\d+)`)
	pdfObject  = regexp.MustCompile(`^\s*(\d+)\s+(\d+)\s+obj\b`)
	pdfSection = regexp.MustCompile(`^\s*(\d+)\s+(\d+)[ \t]*\r?\n?`)
)

// protectedPDF reports whether a PDF file is encrypted with a password that is
// not empty: one that merely forbids printing or copying opens without one.
// ISO 32000-2, 7.5.5 (the trailer) and 7.6 (encryption).
func protectedPDF(in *input, head []byte) bool {
	p := &pdf{in: in, base: int64(max(bytes.Index(head, []byte("%PDF-")), 0))}
	trailer := p.trailer()
	var encrypt dict
	switch e := trailer["Encrypt"].(type) {
	case nil:
		return false
	case dict:
		encrypt = e
	case ref:
		encrypt = p.object(e)
	}
	return !opensWithoutPassword(encrypt, trailer)
}

// pdf is a file of which a few objects are read.
type pdf struct {
	in     *input
	base   int64      // where the header is: offsets count from there
	tables [][3]int64 // first object, number of objects, offset of the first one's line
}

// trailer is the last one of the file, or the dictionary of the stream that
// stands for it; nil where the file is damaged.
func (p *pdf) trailer() dict {
	off := max(p.in.size-pdfTail, 0)
	tail := p.in.read(off, p.in.size-off)
	all := pdfStart.FindAllSubmatch(tail, -1)
	if len(all) == 0 {
		return nil
	}
	at, err := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	if err != nil {
		return nil
	}
	for _, base := range []int64{p.base, 0} { // there are writers that count from the start in any case
		if d := p.trailerAt(at + base); d != nil {
			return d
		}
	}
	return nil
}

func (p *pdf) trailerAt(at int64) dict {
	b := p.in.read(at, 256)
	if m := pdfObject.Find(b); m != nil {
		return parseDict(p.in.read(at+int64(len(m)), pdfDict))
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("xref"))
	if !ok {
		return nil
	}
	at += int64(len(b) - len(rest))
	for range pdfTables {
		b := p.in.read(at, 64)
		m := pdfSection.FindSubmatch(b)
		if m == nil {
			break
		}
		first, _ := strconv.ParseInt(string(m[1]), 10, 64)
		n, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil || n > p.in.size/20 {
			return nil
		}
		at += int64(len(m[0]))
		p.tables = append(p.tables, [3]int64{first, n, at})
		at += 20 * n
	}
	b = bytes.TrimLeft(p.in.read(at, pdfDict), " \t\r\n")
	if b, ok = bytes.CutPrefix(b, []byte("trailer")); !ok {
		return nil
	}
	return parseDict(b)
}

// object is a dictionary by its number; nil if it is not found.
func (p *pdf) object(r ref) dict {
	for _, t := range p.tables {
		if i := r.number - t[0]; i >= 0 && i < t[1] {
			line := p.in.read(t[2]+20*i, 20)
			if len(line) < 20 || line[17] != 'n' {
				continue
			}
			if off, err := strconv.ParseInt(string(line[:10]), 10, 64); err == nil {
				for _, base := range []int64{p.base, 0} {
					if d := p.objectAt(off+base, r); d != nil {
						return d
					}
				}
			}
		}
	}
	// In files with a stream of offsets, and with several tables, it is looked
	// for at both ends, where writers put it.
	want := regexp.MustCompile(`(?:^|[\r\n ])` + strconv.FormatInt(r.number, 10) + `\s+` + strconv.FormatInt(r.generation, 10) + `\s+obj\b`)
	for _, off := range []int64{max(p.in.size-pdfWindow, 0), 0} {
		b := p.in.read(off, pdfWindow)
		if at := want.FindAllIndex(b, -1); len(at) > 0 {
			if d := parseDict(b[at[len(at)-1][1]:]); d != nil {
				return d
			}
		}
	}
	return nil
}

func (p *pdf) objectAt(off int64, r ref) dict {
	b := p.in.read(off, pdfDict)
	m := pdfObject.FindSubmatch(b)
	if m == nil || string(m[1]) != strconv.FormatInt(r.number, 10) {
		return nil
	}
	return parseDict(b[len(m[0]):])
}
