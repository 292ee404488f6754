package s3

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// TestWhereCredentialsComeFrom follows the chain by the key that signs, or by
// the words of the error.
func TestWhereCredentialsComeFrom(t *testing.T) {
	const file = "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s\n[old]\naws_access_key_id = AKIDOLD\naws_secret_access_key = s\n"
	for name, tt := range map[string]struct {
		env   map[string]string
		file  string
		signs string // "": not at all
		fails string
	}{
		"the environment":       {map[string]string{"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s"}, file, "AKIDENV", ""},
		"the default profile":   {nil, file, "AKIDDEFAULT", ""},
		"a profile":             {map[string]string{"AWS_PROFILE": "old"}, file, "AKIDOLD", ""},
		"a profile that is not": {map[string]string{"AWS_PROFILE": "new"}, file, "", `no credentials from profile "new" in ~/.aws`},
		"half of a pair":        {map[string]string{"AWS_ACCESS_KEY_ID": "AKIDENV"}, file, "", "no credentials from the environment"},
		"a web identity that is not": {
			map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": "arn:x"}, "", "", "no credentials from the web identity",
		},
		"none, as public buckets allow": {nil, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			nobody(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			if tt.file != "" {
				if err := os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := newFake("a")
			_, err := storeOn(t, f, elsewhere).Root(t.Context(), "s3://bucket")
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) || len(f.seen) != 0 {
					t.Errorf("%v after %d requests, want %q", err, len(f.seen), tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			auth := f.seen[0].Header.Get("Authorization")
			if tt.signs == "" && auth != "" || !strings.Contains(auth, tt.signs) {
				t.Errorf("signed with %q, want %q", auth, tt.signs)
			}
		})
	}
}

// TestNoCredentialsAreLookedForOnce asks twice without any.
func TestNoCredentialsAreLookedForOnce(t *testing.T) {
	nobody(t)
	asked := 0
	f := newFake("a")
	s := storeOn(t, f, elsewhere)
	s.chain.links[1].provider = counting{&asked, s.chain.links[1].provider}
	src, err := s.Root(t.Context(), "s3://bucket")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := src.Stat(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	}
	if asked != 1 {
		t.Errorf("looked %d times", asked)
	}
	if f.seen[0].Method != http.MethodGet {
		t.Errorf("%v", f.requests())
	}
}

// counting counts how often credentials are asked for.
type counting struct {
	n *int
	credentials.Provider
}

func (c counting) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	*c.n++
	return c.Provider.RetrieveWithCredContext(cc)
}
