package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/showpad-migrate/migrate/pkg/manifest/expand"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// openSandbox opens the stand-in of a manifest, with the Divisions, people and
// languages that the manifest names, so that any manifest can be tried.
func openSandbox(ctx context.Context, set *expand.Set, t target, dir string) (*emulator.Server, error) {
	o := sandboxOptions(t.subdomain)
	o.Dir = dir
	if err := adopt(ctx, &o, set); err != nil {
		return nil, err
	}
	s, err := emulator.New(o)
	if err != nil {
		return nil, sandboxError(dir, err)
	}
	return s, nil
}

// sandboxToken is the credential of a sandbox. It opens nothing else.
func sandboxToken() oauth2.TokenSource { return showpad.StaticToken(emulator.DefaultToken) }

// sandboxOptions are the tenant that every sandbox begins with.
func sandboxOptions(subdomain string) emulator.Options {
	return emulator.Options{
		Subdomain: subdomain,
		Divisions: []emulator.Division{
			{ID: emulator.DivisionMarketing, Name: "Marketing", SharingEnabled: true},
			{ID: emulator.DivisionSales, Name: "Sales EMEA"},
		},
		Users: []emulator.User{
			sandboxUser("jane@example.com"), sandboxUser("content-team@example.com"), sandboxUser("john.q@example.com"),
		},
	}
}

// fixedID is an id made from a name: the same in every sandbox, whatever else
// is in it.
func fixedID(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "/" + name))
	return hex.EncodeToString(sum[:16])
}

func sandboxUser(email string) emulator.User {
	name, _, _ := strings.Cut(email, "@")
	return emulator.User{ID: fixedID("user", strings.ToLower(email)), Email: email, FirstName: name, LastName: "Sandbox"}
}

var (
	idForm       = regexp.MustCompile(`^[0-9a-f]{32}$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

func addDivision(o *emulator.Options, name string) {
	known := func(d emulator.Division) bool { return d.Name == name || d.ID == name }
	if name == "" || slices.ContainsFunc(o.Divisions, known) {
		return
	}
	d := emulator.Division{ID: fixedID("division", name), Name: name}
	if idForm.MatchString(name) {
		d = emulator.Division{ID: name, Name: "Division " + name[:8]}
	}
	o.Divisions = append(o.Divisions, d)
}

func addUser(o *emulator.Options, email string) {
	known := func(u emulator.User) bool { return strings.EqualFold(u.Email, email) || u.ID == email }
	switch {
	case slices.ContainsFunc(o.Users, known):
	case strings.Contains(email, "@"):
		o.Users = append(o.Users, sandboxUser(email))
	case idForm.MatchString(email):
		o.Users = append(o.Users, emulator.User{ID: email, Email: email[:8] + "@example.com", FirstName: email[:8], LastName: "Sandbox"})
	}
}

// adopt adds to a tenant what a manifest names. A language that does not look
// like one is left out, so that a sandbox finds that mistake too.
func adopt(ctx context.Context, o *emulator.Options, set *expand.Set) error {
	addDivision(o, set.Manifest.Division)
	languages := map[string]bool{}
	seen := map[string]bool{} // kind and value: a manifest of a million rows names few
	once := func(kind, value string) bool {
		key := kind + value
		if seen[key] {
			return false
		}
		seen[key] = true
		return true
	}
	for item, err := range set.Readable(ctx) { // all that can be named
		if err != nil {
			return err
		}
		if once("division/", item.Division) {
			addDivision(o, item.Division)
		}
		for _, author := range item.Fields.Authors.Value {
			if once("user/", author) {
				addUser(o, author)
			}
		}
		for _, l := range item.Fields.Languages.Value {
			if languageForm.MatchString(l) {
				languages[l] = true
			}
		}
	}
	o.Languages = moreLanguages(languages)
	return nil
}

// moreLanguages are those that a sandbox knows anyway and those named.
func moreLanguages(named map[string]bool) []string {
	all := []string{"en", "de", "fr", "nl", "es", "it", "pt", "pt-BR", "da", "sv", "nb", "fi", "pl", "cs", "hu", "ja", "ko", "zh-Hans", "tr", "ru"}
	for _, l := range all {
		delete(named, l)
	}
	for l := range named {
		all = append(all, l)
	}
	slices.Sort(all[20:])
	return all
}
