package pipeline

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Members of an unconfirmed record's Fields beside the managed ones. They go
// when a run confirms the record.
const (
	seenDivision = "division"  // id
	seenCreated  = "createdAt" // by the service's clock
)

// unconfirmedRecord is the record of an asset whose history is not known:
// nothing of it counts as sent. What was seen is kept for an asset that is
// active and not in the trash; any other one is read again before it is decided.
//
// To keep records small, a field that shows nothing (null, false, an empty list)
// is left out, and one that the service did not show at all is empty.
func unconfirmedRecord(id string, a *showpad.Asset) state.Record {
	rec := state.Record{ExternalID: id, Op: state.Create, Status: state.Pending, AssetID: a.ID, MD5: strings.ToLower(a.Checksum), Unconfirmed: true}
	if a.CurrentFile != nil {
		rec.FileID = a.CurrentFile.ID
	}
	if a.Size != nil {
		rec.Size = *a.Size
	}
	if a.Status != showpad.StatusActive || a.IsArchived {
		return rec
	}
	seen := shown(a)
	rec.Fields = map[string]state.Base{seenDivision: {Seen: canonText(a.Division.ID)}}
	if !a.CreatedAt.IsZero() {
		rec.Fields[seenCreated] = state.Base{Seen: canonInstant(a.CreatedAt.Time)}
	}
	for _, m := range managed {
		if raw, ok := seen[m.name]; !ok || string(raw) != string(m.kind.nothing()) {
			rec.Fields[m.name] = state.Base{Seen: raw}
		}
	}
	return rec
}

// wasSeen is what an unconfirmed record remembers of its asset.
type wasSeen struct {
	values   Values
	division string    // id
	created  time.Time // zero: not shown
}

// seenOf is what rec remembers; false when it remembers nothing to decide by.
func seenOf(rec *state.Record) (was wasSeen, ok bool) {
	if rec.Fields[seenDivision].Seen == nil || json.Unmarshal(rec.Fields[seenDivision].Seen, &was.division) != nil {
		return was, false
	}
	if raw := rec.Fields[seenCreated].Seen; raw != nil && json.Unmarshal(raw, &was.created) != nil {
		return was, false
	}
	was.values = make(Values, len(managed))
	for _, m := range managed {
		switch b, noted := rec.Fields[m.name]; {
		case !noted:
			was.values[m.name] = m.kind.nothing()
		case b.Seen != nil:
			was.values[m.name] = b.Seen
		}
	}
	return was, true
}

// nothing is the canonical value of a field that has none.
func (k kind) nothing() json.RawMessage {
	switch k {
	case flag:
		return isFalse
	case refs, codes, words, pages:
		return emptyList
	}
	return null
}
