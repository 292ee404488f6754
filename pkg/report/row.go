package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// row is a line of results.ndjson: a [pipeline.Result] in the file's terms.
type row struct {
	ExternalID string          `json:"externalId,omitempty"` // of an item
	Kind       state.ExtraKind `json:"kind,omitempty"`       // of what the manifest makes beside its items, as Key and ID
	Key        string          `json:"key,omitempty"`
	ID         string          `json:"id,omitempty"` // at the service
	Source     string          `json:"source,omitempty"`
	Keep       keep            `json:"keep,omitempty"`
	AssetID    string          `json:"assetId,omitempty"`
	Slug       string          `json:"slug,omitempty"`
	Name       string          `json:"name,omitempty"`
	Division   string          `json:"division,omitempty"`
	Action     pipeline.Action `json:"action,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Status     string          `json:"status"`
	Unlisted   bool            `json:"unlisted,omitempty"`
	MD5        string          `json:"md5,omitempty"`
	Size       int64           `json:"size"`
	Attempts   int             `json:"attempts,omitempty"`
	Start      stamp           `json:"start,omitzero"`
	End        stamp           `json:"end,omitzero"`
	Run        string          `json:"run"`
	Error      *state.Failure  `json:"error,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
}

func newRow(r pipeline.Result) row {
	return row{
		ExternalID: r.ExternalID, Kind: r.Kind, Key: r.Key, ID: r.ID, Source: r.Source, Keep: r.Keep, AssetID: r.AssetID, Slug: r.Slug,
		Name: r.Name, Division: r.Division, Action: r.Action, Reason: r.Reason, Status: r.Status, Unlisted: r.Unlisted,
		MD5: r.MD5, Size: r.Size, Attempts: r.Attempts, Start: stamp{r.Start}, End: stamp{r.End},
		Run: r.Run, Error: r.Error, Warnings: r.Warnings,
	}
}

// recordRow is the row of an item of which only its record is left. The record
// does not know names, Divisions and kept columns.
func recordRow(r state.Record) row {
	return row{
		ExternalID: r.ExternalID, Source: r.Source, AssetID: r.AssetID, Action: pipeline.Action(r.Op),
		Status: string(r.Status), MD5: r.MD5, Size: r.Size, Attempts: r.Attempts, End: stamp{r.Updated},
		Run: r.Run, Error: r.Error, Warnings: r.Warnings,
	}
}

// extraRow is the row of an extra of which only its record is left.
func extraRow(e state.Extra) row {
	r := row{
		Kind: e.Kind, Key: e.Key, ID: e.ID, Action: pipeline.ActionCreate, Status: string(e.Status),
		Attempts: e.Attempts, End: stamp{e.Updated}, Run: e.Run, Error: e.Error,
	}
	if e.Status == state.ExtraSending { // its answer never came
		r.Status = string(state.ExtraUnknown)
		if e.Kind == state.TagCategory { // the next run looks it up
			r.Status = string(state.ExtraPending)
		}
	}
	return r
}

// name is what a row is known by among all of a run.
func (r row) name() string {
	if r.Kind == "" {
		return r.ExternalID
	}
	return string(r.Kind) + "\x00" + r.Key
}

func (r row) line() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("result of %s: %w", r.ExternalID, err)
	}
	return b.Bytes(), nil
}

// class is what a row asks of the reader.
type class int

const (
	success    class = iota // nothing is left to do or to decide
	failure                 // somebody has to look, or the answer to a create is missing
	unfinished              // the next run goes on with it
)

func (r row) class() class {
	switch r.Status {
	case string(state.Done), "unchanged":
		return success
	case string(state.Failed), string(state.Registering), "blocked", "conflict", "unknown":
		return failure
	}
	if r.Error != nil {
		return failure
	}
	return unfinished
}

// code says why a row is a failure: its error's code, "unknown" where the
// answer to a create is missing, the plan's reason where nothing was tried,
// else its status.
func (r row) code() string {
	switch {
	case r.Error != nil && r.Error.Code != "":
		return r.Error.Code
	case r.Status == string(state.Registering):
		return "unknown"
	case r.Reason != "" && (r.Status == "blocked" || r.Status == "conflict"):
		return r.Reason
	default:
		return r.Status
	}
}

func (r row) message() string {
	switch {
	case r.Error != nil:
		return r.Error.Message
	case r.Status == string(state.Registering):
		return "the answer to its create is missing; the next run looks it up before anything else"
	default:
		return ""
	}
}

// stamp is a time in RFC 3339 with milliseconds, in UTC.
type stamp struct{ time.Time }

const stampFormat = "2006-01-02T15:04:05.000Z07:00"

func (s stamp) MarshalJSON() ([]byte, error) { return strconv.AppendQuote(nil, s.String()), nil }

func (s stamp) String() string {
	if s.IsZero() {
		return ""
	}
	return s.UTC().Format(stampFormat)
}

// keep is written as an object whose members stand in their order. A key that
// comes twice gets a number.
type keep []manifest.KeepKV

func (k keep) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	used := make(map[string]bool, len(k))
	b.WriteByte('{')
	for i, kv := range k {
		key := kv.Key
		for n := 2; used[key]; n++ {
			key = fmt.Sprintf("%s (%d)", kv.Key, n)
		}
		used[key] = true
		if i > 0 {
			b.WriteByte(',')
		}
		for j, s := range []string{key, kv.Value} {
			if j > 0 {
				b.WriteByte(':')
			}
			if err := enc.Encode(s); err != nil {
				return nil, err
			}
			b.Truncate(b.Len() - 1) // the encoder ends each value with a line
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (k *keep) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("keep is not an object"), err)
	}
	*k = nil
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var kv manifest.KeepKV
		kv.Key = key.(string) // the decoder gives nothing else in this place
		if err := dec.Decode(&kv.Value); err != nil {
			return fmt.Errorf("keep: %w", err)
		}
		*k = append(*k, kv)
	}
	return nil
}

// errBroken is a line of results.ndjson that is no row.
var errBroken = errors.New("not a row of results.ndjson")

// lines gives the rows of results.ndjson with their text. A line that is no
// row comes with an error wrapping [errBroken] and reading goes on; other
// errors end it. A last line without its end counts as broken.
func lines(r io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			text, err := in.ReadBytes('\n')
			if err != nil && err != io.EOF {
				yield(line{}, err)
				return
			}
			if len(text) == 0 {
				return
			}
			l := line{text: text}
			cause := err // a cut line is one that ended with the file
			if cause == nil {
				cause = json.Unmarshal(text, &l.row)
			}
			if cause == nil && l.row.ExternalID == "" && (l.row.Kind == "" || l.row.Key == "") {
				cause = errors.New("no externalId")
			}
			if cause != nil {
				cause = fmt.Errorf("%s:%d: %w: %v", ResultsFile, n, errBroken, cause)
			}
			if !yield(l, cause) || err != nil {
				return
			}
		}
	}
}

type line struct {
	row  row
	text []byte // with its line end
}
