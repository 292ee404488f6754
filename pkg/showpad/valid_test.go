package showpad

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzValid: what is valid is valid for encoding/json, and the other way round.
func FuzzValid(f *testing.F) {
	for _, s := range validSamples(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := valid(b), json.Valid(b); got != want {
			t.Errorf("%q: %v, want %v", b, got, want)
		}
	})
}

func validSamples(tb testing.TB) []string {
	deep := func(n int) string { return strings.Repeat(`[{"a":`, n) + "1" + strings.Repeat("}]", n) }
	return []string{
		fixture(tb, "asset.json"), fixture(tb, "asset-list.json"), deep(validDepth/2 - 1), deep(validDepth/2 + 1), deep(6000), strings.Repeat("[", 200),
		``, ` `, `{}`, `[]`, ` [ ] `, `{"a":1,}`, `[1,]`, `[,1]`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `[1 2]`, `{}{}`, `1 1`, `"a`, `"a\"`, `"a\\"`,
		`"\u12aF"`, `"\u12g4"`, `"\u12"`, `"\x"`, "\"\t\"", "\"\x7f\xff\"", `0`, `-0`, `01`, `-`, `1.`, `.1`, `1.0e+10`, `1e`, `1e-`, `-1.25E-07`, `+1`, `1a`,
		`true`, `tru`, `truey`, `false`, `null`, `nul`, `[true,false,null]`, "\ufeff{}", "\v{}",
	}
}

// The same of whatever small damage does to what is valid.
func TestValidIsThatOfEncoding(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	signs := []byte("{}[]:,\"\\u0a1-+.eE truefalsn\n\t\x00\xff")
	for _, s := range validSamples(t) {
		for range 400 {
			b := []byte(s)
			for range rnd.IntN(3) {
				if len(b) == 0 {
					break
				}
				switch i := rnd.IntN(len(b)); rnd.IntN(3) {
				case 0:
					b[i] = signs[rnd.IntN(len(signs))]
				case 1:
					b = append(b[:i], b[i+1:]...)
				default:
					b = b[:i]
				}
			}
			if got, want := valid(b), json.Valid(b); got != want {
				t.Fatalf("%q: %v, want %v", b, got, want)
			}
		}
	}
}
