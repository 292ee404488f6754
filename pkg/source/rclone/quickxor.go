package rclone

import (
	"encoding/binary"
	"encoding/hex"
)

// quickXor is QuickXorHash, the checksum that OneDrive and SharePoint tell. It
// finds bytes that are missing; it is none against forgery.
//
// Source: https://learn.microsoft.com/en-us/onedrive/developer/code-snippets/quickxorhash
// (each byte is shifted by 11 bits more than the one before, in a ring of 160
// bits; the length is added to the last 64).
type quickXor struct {
	ring [quickXorBits]byte // bytes whose shifts are the same, together
	n    uint64
}

const quickXorBits, quickXorShift = 160, 11

// quickXorMark begins the [source.Info.Version] of a file whose QuickXorHash is
// listed.
const quickXorMark = "quickxor:"

func (q *quickXor) Write(p []byte) (int, error) {
	at := int(q.n % quickXorBits)
	for _, b := range p {
		q.ring[at] ^= b
		if at++; at == quickXorBits {
			at = 0
		}
	}
	q.n += uint64(len(p))
	return len(p), nil
}

// hex is the checksum as rclone writes it.
func (q *quickXor) hex() string {
	var sum [quickXorBits / 8]byte
	for i, b := range q.ring {
		shift := i * quickXorShift % quickXorBits
		at, off := shift/8, shift%8
		sum[at] ^= b << off
		sum[(at+1)%len(sum)] ^= byte(uint16(b) >> (8 - off))
	}
	last := sum[len(sum)-8:]
	binary.LittleEndian.PutUint64(last, binary.LittleEndian.Uint64(last)^q.n)
	return hex.EncodeToString(sum[:])
}
