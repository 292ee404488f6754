package content_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// zipOf is an archive of small files in the order of their names.
func zipOf(t *testing.T, files map[string]string, encrypted ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		if slices.Contains(encrypted, name) {
			h.Flags |= 1
		}
		f, err := w.CreateRaw(h)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// office is a file of the new formats: folder is word, xl or ppt. Its first
// parts are large, so that nothing in the head tells which one it is.
func office(t *testing.T, folder string) []byte {
	t.Helper()
	return zipOf(t, map[string]string{
		"[Content_Types].xml":    strings.Repeat("<Override/>", 1000),
		"_rels/.rels":            "<Relationships/>",
		folder + "/document.xml": "<document/>",
	})
}

// oleOf is a compound file with the named streams: sectors of 512 bytes, what
// is shorter than 4096 bytes in the mini stream, one sector of each table more
// than is needed. pad are free sectors before the directory.
func oleOf(streams map[string][]byte, pad int) []byte {
	const end, fat, free = 0xfffffffe, 0xfffffffd, 0xffffffff
	type entry struct {
		name  string
		kind  byte
		start uint32
		size  int
	}
	var sectors [][]byte
	next := map[int]uint32{}
	chain := func(b []byte) uint32 {
		start := len(sectors)
		for len(b) > 0 {
			s := make([]byte, 512)
			b = b[copy(s, b):]
			sectors = append(sectors, s)
			next[len(sectors)-1] = uint32(len(sectors))
		}
		if start == len(sectors) {
			return end
		}
		next[len(sectors)-1] = end
		return uint32(start)
	}
	chain(make([]byte, 512*pad))
	var mini []byte
	var miniNext []uint32
	entries := []entry{{name: "Root Entry", kind: 5}}
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		b := streams[name]
		e := entry{name, 2, 0, len(b)}
		if len(b) >= 4096 {
			e.start = chain(b)
		} else {
			e.start = uint32(len(mini) / 64)
			mini = append(mini, b...)
			mini = append(mini, make([]byte, (64-len(b)%64)%64)...)
			for n := (len(b) + 63) / 64; n > 0; n-- {
				miniNext = append(miniNext, uint32(len(miniNext)+1))
			}
		}
		entries = append(entries, e)
	}
	entries[0].start, entries[0].size = chain(mini), len(mini)
	var directory []byte
	for _, e := range entries {
		b := make([]byte, 128)
		units := utf16.Encode([]rune(e.name))
		for i, u := range units {
			binary.LittleEndian.PutUint16(b[2*i:], u)
		}
		binary.LittleEndian.PutUint16(b[64:], uint16(2*len(units)+2))
		b[66] = e.kind
		binary.LittleEndian.PutUint32(b[116:], e.start)
		binary.LittleEndian.PutUint32(b[120:], uint32(e.size))
		directory = append(directory, b...)
	}
	dirStart := chain(directory)
	// The allocation table, its sectors named in the header and, beyond 109 of
	// them, in a chain of their own.
	tables := len(sectors)/128 + 2
	beyond := 0
	if tables > 109 {
		beyond = (tables - 109 + 126) / 127
		tables++
	}
	first := len(sectors)
	table := make([]byte, 512*tables)
	for i := range len(table) / 4 {
		v, ok := next[i]
		switch {
		case i >= first && i < first+tables:
			v = fat
		case !ok:
			v = free
		}
		binary.LittleEndian.PutUint32(table[4*i:], v)
	}
	chain(table)
	h := make([]byte, 512)
	copy(h, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	for at, v := range map[int]uint16{24: 0x3e, 26: 3, 28: 0xfffe, 30: 9, 32: 6} {
		binary.LittleEndian.PutUint16(h[at:], v)
	}
	for at, v := range map[int]uint32{44: uint32(tables), 48: dirStart, 56: 4096, 60: end, 68: end} {
		binary.LittleEndian.PutUint32(h[at:], v)
	}
	for i := range 109 {
		v := uint32(free)
		if i < tables {
			v = uint32(first + i)
		}
		binary.LittleEndian.PutUint32(h[76+4*i:], v)
	}
	if beyond > 0 {
		binary.LittleEndian.PutUint32(h[68:], uint32(len(sectors)))
		for at, n := 109, 0; n < beyond; n++ {
			s := make([]byte, 512)
			for i := range 127 {
				v := uint32(free)
				if at < tables {
					v = uint32(first + at)
				}
				binary.LittleEndian.PutUint32(s[4*i:], v)
				at++
			}
			binary.LittleEndian.PutUint32(s[508:], uint32(len(sectors)+1))
			if n == beyond-1 {
				binary.LittleEndian.PutUint32(s[508:], end)
			}
			sectors = append(sectors, s)
		}
	}
	return append(h, bytes.Join(sectors, nil)...)
}

// The beginnings of the streams of old Office files, as their specifications
// have them.
func wordDocument(flags uint16) []byte {
	b := make([]byte, 4096)
	binary.LittleEndian.PutUint16(b, 0xa5ec)
	binary.LittleEndian.PutUint16(b[10:], flags)
	return b
}

func workbook(records ...uint16) []byte {
	b := append([]byte{0x09, 0x08, 16, 0}, make([]byte, 16)...)
	for _, id := range records {
		b = append(b, byte(id), byte(id>>8), 2, 0, 0, 0)
	}
	return append(b, make([]byte, 4096)...)
}

func currentUser(token uint32) []byte {
	b := make([]byte, 24)
	binary.LittleEndian.PutUint16(b[2:], 0x0ff6)
	binary.LittleEndian.PutUint32(b[4:], 16)
	binary.LittleEndian.PutUint32(b[8:], 0x14)
	binary.LittleEndian.PutUint32(b[12:], token)
	return b
}

// pdfOf is a small PDF file. Its trailer is a table or a stream; encrypt is
// the encryption dictionary, "" for none; padding are bytes of a stream before
// the last objects.
func pdfOf(encrypt string, stream bool, padding int) []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(s string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), s)
	}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [] /Count 0 >>")
	object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", padding, strings.Repeat("x", padding)))
	trailer := "/Root 1 0 R /ID [<30313233343536373839616263646566> <30>]"
	if encrypt != "" {
		object(encrypt)
		trailer += fmt.Sprintf(" /Encrypt %d 0 R", len(offsets))
	}
	start := b.Len()
	if stream {
		object("<< /Type /XRef /W [1 2 1] /Size 5 " + trailer + " /Length 0 >>\nstream\n\nendstream")
	} else {
		fmt.Fprintf(&b, "xref\n0 1\n0000000000 65535 f \n1 %d\n", len(offsets))
		for _, o := range offsets {
			fmt.Fprintf(&b, "%010d 00000 n \n", o)
		}
		fmt.Fprintf(&b, "trailer\n<< /Size %d %s >>\n", len(offsets)+1, trailer)
	}
	fmt.Fprintf(&b, "startxref\n%d\n%%%%EOF\n", start)
	return b.Bytes()
}
