package emulator

import (
	"cmp"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Source of the operations in this file: v3 get_tickets, get_tickets_id,
// post_tickets_id_force-use, post_tickets_id_cancel; that a cancelled ticket is a failed
// one, and that a failed file may be used as it is while nobody cancelled it, is ASSUME.

// wireTicket is a ticket as it is now.
func (s *Server) wireTicket(p *personalFile, c *call) map[string]any {
	now := s.now()
	state, since := p.status(now, &s.sw)
	t := map[string]any{
		"id": p.Ticket, "resourcetype": "Ticket", "status": state, "type": "asset", "asset": nil, "provisionalAssetId": p.ID,
		"assetFilename": p.FileName, "assetFileType": typeOf(p.FileName), "materialisedPath": p.Folder,
		"division": c.v3Link("divisions", p.Division), "divisionId": p.Division, "user": c.v3Link("users", p.By),
		"queuedAt": v3Stamp(&p.Created), "startedAt": nil, "completedAt": nil, "previewUrl": nil, "thumbnailUrl": nil,
		"canBeForceUsed": state == "failed" && p.Cancelled.IsZero(),
	}
	if started := p.Created.Add(p.Ready.Sub(p.Created) / 4); state != "queued" {
		t["startedAt"] = v3Stamp(&started)
	}
	if state == "completed" || state == "failed" {
		t["completedAt"] = v3Stamp(&since)
	}
	if state == "completed" && !matches(s.sw.TicketsWithoutAsset, p.Name) {
		t["asset"] = c.v3Link("assets", p.ID)
		if s.sw.TicketAssetObject {
			t["asset"] = map[string]any{"id": p.ID, "href": c.v3Link("assets", p.ID)}
		}
	}
	return t
}

func (c *call) v3Link(kind, id string) string {
	return c.scheme + "://" + c.host + path.Join(prefixes["v3"], kind, id+".json")
}

func (s *Server) ticket(c *call) *personalFile {
	for _, p := range s.st.personal {
		if p.Ticket != "" && p.Ticket == c.params["id"] {
			return p
		}
	}
	return nil
}

func noTicket(c *call) answer {
	return v3Answer(http.StatusNotFound, 3004, "ResourceNotFoundError", "there is no ticket "+c.params["id"])
}

func getTickets(s *Server, c *call) answer {
	p, no := c.query(false, []string{"limit", "offset", "status", "divisionId", "onlyUnfinished", "onlyCustomerTypes", "includeNonRequired", "sort", "suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	limit, offset, bad := p.v3Paging(0, maxLimit, defaultLimit)
	if bad != nil {
		return *bad
	}
	for name, allowed := range map[string][]string{
		"status": {"queued", "processing", "completed", "failed"}, "sort": {"queuedAt", "-queuedAt", "status", "-status"},
		"onlyUnfinished": {"true", "false"}, "onlyCustomerTypes": {"true", "false"}, "includeNonRequired": {"true", "false"},
	} {
		if v, given := p.text[name]; given && !slices.Contains(allowed, v) {
			return v3Answer(http.StatusBadRequest, 2001, invalidParameter, name+" must be one of "+strings.Join(allowed, ", "))
		}
	}
	found := []map[string]any{}
	for _, f := range s.st.personal {
		state, _ := f.status(s.now(), &s.sw)
		if f.Ticket == "" || p.text["divisionId"] != "" && f.Division != p.text["divisionId"] || p.text["status"] != "" && state != p.text["status"] ||
			p.text["onlyUnfinished"] == "true" && (state == "completed" || state == "failed") {
			continue
		}
		found = append(found, s.wireTicket(f, c))
	}
	if by, ok := p.text["sort"]; ok {
		member := strings.TrimPrefix(by, "-")
		slices.SortStableFunc(found, func(a, b map[string]any) int {
			order := cmp.Compare(a[member].(string), b[member].(string))
			if by != member {
				order = -order
			}
			return order
		})
	}
	return s.v3List(&p, found, limit, offset)
}

func getTicket(s *Server, c *call) answer {
	p, no := c.query(false, []string{"suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	f := s.ticket(c)
	if f == nil {
		return noTicket(c)
	}
	return s.v3OK(p.fields(s.wireTicket(f, c)))
}

func postTicketForce(s *Server, c *call) answer {
	return s.ticketAction(c, func(p *personalFile, state string) bool { return state == "failed" && p.Cancelled.IsZero() }, func(p *personalFile, now time.Time) {
		p.Forced, p.Ready = true, now
	})
}

func postTicketCancel(s *Server, c *call) answer {
	return s.ticketAction(c, func(_ *personalFile, state string) bool { return state == "queued" || state == "processing" }, func(p *personalFile, now time.Time) { p.Cancelled = now })
}

// ticketAction changes a ticket that is in a state for it.
func (s *Server) ticketAction(c *call, may func(*personalFile, string) bool, act func(*personalFile, time.Time)) answer {
	if _, no := c.query(false, []string{"suppress_response_codes"}, nil); no != nil {
		return v3BadQuery(no)
	}
	p := s.ticket(c)
	if p == nil {
		return noTicket(c)
	}
	if len(c.body) > 0 {
		return v3Answer(http.StatusBadRequest, 5000, "InvalidBodyError", "this operation takes no body")
	}
	if state, _ := p.status(s.now(), &s.sw); !may(p, state) {
		return v3Answer(http.StatusBadRequest, 3008, "ResourceNotModifiableError", "the ticket is "+state)
	}
	if !c.commit() {
		return answer{}
	}
	act(p, s.now())
	s.log(record{Personal: p})
	return s.v3OK(map[string]any{})
}
