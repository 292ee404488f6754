package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// signatures are the parameters by which stores know a signed address. There
// the path alone names the file, and all of the query is what lets one read it.
// Source: the documentation of S3, Google Cloud Storage, Azure Storage,
// CloudFront and Akamai.
var signatures = []string{"x-amz-signature", "x-goog-signature", "signature", "sig", "policy", "hdnts", "hdnea", "__token__", "__gda__", "awsaccesskeyid"}

// secretWords in the name of a parameter make its value one that is not shown.
var secretWords = []string{"token", "auth", "key", "secret", "password", "passwd", "pwd", "session", "credential", "ticket", "jwt", "sig", "code", "hash", "hmac", "expire", "nonce", "sas"}

// maxShown is the longest value of a parameter that is shown, in characters: a
// GUID is, a token is not.
const maxShown = 40

// shownURL is a web address without what may let others read the file: signed
// addresses lose their query, others the parameters that look like secrets.
// Long values are replaced by a part of their SHA-256, so that addresses of
// different files stay different. A part that changes with each signing is not
// in it: the same file has the same name tomorrow.
func shownURL(address string) string {
	at, query, ok := strings.Cut(address, "?")
	if !ok {
		return address
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		rawName, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			continue
		}
		name = strings.ToLower(name)
		if slices.Contains(signatures, name) {
			return at
		}
		switch {
		case part == "" || containsAny(name, secretWords):
		case len(rawName) > maxShown:
			kept = append(kept, digest(part))
		case len(value) > maxShown:
			kept = append(kept, rawName+"="+digest(value))
		default:
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return at
	}
	return at + "?" + strings.Join(kept, "&")
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "~" + hex.EncodeToString(sum[:8])
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
