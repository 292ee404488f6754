package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// library writes n files of one byte to a few hundred kilobytes, of mixed
// types, and a manifest of them with two tags; it returns each file's MD5.
func library(t *testing.T, n int) map[string]string {
	t.Helper()
	sums := map[string]string{}
	var m strings.Builder
	m.WriteString("version: 1\ndivision: Marketing\ndefaults: {tags: [Moved]}\nassets:\n")
	files := map[string]string{}
	types := []string{"txt", "pdf", "csv", "pptx", "png", "mp4", "zip"}
	for i := range n {
		id, name := fmt.Sprintf("L-%04d", i), fmt.Sprintf("file %04d.%s", i, types[i%len(types)])
		data := strings.Repeat(fmt.Sprintf("%d.", i), 1+(i*i*37)%90_000)[:1+(i*i*37)%90_000]
		files["content/"+name] = data
		sum := md5.Sum([]byte(data))
		sums[id] = hex.EncodeToString(sum[:])
		fmt.Fprintf(&m, "  - {externalId: %s, file: \"content/%s\"", id, name)
		if i%3 == 0 {
			m.WriteString(", tags: [Third]")
		}
		m.WriteString("}\n")
	}
	files["m.yaml"] = m.String()
	write(t, files)
	return sums
}

// checkLibrary asserts that the service has exactly the library.
func checkLibrary(t *testing.T, tenant *emulator.Server, sums map[string]string) {
	t.Helper()
	b := tenant.Books()
	if len(b.Duplicates) > 0 || len(b.Orphans) > 0 || len(b.Renames) > 0 || b.Unknown > 0 || b.TokensAtStorage > 0 || b.InsideClosedGate > 0 {
		t.Errorf("duplicates %v, orphans %v, renames %v, unknown requests %v, %d tokens at storage, %d calls in a closed gate",
			b.Duplicates, b.Orphans, b.Renames, b.UnknownNotes, b.TokensAtStorage, b.InsideClosedGate)
	}
	assets := tenant.Assets()
	if len(assets) != len(sums) {
		t.Errorf("%d assets, want %d", len(assets), len(sums))
	}
	for _, a := range assets {
		want := []string{"Moved"}
		var i int
		if _, err := fmt.Sscanf(a.ExternalID, "L-%d", &i); err == nil && i%3 == 0 {
			want = append(want, "Third")
		}
		tags := slices.Sorted(slices.Values(a.Tags))
		if a.Status != "active" || a.MD5 != sums[a.ExternalID] || !slices.Equal(tags, want) {
			t.Errorf("%s: status %s, MD5 %s (want %s), tags %v (want %v)", a.ExternalID, a.Status, a.MD5, sums[a.ExternalID], tags, want)
		}
	}
}

func TestThreeHundredFiles(t *testing.T) {
	const n = 300
	tenant, vars := serve(t, emulator.Options{Processing: 50 * time.Millisecond})
	sums := library(t, n)
	p := expect(t, vars, exitOK, "run", "m.yaml")
	if !strings.Contains(p.out.String(), "300 of 300 done") {
		t.Errorf("said:\n%s", p.out)
	}
	checkLibrary(t, tenant, sums)
	// Two requests for each asset, two for each tag, and some for all.
	if b := tenant.Books(); float64(b.API) > 2.05*n+2*2+40 || b.Puts != n {
		t.Errorf("%d requests and %d uploads: %v", b.API, b.Puts, b.Requests)
	}
	tenant.ResetBooks()
	expect(t, vars, exitOK, "run", "m.yaml")
	if b := tenant.Books(); b.API > 12 || b.Puts > 0 {
		t.Errorf("again: %d requests and %d uploads: %v", b.API, b.Puts, b.Requests)
	}
	expect(t, vars, exitOK, "plan", "m.yaml", "--exit-code")
	expect(t, vars, exitOK, "verify", "m.yaml")
}

func TestOneRunGetsThroughFaults(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{ListLag: 700 * time.Millisecond})
	sums := library(t, 100)
	tenant.Chaos(11, emulator.Rates{
		Status5xx: 0.05, ResetBefore: 0.03, LostAfter: 0.02, TooMany: 0.02, Truncated: 0.01, Storage503: 0.02, StorageReset: 0.02, StorageLost: 0.02,
	})
	p := expect(t, vars, exitOK, "run", "m.yaml", "--settle-time", "2s")
	if !strings.Contains(p.out.String(), "100 of 100 done") {
		t.Errorf("said:\n%s", p.out)
	}
	faults := tenant.Books().Faults
	tenant.Chaos(11, emulator.Rates{})
	checkLibrary(t, tenant, sums)
	if len(faults) < 4 {
		t.Errorf("only these faults came: %v", slices.Sorted(maps.Keys(faults)))
	}
	expect(t, vars, exitOK, "plan", "m.yaml", "--exit-code")
}

func TestSignInWithAPasswordAndItsTokens(t *testing.T) {
	tenant, vars := serve(t, emulator.Options{})
	dir := write(t, twoItems())
	vars["XDG_CONFIG_HOME"] = filepath.Join(dir, "config")
	delete(vars, "SHOWPAD_TOKEN")
	expect(t, vars, exitNotSignedIn, "run", "m.yaml")
	vars["SHOWPAD_CLIENT_ID"], vars["SHOWPAD_CLIENT_SECRET"] = emulator.DefaultClientID, emulator.DefaultClientSecret
	vars["SHOWPAD_USERNAME"], vars["SHOWPAD_PASSWORD"] = emulator.DefaultUsername, "wrong-password-not-real"
	p := expect(t, vars, exitNotSignedIn, "run", "m.yaml")
	if n := tenant.Books().Requests["token"]; n != 1 {
		t.Errorf("a refused password was tried %d times, want once", n)
	}
	if strings.Contains(p.err.String(), "wrong-password") {
		t.Errorf("said the password:\n%s", p.err)
	}
	vars["SHOWPAD_PASSWORD"] = emulator.DefaultPassword
	p = expect(t, vars, exitOK, "run", "m.yaml", "--log-level", "trace")
	for _, secret := range []string{emulator.DefaultPassword, emulator.DefaultClientSecret} {
		if strings.Contains(p.err.String()+p.out.String(), secret) {
			t.Errorf("said %s", secret)
		}
	}
	// The next command lives on the tokens that were kept, without the password.
	delete(vars, "SHOWPAD_USERNAME")
	delete(vars, "SHOWPAD_PASSWORD")
	expect(t, vars, exitOK, "verify", "m.yaml")
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "tokens") && strings.HasSuffix(path, ".json") {
			files++
			info, err := d.Info()
			if err != nil || !strings.HasPrefix(d.Name(), "loopback-acme-") || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("token file %s: %v, %v", path, info.Mode(), err)
			}
		}
		return err
	})
	if err != nil || files != 1 {
		t.Errorf("%d token files, %v", files, err)
	}
}
