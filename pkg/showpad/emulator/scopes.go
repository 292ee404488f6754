package emulator

import (
	"net/http"
	"slices"
	"strings"
)

// ScopeRefresh is the scope without which no refresh token is given.
const ScopeRefresh = "refresh_token"

// Scopes are all that a client may have here. Source: v3 securitySchemes.
func Scopes() []string {
	return []string{
		ScopeRefresh, "read_user_management", "read_contentprofile_management", "write_contentprofile_management",
		"read_division_management", "write_division_management",
	}
}

// areas are the resources whose operations want a scope, by the first segments of
// their paths; v4 operations want what v3 wants for the same. Source: v3 security
// of each operation; v4 has none (ASSUME).
var areas = map[string]string{
	"assets": "contentprofile", "tags": "contentprofile", "tag-categories": "contentprofile", "tickets": "contentprofile",
	"divisions": "division", "users": "user",
}

// ScopesOf are the scopes that an operation wants; none for what is free to all
// who are signed in. Method and path are those of [Routes].
func ScopesOf(method, path string) []string {
	mode := "write_"
	if method == http.MethodGet || path == "/assets/query" {
		mode = "read_"
	}
	var out []string
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		part = strings.TrimSuffix(part, ".json")
		if part == "exports" {
			return []string{"read_division_management"}
		}
		if area := areas[part]; area != "" && !slices.Contains(out, mode+area+"_management") {
			out = append(out, mode+area+"_management")
		}
	}
	return out
}

// without takes away the scopes that a switch has taken from everybody.
func (s *Server) without(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return slices.Contains(s.sw.WithoutScopes, scope) })
}

// outOfScope refuses a call whose token lacks a scope. The service's own words are
// not known, so they name none.
func (s *Server) outOfScope(rt *route, c *call) *answer {
	have := c.caller.Scopes
	if have == nil {
		have = Scopes()
	}
	have = s.without(have)
	for _, scope := range ScopesOf(rt.method, rt.path) {
		if slices.Contains(have, scope) {
			continue
		}
		if rt.api == "v3" {
			return new(v3Answer(http.StatusForbidden, http.StatusForbidden, "ForbiddenError", "you are not allowed to do this"))
		}
		return new(problemAnswer(http.StatusForbidden, "you are not allowed to do this"))
	}
	return nil
}
