package showpad

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// TicketPause is how long to leave between two looks at tickets.
// Source: page Asset Management, which asks for 30 seconds.
const TicketPause = 30 * time.Second

// States of a ticket. Source: v3 get_tickets; others may come.
const (
	TicketQueued     = "queued"
	TicketProcessing = "processing"
	TicketCompleted  = "completed"
	TicketFailed     = "failed"
)

// Ticket is the service's work on an upload. Source: v3 get_tickets_id; that asset may
// be an object as well as a link was seen by clients.
type Ticket struct {
	ID           string
	Status       string // in lower case
	Type         string
	AssetID      string // of the asset that came of it; "" until then
	Provisional  string // the id that the asset will get
	FileName     string
	Folder       string // materialisedPath
	DivisionID   string
	Reason       string // why it failed; "" when it is not told, which is not documented
	CanBeForced  bool   // a failed one may be used as it is: [Client.ForceUseTicket]
	QueuedAt     Time
	StartedAt    Time
	CompletedAt  Time
	ResourceType string
}

// Finished reports whether the service works on it no more, well or not.
func (t Ticket) Finished() bool { return t.Status == TicketCompleted || t.Status == TicketFailed }

// Tickets lists tickets, 1,000 a request, each once: all, or those only that the
// service still works on. It needs the scope read_contentprofile_management.
//
// API: v3 get_tickets
func (c *Client) Tickets(ctx context.Context, onlyUnfinished bool) iter.Seq2[Ticket, error] {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if onlyUnfinished {
		q.Set("onlyUnfinished", "true")
	}
	return v3List(ctx, c, "v3 get_tickets", "/tickets.json", q, ticketOf, func(t Ticket) string { return t.ID })
}

// Ticket reads one ticket; [ErrNotFound] when there is none that this account may see.
// It needs the scope read_contentprofile_management.
//
// API: v3 get_tickets_id
func (c *Client) Ticket(ctx context.Context, id string) (t Ticket, err error) {
	err = c.v3One(ctx, "v3 get_tickets_id", "ticket", "/tickets/", id, "", func(m map[string]json.RawMessage) { t = ticketOf(m) })
	if err != nil {
		return Ticket{}, err
	}
	if t.ID == "" {
		t.ID = id
	}
	return t, nil
}

// ForceUseTicket has the service use a file whose processing failed; it refuses unless
// the ticket says CanBeForced. It needs the scope write_contentprofile_management.
//
// API: v3 post_tickets_id_force-use
func (c *Client) ForceUseTicket(ctx context.Context, id string) error {
	return c.ticketAction(ctx, "v3 post_tickets_id_force-use", id, "force-use")
}

// CancelTicket ends the service's work on a file. It needs the scope
// write_contentprofile_management.
//
// API: v3 post_tickets_id_cancel
func (c *Client) CancelTicket(ctx context.Context, id string) error {
	return c.ticketAction(ctx, "v3 post_tickets_id_cancel", id, "cancel")
}

// ticketAction may be repeated: a second one finds nothing left to do, or is refused.
func (c *Client) ticketAction(ctx context.Context, op, id, action string) error {
	if err := c.needV3(op); err != nil {
		return err
	}
	seg, err := segment(op, "ticket", id)
	if err != nil {
		return err
	}
	return c.do(ctx, &request{op: op, kind: KindChange, method: http.MethodPost, url: c.v3URL + "/tickets/" + seg + "/" + action, decode: func(b []byte) error {
		if len(strings.TrimSpace(string(b))) == 0 {
			return nil
		}
		_, _, err := v3Object(op, b)
		return err
	}})
}

func ticketOf(m map[string]json.RawMessage) Ticket {
	t := Ticket{
		ID: text(m["id"]), Status: strings.ToLower(text(m["status"])), Type: text(m["type"]), AssetID: linkedID(m["asset"]),
		Provisional: text(m["provisionalAssetId"]), FileName: text(m["assetFilename"]), Folder: text(m["materialisedPath"]),
		DivisionID: text(m["divisionId"]), CanBeForced: text(m["canBeForceUsed"]) == "true", ResourceType: text(m["resourcetype"]),
	}
	t.QueuedAt.read(m["queuedAt"])
	t.StartedAt.read(m["startedAt"])
	t.CompletedAt.read(m["completedAt"])
	for _, name := range []string{"error", "errorMessage", "message", "reason", "statusMessage"} { // Source: ASSUME
		if t.Reason == "" {
			t.Reason = clean(text(m[name]))
		}
	}
	return t
}

// linkedID is the id in a member that refers to something by a link, by an object, or
// by the id itself.
func linkedID(raw json.RawMessage) string {
	if m := object(raw); m != nil {
		return text(m["id"])
	}
	link := text(raw)
	if link == "" {
		return ""
	}
	if u, err := url.Parse(link); err == nil {
		link = u.Path
	}
	id := strings.TrimSuffix(path.Base(link), ".json")
	if id == "." || id == "/" {
		return ""
	}
	return id
}
