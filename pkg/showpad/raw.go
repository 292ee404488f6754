package showpad

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// RawCall is a request made by hand: any operation of the API, whether or not this
// package has a method for it.
type RawCall struct {
	Method string // in capitals
	// Path is below the v4 base ("/assets?limit=1"), or below the v3 base when it begins
	// with "/api/v3/"; "/v4/" is the v4 base too. An absolute URL must be one of the two.
	Path        string
	Body        []byte // nil: none. JSON, unless ContentType says otherwise
	ContentType string // "" is application/json
}

// RawAnswer is an answer as it came.
type RawAnswer struct {
	Status int
	Header http.Header
	Body   []byte // of a refusal at most 64 KiB
}

// v3Prefix begins the paths of v3. Source: servers of the v3 specification.
const v3Prefix = "/api/v3"

// methods that a call by hand may have.
var rawMethods = map[string]bool{"GET": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true}

// Call sends a request made by hand through the gate, signed in, with the retries of
// its kind ([RawCall.Kind]). An answer that says no is an [*Error] and comes with the
// answer; a creating request whose answer was lost is [ErrUnknownOutcome]. A 2xx that
// is a web page is no answer of the API. Nothing is sent when the path leads elsewhere
// than to the two bases, or the body is not the JSON that it should be.
func (c *Client) Call(ctx context.Context, r RawCall) (RawAnswer, error) {
	op := r.Method + " " + clean(pathOnly(r.Path))
	target, err := c.rawURL(op, r.Path)
	if err != nil {
		return RawAnswer{}, err
	}
	if !rawMethods[r.Method] {
		return RawAnswer{}, badRequest(op, "no operation of the API has this method (use GET, POST, PUT, PATCH or DELETE)")
	}
	if r.Body != nil && r.ContentType == "" && !json.Valid(r.Body) {
		var v any
		return RawAnswer{}, badRequest(op, "the body is not JSON: %v", json.Unmarshal(r.Body, &v))
	}
	var a RawAnswer
	q := &request{op: op, kind: r.Kind(), method: r.Method, url: target, payload: r.Body, contentType: r.ContentType, gone: r.Method == "DELETE", seen: &a}
	q.decode = func(b []byte) error {
		if bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")) {
			return errors.New("it is a web page, not the API's (a proxy or firewall in between?)")
		}
		if _, v3 := rawPath(pathOnly(r.Path)); v3 && isObject(b) {
			_, _, err := v3Object(op, b) // 200 outside, an error inside
			return err
		}
		return nil
	}
	err = c.do(ctx, q)
	return a, err
}

// repeatable are the POSTs of v4 that set absolute values or only ask: a repeat does no
// harm. Source: v4 updateAsset, postAssetFiles, updateTag, updateTagCategory,
// updateTagCategoryTags.
var repeatable = regexp.MustCompile(`^/(assets|tags|tag-categories)/[^/]+$|^/assets/[^/]+/files$|^/tag-categories/[^/]+/tags$`)

// Kind is what the call does to the service. A POST or PATCH that is not known to be
// harmless when repeated counts as creating.
func (r RawCall) Kind() Kind {
	path, v3 := rawPath(pathOnly(r.Path))
	switch {
	case r.Method == "GET":
		return KindRead
	case r.Method == "PUT", r.Method == "DELETE":
		return KindChange
	case r.Method == "POST" && !v3 && path == "/assets/query":
		return KindRead
	case r.Method == "POST" && !v3 && repeatable.MatchString(path):
		return KindChange
	}
	return KindCreate
}

// pathOnly is the path of a call without its query and without a host.
func pathOnly(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		path, _, _ := strings.Cut(raw, "?")
		return path
	}
	return u.EscapedPath()
}

// rawPath is a path below its base.
func rawPath(path string) (below string, v3 bool) {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if rest, ok := strings.CutPrefix(path, v3Prefix); ok && (rest == "" || rest[0] == '/') {
		return rest, true
	}
	if rest, ok := strings.CutPrefix(path, "/v4"); ok && (rest == "" || rest[0] == '/') {
		return rest, false
	}
	return path, false
}

// rawURL is where a call goes. It refuses what would take the token elsewhere.
func (c *Client) rawURL(op, raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", badRequest(op, "the path cannot be read (write /assets?limit=10; %% as %%25)")
	}
	if u.Fragment != "" || u.User != nil {
		return "", badRequest(op, "a path has no fragment and no user name")
	}
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(part); err != nil || plain == "." || plain == ".." || strings.Contains(plain, `\`) {
			return "", badRequest(op, "the path has a part %q, which may lead elsewhere", clean(part))
		}
	}
	path := u.EscapedPath()
	if u.Scheme != "" || u.Host != "" {
		rest := ""
		for _, base := range []struct{ url, path string }{{c.apiURL, "/v4"}, {c.v3URL, v3Prefix}} {
			whole := u.Scheme + "://" + u.Host + u.EscapedPath()
			if below, ok := strings.CutPrefix(whole, base.url); base.url != "" && ok && strings.HasPrefix(below, "/") {
				rest = base.path + below
			}
		}
		if rest == "" {
			return "", badRequest(op, "the token goes to the tenant alone, and this address is not its API (write the path, such as /assets or /api/v3/users/me.json)")
		}
		path = rest
	}
	below, v3 := rawPath(path)
	base := c.apiURL
	if v3 {
		if err := c.needV3(op); err != nil {
			return "", err
		}
		base = c.v3URL
	}
	if below == "" || below == "/" || strings.HasPrefix(below, "//") {
		return "", badRequest(op, "name a path, such as /assets")
	}
	if u.RawQuery != "" {
		below += "?" + u.RawQuery
	}
	return base + below, nil
}
