package state

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// ExportVersion is the version of the lines that [Export] writes. It grows when
// a member changes its meaning or goes away; a new one does not need another.
const ExportVersion = 1

// exportPage is how many records or changes Export holds at a time.
const exportPage = pageSize

// Lines of an export. Type tells them apart; docs/state.md describes them.
type (
	exportHead struct {
		Type    string            `json:"type"` // state
		Version int               `json:"version"`
		Schema  int               `json:"schema"`
		Tenant  string            `json:"tenant"`
		Serial  uint64            `json:"serial"`
		Meta    map[string]string `json:"meta,omitempty"` // keys that are set, see meta.go
	}
	exportRun struct {
		Type string `json:"type"` // run
		Run
	}
	exportRecord struct {
		Type       string `json:"type"` // record
		ExternalID string `json:"externalId"`
		Record
	}
	exportChange struct {
		Type       string `json:"type"` // change
		Run        string `json:"run"`
		ExternalID string `json:"externalId"`
		Change
	}
	exportTag struct {
		Type string `json:"type"` // tag
		Run  string `json:"run"`
		MadeTag
	}
	exportExtra struct {
		Type string `json:"type"` // the kind: tagCategory, myFile or share
		Key  string `json:"key"`
		Extra
	}
	exportEnd struct {
		Type    string `json:"type"` // end
		Runs    int    `json:"runs"`
		Records int    `json:"records"`
		Changes int    `json:"changes"`
		Tags    int    `json:"tags"`
		Extras  int    `json:"extras"`
	}
)

// Export writes what r knows to w, as JSON with one value a line: a head, the
// runs, the records, the changes and the tags of each run, the extras, and an end
// with their numbers, without which an export is not whole. The story of each
// item (Events) and the links of shares are left out.
//
// It holds a page at a time. Of a state that a run holds, pages are of different
// moments; a copy that [Backup] made is one moment.
func Export(ctx context.Context, r Reader, w io.Writer) error {
	out := bufio.NewWriter(w)
	e := exporter{r: r, enc: json.NewEncoder(out)}
	e.enc.SetEscapeHTML(false)
	for _, part := range []func(context.Context) error{e.head, e.runs, e.records, e.ofRuns, e.extras} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if err := e.line(e.end); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

type exporter struct {
	r   Reader
	enc *json.Encoder
	end exportEnd
	ids []string // of the runs
}

func (e *exporter) line(v any) error {
	if err := e.enc.Encode(v); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

func (e *exporter) head(ctx context.Context) error {
	h := exportHead{Type: "state", Version: ExportVersion, Meta: map[string]string{}}
	for _, key := range metaKeys {
		v, err := e.r.Meta(ctx, key)
		if err != nil {
			return err
		}
		switch key {
		case MetaTenant:
			h.Tenant = v
		case MetaSchema:
			h.Schema, _ = strconv.Atoi(v) // was checked when it was opened; 0: there is no state
		case MetaSerial:
			h.Serial, _ = strconv.ParseUint(v, 10, 64)
		default:
			if v != "" {
				h.Meta[key] = v
			}
		}
	}
	e.end.Type = "end"
	return e.line(h)
}

func (e *exporter) runs(ctx context.Context) error {
	runs, err := e.r.Runs(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := e.line(exportRun{"run", run}); err != nil {
			return err
		}
		e.ids = append(e.ids, run.ID)
	}
	e.end.Runs = len(runs)
	return nil
}

func (e *exporter) records(ctx context.Context) error {
	for after := ""; ; {
		recs, err := e.r.Scan(ctx, after, exportPage)
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if err := e.line(exportRecord{"record", rec.ExternalID, rec}); err != nil {
				return err
			}
		}
		e.end.Records += len(recs)
		if len(recs) < exportPage {
			return nil
		}
		after = recs[len(recs)-1].ExternalID
	}
}

// ofRuns writes what each run changed, and the tags that it made.
func (e *exporter) ofRuns(ctx context.Context) error {
	for _, run := range e.ids {
		if err := e.changes(ctx, run); err != nil {
			return err
		}
		tags, err := e.r.MadeTags(ctx, run)
		if err != nil {
			return err
		}
		for _, tag := range tags {
			if err := e.line(exportTag{"tag", run, tag}); err != nil {
				return err
			}
		}
		e.end.Tags += len(tags)
	}
	return nil
}

func (e *exporter) changes(ctx context.Context, run string) error {
	for after := ""; ; {
		ids, changes, err := e.r.Changes(ctx, run, after, exportPage)
		if err != nil {
			return err
		}
		for i, c := range changes {
			if err := e.line(exportChange{"change", run, ids[i], c}); err != nil {
				return err
			}
		}
		e.end.Changes += len(changes)
		if len(changes) < exportPage {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// extras writes what manifests make beside their items, without what is secret.
func (e *exporter) extras(ctx context.Context) error {
	for _, kind := range ExtraKinds() {
		for after := ""; ; {
			page, err := e.r.Extras(ctx, kind, "", after, exportPage)
			if err != nil {
				return err
			}
			for _, x := range page {
				x.Secret = nil
				if err := e.line(exportExtra{string(kind), x.Key, x}); err != nil {
					return err
				}
				after = x.Place()
			}
			e.end.Extras += len(page)
			if len(page) < exportPage {
				break
			}
		}
	}
	return nil
}
