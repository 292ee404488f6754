package content_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/content"
)

// Encryption dictionaries and file identifiers that pdfcpu (v0.9.1, revision 6:
// v0.11.1) wrote for files with the owner's password "owner".
var encryptions = map[string]struct{ id, open, secret, secretID string }{
	"RC4, 40 bits, revision 2": {
		"7e5519fe8bbe3765f2b6205b44082977",
		"<</Filter/Standard/O<c92422687facee686e373f10b5c7d04738053152f7e2ee30e11c69ec442576ab>/P -3901/R 2/U<be297e229be693ba32605b042a0c4c404404b5cd636600f3b46510c5a765638e>/V 1>>",
		"<</Filter/Standard/O<92fe0f4454ad4c9644693f33c07cb54f587dce1e2682fe9ecea6107a1ef630dd>/P -3901/R 2/U<8dfd1a07f31bb1276d474fe1cccb8200d807c1c6cfd2b5828075a0ee0b3ddc33>/V 1>>",
		"a8b5d91ed7afb0c911852234224934ec",
	},
	"RC4, 128 bits, revision 4": {
		"b742a01eaf875ea3fe77bde5632cb84e",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/V2/Length 16>>>>/Filter/Standard/Length 128/O<566fa873ee33c797cd3b904fdadf814afa34df9a38f6ed41b984e2c6da2aa6f5>/P -3901/R 4/StmF/StdCF/StrF/StdCF/U<1c2696c280237994521f1f49243b8ca500000000000000000000000000000000>/V 4>>",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/V2/Length 16>>>>/Filter/Standard/Length 128/O<0db5855fc5326569e765906caf64e4429a4c20d6e996fdef963e9b5080f9e083>/P -3901/R 4/StmF/StdCF/StrF/StdCF/U<0913f220d29f5968805627c2b0ce9bb200000000000000000000000000000000>/V 4>>",
		"74ce0b49d9ed78136a3c7741352c3f5c",
	},
	"AES, 128 bits, revision 4": {
		"7c15933484435dd1172e7998e0e3cc66",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/AESV2/Length 16>>>>/Filter/Standard/Length 128/O<566fa873ee33c797cd3b904fdadf814afa34df9a38f6ed41b984e2c6da2aa6f5>/P -3901/R 4/StmF/StdCF/StrF/StdCF/U<5e343d862096d48e4a4d2b9c4868b2e300000000000000000000000000000000>/V 4>>",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/AESV2/Length 16>>>>/Filter/Standard/Length 128/O<0db5855fc5326569e765906caf64e4429a4c20d6e996fdef963e9b5080f9e083>/P -3901/R 4/StmF/StdCF/StrF/StdCF/U<e7877526d67ce3c5495a26959761f4c000000000000000000000000000000000>/V 4>>",
		"d963440324796ad0ef56d558e9077bae",
	},
	"AES, 256 bits, revision 5": {
		"129847efb5f505b540ba40e938047425",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/AESV3/Length 32>>>>/Filter/Standard/Length 256/O<0c82561c2ad9ade95e204328b5fc83309f6ea531114fe321c4a91034b34d075f6e4825f91259063b6b3c58ff5333cb0d>/P -3901/R 5/StmF/StdCF/StrF/StdCF/U<563c44346bd34ad56f568cdb1602e193034dbd9ec23ef2020a4637a3a351cfe4c4c02e8a4b13d2e2add68a9f18d019a2>/V 5>>",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/AESV3/Length 32>>>>/Filter/Standard/Length 256/O<dc0962db76b192ca5103b91efa40e3d1b784d43210b43170c6876259815b4bf3448889058effd36796aba81108421c0c>/P -3901/R 5/StmF/StdCF/StrF/StdCF/U<251afe3ee747e05e2d893ec8a4e69c574e1d2c4bfbdde3494c66387a6591876622c7729c8b41aed828f087c516a15c2b>/V 5>>",
		"6d17016d8b7e53bbeb3fe441d5bfe5cf",
	},
	"AES, 256 bits, revision 6": {
		"bce084b156680a53df6bcbe959a2f2e8",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/AESV3/Length 32>>>>/Filter/Standard/Length 256/O<2168f56cb1bfcccea865818565961b2cb914314c66a90d48cca328b1e817dd219892b41263c5b6a79c3b13abd4e46fcf>/P -3901/R 6/StmF/StdCF/StrF/StdCF/U<54719e6b296e8b1da9e7bff4275ebf6854eb39f00002ef8c68aebe33c761736652b6e2ff6c0d4dba7a8bd6f7ca63add7>/V 5>>",
		"<</CF<</StdCF<</AuthEvent/DocOpen/CFM/AESV3/Length 32>>>>/Filter/Standard/Length 256/O<678486fd5d3b2fd5bfa765456d4739995af44d55de2ad5fdc83550a43e4c7fafa999fda4121c751c7db65899c2bbb988>/P -3901/R 6/StmF/StdCF/StrF/StdCF/U<ea8ab7ddfb7329089eee7758df3542c1f29afe8555202c047b4b58918612377a00e8089e3de687c5d8dc75722324eef1>/V 5>>",
		"21a0e29ccbf343c74d65f959012b1776",
	},
}

// A PDF file that forbids printing is encrypted too, and opens without a
// password: it is not worth a word.
func TestPDFPasswords(t *testing.T) {
	revision3 := encryptions["RC4, 128 bits, revision 4"]
	revision3.open, revision3.secret = strings.Replace(revision3.open, "/R 4", "/R 3", 1), strings.Replace(revision3.secret, "/R 4", "/R 3", 1)
	encryptions["RC4, 128 bits, revision 3"] = revision3
	for name, c := range encryptions {
		t.Run(name, func(t *testing.T) {
			for _, stream := range []bool{false, true} {
				for _, v := range []struct {
					encrypt, id string
					want        bool
				}{{c.open, c.id, false}, {c.secret, c.secretID, true}} {
					b := bytes.Replace(pdfOf(v.encrypt, stream, 1000), []byte("30313233343536373839616263646566"), []byte(v.id), 1)
					f, err := content.Inspect(bytes.NewReader(b), int64(len(b)), "a.pdf")
					if err != nil || f.Protected != v.want || f.MIME != "application/pdf" {
						t.Errorf("stream %t: Inspect = %+v, %v, want protected %t", stream, f, err, v.want)
					}
				}
			}
		})
	}
}
