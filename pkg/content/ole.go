package content

import (
	"encoding/binary"
	"unicode/utf16"
)

// oleMagic begins a compound file: old Office files, and new ones that are
// encrypted ([MS-CFB], [MS-OFFCRYPTO] 2.3).
var oleMagic = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

const (
	oleMaxEntries = 4096 // how many entries of the directory are read
	oleEntry      = 128  // bytes of an entry
	oleHeader     = 512  // bytes of the header, whatever the size of a sector
	oleInHeader   = 109  // sectors of the allocation table that the header names
)

// ole is a compound file as far as one is read here: streams by name.
type ole struct {
	in         *input
	sector     int64  // bytes: 512 or 4096
	header     []byte // oleHeader bytes
	root       stream // holds the mini stream
	streams    map[string]stream
	miniFAT    uint32 // first sector
	miniCutoff uint64
}

type stream struct {
	start uint32
	size  uint64
}

// inspectOLE tells which Office file it is, and whether its streams say that
// it is encrypted.
func inspectOLE(in *input, f *Finding) {
	o := openOLE(in)
	if o == nil {
		return
	}
	_, password := o.streams["EncryptedPackage"] // of new formats, rights management too
	_, rights := o.streams["\tDRMContent"]       // rights management of old formats
	f.Protected = password || rights
	if s, ok := o.streams["WordDocument"]; ok {
		f.MIME = "application/msword"
		f.Protected = f.Protected || protectedDOC(o.read(s, 12))
	}
	for _, name := range []string{"Workbook", "Book"} {
		if s, ok := o.streams[name]; ok {
			f.MIME = "application/vnd.ms-excel"
			f.Protected = f.Protected || protectedXLS(o.read(s, 512))
		}
	}
	if _, ok := o.streams["PowerPoint Document"]; ok {
		f.MIME = "application/vnd.ms-powerpoint"
		f.Protected = f.Protected || protectedPPT(o.read(o.streams["Current User"], 16))
	}
}

// protectedDOC reads FibBase: the flag fEncrypted ([MS-DOC] 2.5.2).
func protectedDOC(fib []byte) bool {
	return len(fib) >= 12 && binary.LittleEndian.Uint16(fib) == 0xa5ec && binary.LittleEndian.Uint16(fib[10:])&0x0100 != 0
}

// protectedXLS looks for the record FilePass: it follows BOF, with at most
// WriteProtect between them ([MS-XLS] 2.1.7.20.3).
func protectedXLS(b []byte) bool {
	const writeProtect, filePass = 0x0086, 0x002f
	for i := 0; len(b) >= 4; i++ {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		switch {
		case i == 0 && id&0xff == 0x09: // BOF of any version
		case i == 1 && id == writeProtect:
		default:
			return i > 0 && id == filePass
		}
		b = b[min(4+n, len(b)):]
	}
	return false
}

// protectedPPT reads CurrentUserAtom: its headerToken ([MS-PPT] 2.3.2).
func protectedPPT(atom []byte) bool {
	return len(atom) >= 16 && binary.LittleEndian.Uint16(atom[2:]) == 0x0ff6 && binary.LittleEndian.Uint32(atom[12:]) == 0xf3d1c4df
}

// openOLE reads the header and the directory; nil if the file is damaged there.
func openOLE(in *input) *ole {
	h := in.read(0, oleHeader)
	if len(h) < oleHeader {
		return nil
	}
	shift := binary.LittleEndian.Uint16(h[30:])
	if shift != 9 && shift != 12 {
		return nil
	}
	o := &ole{
		in: in, sector: 1 << shift, header: h, streams: map[string]stream{},
		miniFAT: binary.LittleEndian.Uint32(h[60:]), miniCutoff: uint64(binary.LittleEndian.Uint32(h[56:])),
	}
	perSector := int(o.sector / oleEntry)
	for s, n := binary.LittleEndian.Uint32(h[48:]), 0; o.regular(s) && n < oleMaxEntries; s, n = o.next(s), n+perSector {
		sector := in.read(o.offset(s), o.sector)
		for ; len(sector) >= oleEntry; sector = sector[oleEntry:] {
			o.entry(sector[:oleEntry])
		}
	}
	return o
}

// entry keeps one entry of the directory.
func (o *ole) entry(e []byte) {
	const streamObject, rootObject = 2, 5
	s := stream{binary.LittleEndian.Uint32(e[116:]), binary.LittleEndian.Uint64(e[120:])}
	if o.sector == 512 {
		s.size &= 0xffffffff // the upper half may hold anything, [MS-CFB] 2.6.1
	}
	switch e[66] {
	case rootObject:
		o.root = s
	case streamObject:
		n := min(int(binary.LittleEndian.Uint16(e[64:])), 64) / 2
		name := make([]uint16, 0, 32)
		for i := range max(n-1, 0) { // without the zero at its end
			name = append(name, binary.LittleEndian.Uint16(e[2*i:]))
		}
		if _, known := o.streams[string(utf16.Decode(name))]; !known {
			o.streams[string(utf16.Decode(name))] = s
		}
	}
}

// read returns the first n bytes of a stream, n at most a mini sector or what
// is in the first sector.
func (o *ole) read(s stream, n int64) []byte {
	n = min(n, int64(min(s.size, 1<<30)))
	if s.size >= o.miniCutoff {
		if !o.regular(s.start) {
			return nil
		}
		return o.in.read(o.offset(s.start), min(n, o.sector))
	}
	const mini = 64
	at := int64(s.start) * mini
	if at >= int64(min(o.root.size, 1<<40)) {
		return nil
	}
	// The mini stream is an ordinary one: its sector that holds this one.
	sector := o.root.start
	for range at / o.sector {
		if !o.regular(sector) {
			return nil
		}
		sector = o.next(sector)
	}
	if !o.regular(sector) {
		return nil
	}
	return o.in.read(o.offset(sector)+at%o.sector, min(n, mini))
}

// regular reports whether s is a sector that holds something.
func (o *ole) regular(s uint32) bool { return s < 0xfffffffa }

func (o *ole) offset(s uint32) int64 { return (int64(s) + 1) * o.sector }

// next is the sector after s in its chain, from the allocation table.
func (o *ole) next(s uint32) uint32 {
	const end = 0xfffffffe
	per := uint32(o.sector / 4)
	i := s / per // which sector of the table
	var at uint32
	if i < oleInHeader {
		at = binary.LittleEndian.Uint32(o.header[76+4*i:])
	} else { // further ones are named in a chain of sectors, the last word of each the next
		i -= oleInHeader
		at = binary.LittleEndian.Uint32(o.header[68:])
		for ; i >= per-1 && o.regular(at); i -= per - 1 {
			at = o.word(o.offset(at) + o.sector - 4)
		}
		if !o.regular(at) {
			return end
		}
		at = o.word(o.offset(at) + 4*int64(i))
	}
	if !o.regular(at) {
		return end
	}
	return o.word(o.offset(at) + 4*int64(s%per))
}

// word is the number at off, or the end of a chain where there is none.
func (o *ole) word(off int64) uint32 {
	b := o.in.read(off, 4)
	if len(b) < 4 {
		return 0xfffffffe
	}
	return binary.LittleEndian.Uint32(b)
}
