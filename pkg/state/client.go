package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// errUnreachable is a holder that does not answer as one does: it is gone.
var errUnreachable = errors.New("the run that has the state does not answer")

// client is a Reader that asks the holder of a state.
type client struct {
	holder Holder
	key    string
	idle   time.Duration // how long a copy may stand still
	http   *http.Client
}

func newClient(c lockContent) *client {
	return &client{holder: c.Holder, key: c.Key, idle: takeIdle, http: &http.Client{
		Transport: &http.Transport{ // no proxy: the address is our own machine's
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			ResponseHeaderTimeout: 30 * time.Second,
			MaxIdleConnsPerHost:   2,
			IdleConnTimeout:       10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post returns the holder's answer, whose body its caller closes.
func (c *client) post(ctx context.Context, q question) (*http.Response, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.holder.Addr+"/", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get(protocolHeader) != protocol {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: %s", errUnreachable, resp.Status)
	}
	return resp, nil
}

func (c *client) ask(ctx context.Context, q question) (answer, error) {
	resp, err := c.post(ctx, q)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	return readAnswer(ctx, resp)
}

func readAnswer(ctx context.Context, resp *http.Response) (answer, error) {
	var a answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a); err != nil {
		return answer{}, unreachable(ctx, err)
	}
	switch {
	case a.Damaged:
		return answer{}, &remoteDamage{a.Error}
	case a.Error != "":
		return answer{}, errors.New(a.Error)
	}
	return a, nil
}

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", errUnreachable, err)
}

// remoteDamage is damage that the holder found, in its words.
type remoteDamage struct{ text string }

func (e *remoteDamage) Error() string        { return e.text }
func (e *remoteDamage) Is(target error) bool { return target == ErrDamaged }

func (c *client) Get(ctx context.Context, ids []string) (map[string]Record, error) {
	out := make(map[string]Record, len(ids))
	for len(ids) > 0 {
		page := ids[:min(len(ids), pageSize)]
		ids = ids[len(page):]
		a, err := c.ask(ctx, question{Method: "get", IDs: page})
		if err != nil {
			return nil, err
		}
		for _, rec := range a.named() {
			out[rec.ExternalID] = rec
		}
	}
	return out, nil
}

// named gives the records their external IDs, which their JSON does not have.
func (a answer) named() []Record {
	recs := a.Records[:min(len(a.Records), len(a.IDs))]
	for i := range recs {
		recs[i].ExternalID = a.IDs[i]
	}
	return recs
}

func (c *client) Scan(ctx context.Context, after string, limit int) ([]Record, error) {
	return c.records(ctx, "scan", after, limit)
}

func (c *client) Unfinished(ctx context.Context, after string, limit int) ([]Record, error) {
	return c.records(ctx, "unfinished", after, limit)
}

func (c *client) records(ctx context.Context, method, after string, limit int) (out []Record, err error) {
	err = c.pages(ctx, question{Method: method, After: after}, limit, func(a answer) {
		out = append(out, a.named()...)
	})
	return out, err
}

// pages asks until limit entries, or all of them, were visited.
func (c *client) pages(ctx context.Context, q question, limit int, visit func(answer)) error {
	if limit <= 0 {
		limit = pageSize
	}
	for limit > 0 {
		q.Limit = min(limit, pageSize)
		a, err := c.ask(ctx, q)
		if err != nil {
			return err
		}
		visit(a)
		if len(a.IDs) < q.Limit {
			return nil
		}
		limit -= len(a.IDs)
		q.After = a.IDs[len(a.IDs)-1]
	}
	return nil
}

func (c *client) Counts(ctx context.Context) (Counts, error) {
	a, err := c.ask(ctx, question{Method: "counts"})
	if err != nil || a.Counts == nil {
		return Counts{}, err
	}
	return a.Counts.clone(), nil
}

func (c *client) Events(ctx context.Context, externalID string) ([]Event, error) {
	a, err := c.ask(ctx, question{Method: "events", Name: externalID})
	return a.Events, err
}

func (c *client) Runs(ctx context.Context) ([]Run, error) {
	a, err := c.ask(ctx, question{Method: "runs"})
	return a.Runs, err
}

func (c *client) Changes(ctx context.Context, run, after string, limit int) (ids []string, changes []Change, err error) {
	err = c.pages(ctx, question{Method: "changes", Name: run, After: after}, limit, func(a answer) {
		n := min(len(a.IDs), len(a.Changes))
		ids, changes = append(ids, a.IDs[:n]...), append(changes, a.Changes[:n]...)
	})
	return ids, changes, err
}

func (c *client) MadeTags(ctx context.Context, run string) ([]MadeTag, error) {
	a, err := c.ask(ctx, question{Method: "made", Name: run})
	return a.Made, err
}

func (c *client) Extras(ctx context.Context, kind ExtraKind, owner, after string, limit int) (out []Extra, err error) {
	if kind.bucket() == nil {
		return nil, fmt.Errorf("state: %q is no kind of extras", kind)
	}
	err = c.pages(ctx, question{Method: "extras", Kind: kind, Name: owner, After: after}, limit, func(a answer) {
		for i, e := range a.Extras[:min(len(a.Extras), len(a.Places))] {
			if e.at(kind, a.Places[i]) == nil {
				out = append(out, e)
			}
		}
	})
	return out, err
}

func (c *client) Meta(ctx context.Context, key string) (string, error) {
	a, err := c.ask(ctx, question{Method: "meta", Name: key})
	return a.Value, err
}

// Live is what the holder says of itself.
func (c *client) Live(ctx context.Context) (json.RawMessage, error) {
	a, err := c.ask(ctx, question{Method: "live"})
	return a.Live, err
}

func (c *client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}
