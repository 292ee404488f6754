package emulator

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// finding is one entry of a problem's meta. Source: v4, RFC 9457.
type finding struct {
	Name     string `json:"name"`
	Reason   string `json:"reason"`
	Category string `json:"category"`
}

// Categories of findings. propertyRequired is the specification's; the others
// are ours. Source: ASSUME.
const (
	catRequired  = "propertyRequired"
	catInvalid   = "propertyInvalid"
	catUnknown   = "propertyUnknown"
	catQuery     = "queryInvalid"
	catQueryName = "queryUnknown"
	catBody      = "bodyInvalid"
)

// problem is a v4 error document.
type problem struct {
	Title  string    `json:"title"`
	Detail string    `json:"detail"`
	Status int       `json:"status"`
	Type   string    `json:"type"`
	Meta   []finding `json:"meta,omitempty"`
}

func problemAnswer(status int, detail string, meta ...finding) answer {
	title := http.StatusText(status)
	return answer{status: status, ctype: "application/problem+json", value: problem{
		Title: title, Detail: detail, Status: status, Meta: meta,
		Type: "/problems/" + strings.ReplaceAll(strings.ToLower(title), " ", "-"),
	}}
}

func badRequest(meta ...finding) answer {
	reasons := make([]string, len(meta))
	for i, f := range meta {
		reasons[i] = f.Name + ": " + f.Reason
	}
	return problemAnswer(http.StatusBadRequest, strings.Join(reasons, "; "), meta...)
}

func notFound(what, id string) answer {
	return problemAnswer(http.StatusNotFound, fmt.Sprintf("%s %q does not exist or is not visible", what, id))
}

// s3Error is what storage answers when it refuses. Source: S3.
type s3Error struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

func s3Answer(status int, code, message string) answer {
	b, err := xml.Marshal(s3Error{Code: code, Message: message, RequestID: "EMULATED00000000", HostID: "emulator"})
	if err != nil {
		panic("emulator: an answer that is no XML: " + err.Error()) // our own types only
	}
	return answer{status: status, ctype: "application/xml", body: append([]byte(xml.Header), b...)}
}

// refusal is an answer with a status and nothing done, in the dialect of the
// operation.
func refusal(op string, status int, code string) answer {
	text := http.StatusText(status)
	switch {
	case op == OpPut || op == OpGet:
		if code == "" {
			code = map[int]string{
				400: "RequestTimeout", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown", 504: "ServiceUnavailable",
			}[status]
		}
		if code == "" {
			code = "InternalError"
		}
		return s3Answer(status, code, "refused on request: "+text)
	case op == OpToken || op == OpAuthorize:
		if code == "" {
			code = "temporarily_unavailable"
		}
		return oauthError(status, code, text)
	case apiOf(op) == "v3":
		return v3Answer(status, status, strings.ReplaceAll(text, " ", "")+"Error", text)
	}
	return problemAnswer(status, "refused on request: "+text)
}
