package emulator

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"
)

const adminPrefix = "/_emulator/"

// admin serves the Server's own controls to tests in other processes.
func (s *Server) admin(c *call) answer {
	if !loopback(c.remote) {
		return problemAnswer(http.StatusForbidden, "the emulator's controls are for loopback addresses")
	}
	if err := c.readBody(); err != nil {
		return problemAnswer(http.StatusBadRequest, err.Error())
	}
	what := strings.TrimPrefix(c.url.Path, adminPrefix)
	switch c.method + " " + what {
	case "GET books":
		return jsonAnswer(http.StatusOK, s.Books())
	case "GET assets":
		return jsonAnswer(http.StatusOK, s.Assets())
	case "GET categories":
		return jsonAnswer(http.StatusOK, s.Categories())
	case "GET personal":
		return jsonAnswer(http.StatusOK, s.PersonalFiles())
	case "GET shares":
		return jsonAnswer(http.StatusOK, s.Shares())
	case "GET holds":
		return s.adminHeld(c)
	case "GET switches":
		s.mu.Lock()
		defer s.mu.Unlock()
		return jsonAnswer(http.StatusOK, s.sw)
	}
	// A page in a browser cannot send this type to another origin.
	if c.method == http.MethodPost && c.header.Get("Content-Type") != "application/json" {
		return problemAnswer(http.StatusUnsupportedMediaType, "the content type must be application/json")
	}
	switch c.method + " " + what {
	case "POST faults":
		return s.adminFaults(c)
	case "POST holds":
		return s.adminHold(c)
	case "POST holds/release":
		return s.adminRelease(c)
	case "POST switches":
		s.mu.Lock()
		defer s.mu.Unlock()
		sw := s.sw
		if err := strict(c.body, &sw); err != nil {
			return problemAnswer(http.StatusBadRequest, err.Error())
		}
		s.sw = sw
		s.freezeExports()
		return jsonAnswer(http.StatusOK, sw)
	case "POST clock":
		var body struct {
			Advance Duration `json:"advance"`
		}
		if err := strict(c.body, &body); err != nil {
			return problemAnswer(http.StatusBadRequest, err.Error())
		}
		s.Advance(time.Duration(body.Advance))
		return jsonAnswer(http.StatusOK, map[string]stamp{"now": stamp(s.Now())})
	}
	return problemAnswer(http.StatusNotFound, "the emulator has no such control: "+c.method+" "+what)
}

// adminFaults takes {"faults": [...]}, {"chaos": {"seed": 1, "rates": {...}}}
// and {"clear": true}, in one body or several.
func (s *Server) adminFaults(c *call) answer {
	var body struct {
		Clear  bool    `json:"clear"`
		Faults []Fault `json:"faults"`
		Chaos  *struct {
			Seed  uint64 `json:"seed"`
			Rates Rates  `json:"rates"`
		} `json:"chaos"`
	}
	if err := strict(c.body, &body); err != nil {
		return problemAnswer(http.StatusBadRequest, err.Error())
	}
	for _, f := range body.Faults {
		if err := f.check(); err != nil {
			return problemAnswer(http.StatusBadRequest, err.Error())
		}
	}
	if body.Clear {
		s.ClearFaults()
	}
	s.Fail(body.Faults...)
	if body.Chaos != nil {
		s.Chaos(body.Chaos.Seed, body.Chaos.Rates)
	}
	return noContent()
}

func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// loopback says whether a caller is on this machine; one in memory is.
func loopback(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote == ""
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
