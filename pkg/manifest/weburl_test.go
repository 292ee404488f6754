package manifest

import (
	"strings"
	"testing"
)

func TestWebAddressesAreShownWithoutSignatures(t *testing.T) {
	long := strings.Repeat("abc123", 10)
	for address, want := range map[string]string{
		"https://x.example/a%20b.pdf":                    "https://x.example/a%20b.pdf",
		"https://x.example/dl?id=12&v=3":                 "https://x.example/dl?id=12&v=3",
		"https://x.example/dl?id=12&access_token=s3cr3t": "https://x.example/dl?id=12",
		"https://x.example/dl?api%5Fkey=s3cr3t":          "https://x.example/dl",
		"https://b.s3.amazonaws.com/a.pdf?versionId=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=deadbeef":           "https://b.s3.amazonaws.com/a.pdf",
		"https://acc.blob.core.windows.net/c/a.pdf?sv=2024-11-04&se=2026-01-01&sr=b&sp=r&sig=abc%3D":                       "https://acc.blob.core.windows.net/c/a.pdf",
		"https://storage.googleapis.com/b/a.pdf?X-Goog-Expires=60&x-goog-signature=ab":                                     "https://storage.googleapis.com/b/a.pdf",
		"https://d1.cloudfront.net/a.pdf?Expires=1&Signature=ab&Key-Pair-Id=K":                                             "https://d1.cloudfront.net/a.pdf",
		"https://x.sharepoint.com/_layouts/15/download.aspx?UniqueId=6f2a1c34-0000-4000-8000-abcdefabcdef&tempauth=v1.eyJ": "https://x.sharepoint.com/_layouts/15/download.aspx?UniqueId=6f2a1c34-0000-4000-8000-abcdefabcdef",
		"https://x.example/dl?f=" + long: "https://x.example/dl?f=" + digest(long),
		"https://x.example/dl?" + long:   "https://x.example/dl?" + digest(long),
		"https://x.example/dl?%zz=1":     "https://x.example/dl",
	} {
		l, p := ParseLocation(address, nil, Pos{})
		if p != nil && p.Code != CodeNotYet {
			t.Errorf("%s: %v", address, p)
		}
		if got := l.String(); got != want {
			t.Errorf("%s\nis shown as %s\nwant        %s", address, got, want)
		}
		if l.Path != address || (l.Key() == want) != (want == address) || !strings.HasPrefix(l.Key(), want) {
			t.Errorf("%s: key %s, path %s", address, l.Key(), l.Path)
		}
	}
	a, _ := ParseLocation("https://x.example/dl?token=a", nil, Pos{})
	b, _ := ParseLocation("https://x.example/dl?token=b", nil, Pos{})
	if a.String() != b.String() || a.Key() == b.Key() {
		t.Errorf("%s and %s: keys %s and %s", a, b, a.Key(), b.Key())
	}
}
