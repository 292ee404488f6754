package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// Names of what is no v4 operation.
const (
	OpPut   = "put"   // the upload to storage
	OpGet   = "get"   // the download of bytes, by either link
	OpToken = "token" // POST /oauth2/token of v3

	OpAuthorize = "authorize" // GET /oauth2/authorize of v3, which a browser calls

	opUnknown = "unknown"
)

// route is an operation that is served.
type route struct {
	api    string // v4 or v3
	op     string
	method string
	path   string // below the API's prefix
	writes bool
	run    func(*Server, *call) answer // called with the lock held
}

var routes = []route{
	{"v4", "getAssets", "GET", "/assets", false, getAssets},
	{"v4", "postAssets", "POST", "/assets", true, postAssets},
	{"v4", "postAssetsQuery", "POST", "/assets/query", false, postAssetsQuery}, // before the path with an id
	{"v4", "getAsset", "GET", "/assets/{assetId}", false, getAsset},
	{"v4", "updateAsset", "POST", "/assets/{assetId}", true, updateAsset},
	{"v4", "deleteAsset", "DELETE", "/assets/{assetId}", true, deleteAsset},
	{"v4", "getAssetFiles", "GET", "/assets/{assetId}/files", false, getAssetFiles},
	{"v4", "postAssetFiles", "POST", "/assets/{assetId}/files", true, postAssetFiles},
	{"v4", "getAssetFileById", "GET", "/assets/{assetId}/files/{fileId}", false, getAssetFileByID},
	{"v4", "getTags", "GET", "/tags", false, getTags},
	{"v4", "postTags", "POST", "/tags", true, postTags},
	{"v4", "getTag", "GET", "/tags/{tagId}", false, getTag},
	{"v4", "updateTag", "POST", "/tags/{tagId}", true, updateTag},
	{"v4", "deleteTag", "DELETE", "/tags/{tagId}", true, deleteTag},
	{"v4", "getTagCategories", "GET", "/tag-categories", false, getTagCategories},
	{"v4", "postTagCategories", "POST", "/tag-categories", true, postTagCategories},
	{"v4", "getTagCategory", "GET", "/tag-categories/{tagCategoryId}", false, getTagCategory},
	{"v4", "updateTagCategory", "POST", "/tag-categories/{tagCategoryId}", true, updateTagCategory},
	{"v4", "deleteTagCategory", "DELETE", "/tag-categories/{tagCategoryId}", true, deleteTagCategory},
	{"v4", "updateTagCategoryTags", "POST", "/tag-categories/{tagCategoryId}/tags", true, updateTagCategoryTags},
	{"v4", "create-share", "POST", "/shares", true, createShare},
	{"v4", "theme-list", "GET", "/themes", false, themeList},
	{"v4", "theme-get", "GET", "/themes/{themeId}", false, themeGet},
	{"v4", "getDivisions", "GET", "/divisions", false, getDivisions},
	{"v4", "getDivisionById", "GET", "/divisions/{divisionId}", false, getDivisionByID},
	{"v4", "getUsers", "GET", "/users", false, getUsers},
	{"v4", "getUserById", "GET", "/users/{userId}", false, getUserByID},
	{"v4", "getLanguages", "GET", "/languages", false, getLanguages},
	{"v4", "getCountries", "GET", "/countries", false, getCountries},
	{"v3", "get_users_me", "GET", "/users/me.json", false, getMe},
	{"v3", "get_assets_id", "GET", "/assets/{id}.json", false, getV3Asset},
	{"v3", "get_users", "GET", "/users.json", false, getV3Users},
	{"v3", "get_users_id", "GET", "/users/{id}.json", false, getV3User},
	{"v3", opPersonal, "POST", "/divisions/{id}/assets.json", true, postPersonal},
	{"v3", "get_tickets", "GET", "/tickets.json", false, getTickets},
	{"v3", "get_tickets_id", "GET", "/tickets/{id}.json", false, getTicket},
	{"v3", "post_tickets_id_force-use", "POST", "/tickets/{id}/force-use", true, postTicketForce},
	{"v3", "post_tickets_id_cancel", "POST", "/tickets/{id}/cancel", true, postTicketCancel},
	{"v3", "get_exports_divisions", "GET", "/exports/divisions.json", false, getExportDivisions},
	{"v3", "get_exports_users", "GET", "/exports/users.json", false, getExportUsers},
	{"v3", "get_exports_assets", "GET", "/exports/assets.json", false, getExportAssets},
	{"v3", OpAuthorize, "GET", "/oauth2/authorize", true, getAuthorize},
	{"v3", OpToken, "POST", "/oauth2/token", true, postToken},
}

// Routes lists the operations that are served, a line each, such as
// "v4 postAssets POST /assets". Storage is not among them: where its URLs point
// is its own affair.
func Routes() []string {
	out := make([]string, len(routes))
	for i, r := range routes {
		out[i] = fmt.Sprintf("%s %s %s %s", r.api, r.op, r.method, r.path)
	}
	return out
}

// prefixes are the paths of the APIs on their hosts.
var prefixes = map[string]string{"v4": "/v4", "v3": "/api/v3"}

// free says whether an operation is none of the API's: it needs no token and costs
// nothing of the budget.
func free(op string) bool {
	return op == OpPut || op == OpGet || op == OpToken || op == OpAuthorize
}

// isOp says whether a name is that of an operation.
func isOp(name string) bool {
	return name == OpPut || name == OpGet || slices.ContainsFunc(routes, func(r route) bool { return r.op == name })
}

// writes says whether a name is that of an operation that changes something.
func writes(name string) bool {
	return name == OpPut || slices.ContainsFunc(routes, func(r route) bool { return r.op == name && r.writes })
}

// apiOf is the API of an operation; "" for what is no route.
func apiOf(op string) string {
	for i := range routes {
		if routes[i].op == op {
			return routes[i].api
		}
	}
	return ""
}

// match finds the route of a request. known says that the path exists for
// another method.
func match(method, path string) (rt *route, params map[string]string, known bool) {
	for i := range routes {
		r := &routes[i]
		rest, ok := strings.CutPrefix(path, prefixes[r.api])
		if !ok {
			continue
		}
		if p, ok := matchPath(r.path, rest); ok {
			if r.method == method {
				return r, p, true
			}
			known = true
		}
	}
	return nil, nil, known
}

func matchPath(pattern, path string) (map[string]string, bool) {
	if strings.Count(pattern, "/") != strings.Count(path, "/") {
		return nil, false
	}
	var params map[string]string
	for pattern != "" {
		var want, got string
		want, pattern = segment(pattern)
		got, path = segment(path)
		name, ending, isParam := strings.Cut(strings.TrimPrefix(want, "{"), "}")
		if value, ok := strings.CutSuffix(got, ending); isParam && ok && value != "" {
			if params == nil {
				params = map[string]string{}
			}
			params[name] = value
		} else if want != got {
			return nil, false
		}
	}
	return params, true
}

// segment cuts the first segment off a path that begins with a slash.
func segment(path string) (first, rest string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
