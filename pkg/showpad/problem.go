package showpad

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// failure turns an answer that says no into an *Error. It understands v4 problem
// documents, both forms of the v3 envelope, OAuth errors and S3's XML, each
// leniently, and never fails: what it cannot read is quoted.
// Source: v4 problem documents, developer portal (Error Codes), RFC 6749, S3.
func failure(op string, status int, h http.Header, body []byte, secrets ...string) *Error {
	e := &Error{Op: op, Status: status, RetryAfter: retryAfter(h, time.Now())}
	for _, name := range []string{"X-Request-Id", "X-Amz-Request-Id", "X-Amzn-Requestid", "X-Correlation-Id"} {
		if id := h.Get(name); id != "" {
			e.RequestID = clean(id, secrets...)
			break
		}
	}
	text := bytes.TrimSpace(body)
	switch {
	case len(text) == 0:
	case text[0] == '{' && fromJSON(e, text):
	case text[0] == '<' && fromXML(e, text):
	case text[0] == '<':
		e.foreign = true
		e.Detail = "the answer is a web page, not the API's (a proxy or firewall in between?)"
	default:
		e.foreign = true
		e.Detail = string(text)
	}
	e.Code, e.Title, e.Detail = clean(e.Code, secrets...), clean(e.Title, secrets...), clean(e.Detail, secrets...)
	for i, f := range e.Fields {
		e.Fields[i] = FieldError{clean(f.Name, secrets...), clean(f.Reason, secrets...), clean(f.Category, secrets...)}
	}
	return e
}

// maxFields bounds the findings that an Error keeps.
const maxFields = 20

func fromJSON(e *Error, body []byte) bool {
	doc := object(body)
	if doc == nil {
		return false
	}
	e.Title, e.Detail = text(doc["title"]), text(doc["detail"])
	meta := doc["meta"]
	for _, m := range elements(meta) {
		if f := object(m); f != nil && len(e.Fields) < maxFields {
			fe := FieldError{text(f["name"]), text(f["reason"]), text(f["category"])}
			if fe != (FieldError{}) {
				e.Fields = append(e.Fields, fe)
			}
		}
	}
	if len(e.Fields) > 0 {
		e.Code = e.Fields[0].Category
	}
	if r := object(doc["response"]); r != nil { // v3
		e.Code, e.Detail = text(r["name"]), text(r["message"])
		if e.Code == "" {
			e.Code = text(r["code"])
		}
	}
	if m := object(meta); m != nil && e.Detail == "" { // v3, as older clients saw it
		e.Detail = text(m["message"])
	}
	if code := text(doc["error"]); code != "" { // OAuth
		e.Code, e.Detail = code, text(doc["error_description"])
	}
	if e.Detail == "" {
		e.Detail = text(doc["message"])
	}
	return true
}

func fromXML(e *Error, body []byte) bool {
	var x struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}
	if xml.Unmarshal(body, &x) != nil || x.Code == "" {
		return false
	}
	e.Code, e.Detail = x.Code, x.Message
	if e.RequestID == "" {
		e.RequestID = clean(x.RequestID)
	}
	return true
}

// object is the members of a JSON object; nil when b is something else.
func object(b []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m
}

// elements is the elements of an array, or b itself when it is an object.
func elements(b json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) == nil {
		return list
	}
	if object(b) != nil {
		return []json.RawMessage{b}
	}
	return nil
}

// text is a JSON string, number or boolean as text; anything else is "".
func text(b json.RawMessage) string {
	if s, ok := plain(b); ok {
		return s
	}
	var v any
	if json.Unmarshal(b, &v) != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strings.TrimSpace(string(b))
	}
	return ""
}
