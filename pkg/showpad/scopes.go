package showpad

import (
	"net/http"
	"slices"
	"strings"
)

// ScopeRefresh is the scope without which an OAuth client gets no refresh token.
// Source: v3 securitySchemes.
const ScopeRefresh = "refresh_token"

// ScopesToRead are those that an OAuth client needs for all that only reads: lint, plan,
// verify, export and the like.
func ScopesToRead() []string {
	return []string{"read_user_management", "read_contentprofile_management", "read_division_management"}
}

// ScopesToRun are those that it needs beside them to make, change and archive assets
// and tags; and, for people's My Files alone, to write to Divisions of theirs.
// Source: v3 security of each operation; ASSUME for v4.
func ScopesToRun() (run, myFiles []string) {
	return []string{"write_contentprofile_management"}, []string{"write_division_management"}
}

// areas are the resources whose operations want a scope: content, Divisions, people.
// Languages, countries, shares and themes have no equivalent in v3 that would tell.
// Source: v3 security of each operation.
var areas = map[string]string{
	"assets": "contentprofile", "tags": "contentprofile", "tag-categories": "contentprofile", "tickets": "contentprofile",
	"divisions": "division", "users": "user",
}

// Scopes are those that an OAuth client needs for an operation, by its method and
// its path below the API's base; none where nobody says. v3 tells them for each
// operation; those of v4 are what v3 wants for the same. Source: ASSUME for v4.
func Scopes(method, path string) []string {
	mode := "write_"
	if method == http.MethodGet || path == "/assets/query" {
		mode = "read_"
	}
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "exports" {
		return []string{"read_division_management"}
	}
	var scopes []string
	for i := 0; i < len(parts); i += 2 { // resource, id, resource
		area := areas[strings.TrimSuffix(parts[i], ".json")]
		if scope := mode + area + "_management"; area != "" && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}
