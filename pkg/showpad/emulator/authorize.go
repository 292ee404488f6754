package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// code is an authorization code that has not been redeemed.
type code struct {
	user      string // e-mail address
	redirect  string
	challenge string // of PKCE; "" for none
	expires   time.Time
}

// getAuthorize is the page where a person agrees that a client acts for them. This
// one agrees by itself, at once, unless [Switches] says otherwise.
// Source: v3 securitySchemes; RFC 6749, 4.1; RFC 7636 (ASSUME: errors, PKCE).
func getAuthorize(s *Server, c *call) answer {
	q, err := url.ParseQuery(c.url.RawQuery)
	if err != nil {
		return plainPage("the query cannot be read")
	}
	// What does not come from the client, or would not go back to it, is answered here.
	if !same(q.Get("client_id"), s.opts.OAuth.ClientID) {
		return plainPage("there is no such client")
	}
	redirect := q.Get("redirect_uri")
	if !s.registered(redirect) {
		return plainPage("the redirect URL is not registered with the client")
	}
	back := func(pairs ...string) answer {
		u, err := url.Parse(redirect)
		if err != nil {
			return plainPage("the redirect URL is none")
		}
		v := u.Query()
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		if state := q.Get("state"); state != "" {
			v.Set("state", state)
		}
		u.RawQuery = v.Encode()
		a := answer{status: http.StatusFound, ctype: "text/html; charset=utf-8"}
		a.set("Location", u.String())
		a.set("Cache-Control", "no-store")
		return a
	}
	no := func(code, description string) answer { return back("error", code, "error_description", description) }
	challenge := q.Get("code_challenge")
	switch {
	case q.Get("response_type") != "code":
		return no("unsupported_response_type", "response_type must be code")
	case challenge != "" && s.opts.OAuth.PKCE == PKCERefuse:
		return no("invalid_request", "code_challenge is not a parameter")
	case s.opts.OAuth.PKCE != PKCEVerify:
		challenge = ""
	case challenge != "" && q.Get("code_challenge_method") != "S256":
		return no("invalid_request", "code_challenge_method must be S256")
	}
	if s.sw.DenySignIn {
		return no("access_denied", "the user did not agree")
	}
	if !c.commit() {
		return answer{}
	}
	id, _ := s.newID("code")
	value := "sandbox-code-" + id
	s.codes[value] = &code{s.opts.OAuth.Username, redirect, challenge, s.now().Add(s.opts.OAuth.CodeLife)}
	return back("code", value)
}

// plainPage is a refusal that is told to the person and to nobody else.
func plainPage(text string) answer {
	return answer{status: http.StatusBadRequest, ctype: "text/plain; charset=utf-8", body: []byte(text + "\n")}
}

// registered says whether a redirect URL is the client's.
func (s *Server) registered(redirect string) bool {
	if urls := s.opts.OAuth.RedirectURLs; urls != nil {
		return slices.Contains(urls, redirect)
	}
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// redeem finds whose the code of a token request is; the code is spent when that
// request is carried out. Source: RFC 6749, 4.1.3; RFC 7636, 4.6.
func (s *Server) redeem(form url.Values) (email string, no *answer) {
	refuse := func(code, description string) (string, *answer) {
		return "", new(oauthError(http.StatusBadRequest, code, description))
	}
	verifier := form.Get("code_verifier")
	if verifier != "" && s.opts.OAuth.PKCE == PKCERefuseVerifier {
		return refuse("invalid_request", "code_verifier is not a parameter")
	}
	k := s.codes[form.Get("code")]
	switch {
	case k == nil || !s.now().Before(k.expires):
		return refuse("invalid_grant", "the code is expired, used or unknown")
	case form.Get("redirect_uri") != k.redirect:
		return refuse("invalid_grant", "redirect_uri is not the one that the code went to")
	case k.challenge != "":
		sum := sha256.Sum256([]byte(verifier))
		if !same(base64.RawURLEncoding.EncodeToString(sum[:]), k.challenge) {
			return refuse("invalid_grant", "code_verifier does not fit the challenge")
		}
	}
	return k.user, nil
}
