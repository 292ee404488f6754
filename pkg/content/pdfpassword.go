package content

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
)

// pdfPadding fills passwords up, ISO 32000-2, 7.6.4.3.2.
const pdfPadding = "\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a"

// opensWithoutPassword reports whether the empty password is the user's. What
// it does not know, such as certificates, does not open.
func opensWithoutPassword(encrypt, trailer dict) bool {
	u, _ := encrypt["U"].(text)
	if encrypt["Filter"] != name("Standard") || len(u) < 32 {
		return false
	}
	switch r, _ := encrypt["R"].(int64); r {
	case 2, 3, 4:
		return emptyIsUser4(encrypt, trailer, r, []byte(u[:32]))
	case 5, 6:
		if len(u) < 48 {
			return false
		}
		sum := sha256.Sum256([]byte(u[32:40]))
		if key := sum[:]; r == 5 {
			return string(key) == string(u[:32])
		}
		return string(hash6(sum)) == string(u[:32])
	}
	return false
}

// emptyIsUser4 is algorithm 6, of revisions 2 to 4.
func emptyIsUser4(encrypt, trailer dict, r int64, u []byte) bool {
	owner, _ := encrypt["O"].(text)
	permissions, _ := encrypt["P"].(int64)
	bits, given := encrypt["Length"].(int64)
	if r == 2 || !given {
		bits = 40
	}
	if r == 4 { // AES or RC4, always with 128 bits
		bits = 128
	}
	if len(owner) < 32 || bits < 40 || bits > 128 {
		return false
	}
	var id string
	if ids, ok := trailer["ID"].(list); ok && len(ids) > 0 {
		first, _ := ids[0].(text)
		id = string(first)
	}
	h := md5.New()
	h.Write([]byte(pdfPadding + string(owner[:32])))
	h.Write([]byte{byte(permissions), byte(permissions >> 8), byte(permissions >> 16), byte(permissions >> 24)})
	h.Write([]byte(id))
	if r == 4 && encrypt["EncryptMetadata"] == keyword("false") {
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	key := h.Sum(nil)[:bits/8]
	if r == 2 {
		return bytes.Equal(rc4Of(key, []byte(pdfPadding)), u)
	}
	for range 50 {
		sum := md5.Sum(key)
		key = sum[:len(key)]
	}
	sum := md5.Sum([]byte(pdfPadding + id))
	got := sum[:]
	for i := range byte(20) {
		turned := bytes.Clone(key)
		for j := range turned {
			turned[j] ^= i
		}
		got = rc4Of(turned, got)
	}
	return bytes.Equal(got, u[:16])
}

// rc4Of encrypts b; the key has 5 to 16 bytes.
func rc4Of(key, b []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil
	}
	out := make([]byte, len(b))
	c.XORKeyStream(out, b)
	return out
}

// hash6 is algorithm 2.B, of revision 6, for the empty user password.
func hash6(first [32]byte) []byte {
	k := first[:]
	var last byte
	for i := 0; i < 64 || int(last) > i-32; i++ {
		e := bytes.Repeat(k, 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, e)
		last = e[len(e)-1]
		sum := 0
		for _, c := range e[:16] {
			sum += int(c)
		}
		switch sum % 3 {
		case 0:
			h := sha256.Sum256(e)
			k = h[:]
		case 1:
			h := sha512.Sum384(e)
			k = h[:]
		default:
			h := sha512.Sum512(e)
			k = h[:]
		}
	}
	return k[:32]
}
