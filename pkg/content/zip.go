package content

import (
	"bytes"
	"encoding/binary"
	"strings"
)

const (
	zipEnd      = 22        // bytes of the end-of-central-directory record, without its comment
	zipEntry    = 46        // bytes of an entry of the central directory, without its names
	zipTail     = 65535     // the longest comment after the end record
	zipMaxIndex = 512 << 10 // how much of the central directory is read
	encrypted   = 1         // bit 0 of the flags, APPNOTE 4.4.4
)

// inspectZIP looks for encrypted entries, and tells Office files apart from
// other archives by the names in the central directory.
func inspectZIP(in *input, f *Finding) {
	if head := in.read(0, 8); len(head) == 8 && binary.LittleEndian.Uint16(head[6:])&encrypted != 0 {
		f.Protected = true
	}
	off := max(in.size-zipTail-zipEnd, 0)
	tail := in.read(off, in.size-off)
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < zipEnd {
		return
	}
	// Archives of more than 4 GiB have 0xffffffff here, and their true offset
	// in the record of ZIP64, whose end is before this one's start.
	index := int64(binary.LittleEndian.Uint32(tail[at+16:]))
	if index == 0xffffffff {
		i := bytes.LastIndex(tail[:at], []byte("PK\x06\x06"))
		if i < 0 || at-i < 56 {
			return
		}
		index = int64(binary.LittleEndian.Uint64(tail[i+48:]))
	}
	var office bool   // its parts are listed as those of an Office file are
	var inside string // the type that its folders tell
	for dir := in.read(index, min(in.size-index, zipMaxIndex)); len(dir) >= zipEntry && bytes.HasPrefix(dir, []byte("PK\x01\x02")); {
		if binary.LittleEndian.Uint16(dir[8:])&encrypted != 0 {
			f.Protected = true
		}
		n := int(binary.LittleEndian.Uint16(dir[28:]))
		rest := zipEntry + n + int(binary.LittleEndian.Uint16(dir[30:])) + int(binary.LittleEndian.Uint16(dir[32:]))
		if len(dir) < rest {
			break
		}
		name := string(dir[zipEntry : zipEntry+n])
		office = office || name == "[Content_Types].xml"
		if folder, _, _ := strings.Cut(name, "/"); ooxml[folder] != "" {
			inside = ooxml[folder]
		}
		dir = dir[rest:]
	}
	if office && inside != "" && f.MIME == "application/zip" {
		f.MIME = inside
	}
}

// ooxml are the folders in an Office file that tell which kind it is.
var ooxml = map[string]string{
	"word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xl":   "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"ppt":  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
