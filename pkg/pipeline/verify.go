package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Kinds of [Difference].
const (
	DiffMissing    = "missing"    // the service has no such asset
	DiffTwin       = "twin"       // several assets have the external ID
	DiffStatus     = "status"     // it is not active
	DiffBytes      = "bytes"      // checksum or size
	DiffField      = "field"      // a managed field
	DiffDivision   = "division"   // it is elsewhere
	DiffExternalID = "externalId" // the asset no longer has our external ID
)

// Difference is one thing in which the service is not as the manifest says.
type Difference struct {
	ExternalID string          `json:"externalId"`
	AssetID    string          `json:"assetId,omitempty"`
	Kind       string          `json:"kind"`
	Field      string          `json:"field,omitempty"`
	Want       json.RawMessage `json:"want,omitempty"`
	Got        json.RawMessage `json:"got,omitempty"`
	Text       string          `json:"text"`
}

// VerifySummary counts items: each is one of OK, Different, Missing, Unfinished
// or Blocked.
type VerifySummary struct {
	Items      int `json:"items"`
	OK         int `json:"ok"`
	Different  int `json:"different"`
	Missing    int `json:"missing"`
	Unfinished int `json:"unfinished"` // the service has it, and a run has still to finish it
	Blocked    int `json:"blocked"`    // the manifest's own problems keep it from being compared
}

// Verify compares every selected item with the service, field by field, bytes
// by checksum and size, and yields what differs. It reads the service in batches
// and writes nothing.
func Verify(ctx context.Context, in Input, yield func(Difference) error) (VerifySummary, error) {
	var s VerifySummary
	g, _, err := prepare(ctx, &in)
	if err != nil {
		return s, err
	}
	in.Options.FullCheck = true
	for chunk, err := range g.chunks(ctx) {
		if err != nil {
			return s, err
		}
		if err := g.readAll(ctx, chunk); err != nil {
			return s, err
		}
		for _, w := range chunk {
			if w.item.URL == "" && w.facts.MD5 == "" && w.facts.Record == nil && w.facts.SourceErr == nil && len(w.facts.Remote) == 1 {
				if err := g.hash(ctx, w); err != nil {
					return s, err
				}
			}
			s.Items++
			diffs := verifyItem(w, &s)
			for _, d := range diffs {
				if err := yield(d); err != nil {
					return s, err
				}
			}
		}
	}
	return s, nil
}

// readAll reads what deciding did not need.
func (g *gatherer) readAll(ctx context.Context, chunk []*work) error {
	for _, w := range chunk {
		if !w.facts.RemoteRead {
			w.Need = NeedRemote
		}
	}
	return g.readRemote(ctx, chunk)
}

func verifyItem(w *work, s *VerifySummary) []Difference {
	diff := func(kind, field string, want, got json.RawMessage, text string) Difference {
		return Difference{ExternalID: w.item.ExternalID, AssetID: w.Row.AssetID, Kind: kind, Field: field, Want: want, Got: got, Text: text}
	}
	rec := w.facts.Record
	switch n := len(w.facts.Remote); {
	case n == 0:
		s.Missing++
		return []Difference{diff(DiffMissing, "", nil, nil, "the service has no asset for it")}
	case n > 1:
		s.Different++
		return []Difference{diff(DiffTwin, "", nil, nil, fmt.Sprintf("%d assets have this external ID", n))}
	}
	a := &w.facts.Remote[0]
	w.Row.AssetID = a.ID
	seen := shown(a)
	if blockedByManifest(&w.item) || len(w.facts.Refs.Problems) > 0 {
		s.Blocked++
		return nil
	}
	want, _ := wanted(&w.item, &w.facts.Refs, rec, w.facts.Start, w.facts.Timezone)
	var ds []Difference
	if a.Status != showpad.StatusActive {
		ds = append(ds, diff(DiffStatus, "status", canonText(showpad.StatusActive), canonText(a.Status), fmt.Sprintf("it is %s", a.Status)))
	}
	if a.ExternalID != w.item.ExternalID {
		ds = append(ds, diff(DiffExternalID, "externalId", canonText(w.item.ExternalID), canonText(a.ExternalID), "it no longer has this external ID"))
	}
	if id := w.facts.Refs.DivisionID; a.Division.ID != id {
		ds = append(ds, diff(DiffDivision, "division", canonText(id), canonText(a.Division.ID), "it is in another Division"))
	}
	if w.item.URL == "" {
		ds = append(ds, verifyBytes(w, a, diff)...)
	}
	for _, m := range managed {
		v, ok := want[m.name]
		if !ok {
			continue
		}
		got := seen[m.name]
		same := bytes.Equal(v, got)
		if m.name == "tags" && w.facts.Rules.Tags != "replace" {
			same = string(minus(v, got)) == "[]"
		}
		if rec != nil && !same {
			// The service keeps what we sent in a form of its own.
			b := rec.Fields[m.name]
			same = bytes.Equal(b.Sent, v) && b.Seen != nil && bytes.Equal(b.Seen, got)
		}
		if !same {
			ds = append(ds, diff(DiffField, m.name, v, got, fmt.Sprintf("%s is %s, and should be %s", m.name, orNothing(got), v)))
		}
	}
	switch {
	case rec != nil && rec.Status != state.Done && rec.Status != state.Failed && len(ds) > 0:
		s.Unfinished++
	case len(ds) > 0:
		s.Different++
	default:
		s.OK++
	}
	return ds
}

func verifyBytes(w *work, a *showpad.Asset, diff func(kind, field string, want, got json.RawMessage, text string) Difference) []Difference {
	sum, size := w.facts.MD5, w.facts.Info.Size
	if rec := w.facts.Record; rec != nil && rec.MD5 != "" && (sum == "" || w.facts.SourceErr != nil) {
		sum, size = rec.MD5, rec.Size
	}
	if w.facts.Rules.File == "keep" || sum == "" {
		return nil
	}
	var ds []Difference
	if !strings.EqualFold(a.Checksum, sum) {
		ds = append(ds, diff(DiffBytes, "checksum", canonText(sum), canonText(a.Checksum), fmt.Sprintf("its MD5 is %s, and should be %s", orNothing(canonText(a.Checksum)), sum)))
	}
	if a.Size != nil && *a.Size != size {
		ds = append(ds, diff(DiffBytes, "size", canon(size), canon(*a.Size), fmt.Sprintf("it has %d bytes, and should have %d", *a.Size, size)))
	}
	return ds
}

func orNothing(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "not shown"
	}
	return string(raw)
}

// Story is all that is known of one item, and what happens next.
type Story struct {
	ExternalID string        `json:"externalId"`
	Record     *state.Record `json:"record,omitempty"` // nil: unknown to this state
	Events     []state.Event `json:"events,omitempty"`
	Next       string        `json:"next"`
}

// Why tells the story of one item from the state alone.
func Why(ctx context.Context, st state.Reader, externalID string) (Story, error) {
	story := Story{ExternalID: externalID}
	recs, err := st.Get(ctx, []string{externalID})
	if err != nil {
		return story, err
	}
	if story.Events, err = st.Events(ctx, externalID); err != nil {
		return story, err
	}
	rec, ok := recs[externalID]
	if !ok {
		story.Next = "This state does not know it. If the manifest lists it, a run looks it up at the service, and creates it if it is not there."
		return story, nil
	}
	story.Record = &rec
	story.Next = nextStep(&rec)
	return story, nil
}

// nextStep says what a run does with a record, as the table of statuses has it.
func nextStep(rec *state.Record) string {
	switch rec.Status {
	case state.Registering:
		return "The next run looks it up at the service before anything is sent again."
	case state.Registered:
		return fmt.Sprintf("Asset %s exists without its bytes: the next run asks for an upload URL and sends them.", rec.AssetID)
	case state.Sending:
		if rec.Op == state.Create || rec.Op == state.Version {
			return fmt.Sprintf("The next run reads asset %s: if the bytes arrived it waits for them to be processed, else it sends them again.", rec.AssetID)
		}
		return fmt.Sprintf("The next run sends the %s of asset %s again; its values are absolute.", rec.Op, rec.AssetID)
	case state.Sent, state.Processing:
		return fmt.Sprintf("The bytes of asset %s are with the service: the next run sees whether they are processed.", rec.AssetID)
	case state.Done:
		return "Nothing, unless its item or its file changes."
	case state.Failed:
		return "Nothing, unless its item or its file changes, or a run is told --retry-failed."
	}
	return "The next run begins with it."
}
