package pipeline

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// planHead is how every saved plan begins.
const planHead = `{"type":"plan",`

// PlanFile is a saved plan that is being written. It appears under its name
// when it is whole, readable by its owner alone.
type PlanFile struct {
	path   string
	file   *os.File
	buf    *bufio.Writer
	sum    hash.Hash // of the bytes written
	line   bytes.Buffer
	enc    *json.Encoder
	rows   int
	extras int // rows of extras
	digest string
}

// CreatePlan begins the saved plan at path. An earlier plan there is replaced at
// the end; any other file is left alone, and the error is a *PlanFileError. The
// caller ends it with [SavePlan] and, in any case, Abandon.
func CreatePlan(path string) (*PlanFile, error) {
	if err := replaceable(path); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return nil, &PlanFileError{Path: path, What: "the plan cannot be written here (name another file)", Err: cause(err)}
	}
	p := &PlanFile{path: path, file: f, buf: bufio.NewWriterSize(f, 64<<10), sum: sha256.New()}
	p.enc = json.NewEncoder(&p.line)
	p.enc.SetEscapeHTML(false)
	return p, nil
}

// replaceable refuses to write over what is no plan.
func replaceable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &PlanFileError{Path: path, What: "there is something that cannot be read, and it is not written over (name another file)", Err: cause(err)}
	}
	defer f.Close()
	head := make([]byte, len(planHead))
	n, err := io.ReadFull(f, head)
	if string(head[:n]) == planHead || n == 0 && errors.Is(err, io.EOF) {
		return nil
	}
	return &PlanFileError{Path: path, What: "it is there already, is no saved plan, and is not written over (name another file)"}
}

// cause is an error of the file system without the path that it repeats.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// Path is the name that the plan has in the end.
func (p *PlanFile) Path() string { return p.path }

// Rows is how many rows were written, those of extras included.
func (p *PlanFile) Rows() int { return p.rows + p.extras }

// Digest is the SHA-256 of the whole file in hex, once it is whole.
func (p *PlanFile) Digest() string { return p.digest }

// write writes v as a line.
func (p *PlanFile) write(v any) error {
	p.line.Reset()
	if err := p.enc.Encode(v); err != nil {
		return fmt.Errorf("saving the plan: %w", err)
	}
	p.sum.Write(p.line.Bytes())
	if _, err := p.buf.Write(p.line.Bytes()); err != nil {
		return fmt.Errorf("saving the plan as %s: %w", p.path, cause(err))
	}
	return nil
}

// commit writes the last line and gives the file its name.
func (p *PlanFile) commit(totals Summary) error {
	totals.Prune, totals.Forecast = nil, nil // they are of the moment: a run looks again
	err := p.write(planEnd{Type: "end", Rows: p.rows, Extras: p.extras, Totals: totals, SHA256: hex.EncodeToString(p.sum.Sum(nil))})
	if err != nil {
		return err
	}
	err = errors.Join(p.buf.Flush(), p.file.Sync(), p.file.Close())
	if err == nil {
		if err = os.Rename(p.file.Name(), p.path); err == nil {
			err = syncFolder(filepath.Dir(p.path))
		}
	}
	if err != nil {
		return fmt.Errorf("saving the plan as %s: %w", p.path, err)
	}
	p.digest = hex.EncodeToString(p.sum.Sum(nil))
	return nil
}

// syncFolder makes the names in a folder durable. Windows has no such call; its
// renames are journalled.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Abandon removes what was written, unless it became a whole plan.
func (p *PlanFile) Abandon() {
	if p.digest == "" {
		_ = p.file.Close()           // perhaps closed already
		_ = os.Remove(p.file.Name()) // perhaps renamed already: then its folder could not be synced
	}
}

// SavePlan is [Plan], and writes the plan to file. Of h, Type, Version, Serial,
// Start, Timezone, Rules and the manifest's id are filled in here; the options
// of in that decide are set from h.Choice.
func SavePlan(ctx context.Context, in Input, h PlanHeader, file *PlanFile, yield func(Row) error) (Summary, error) {
	h.Choice.apply(&in.Options)
	h.Type, h.Version, h.Start, h.Manifest.ID, h.Rules = "plan", PlanFormat, in.Start.UTC().Round(0), in.Manifest.ID, rulesOf(in.Manifest)
	if in.Manifest.Timezone != nil {
		h.Timezone = in.Manifest.Timezone.String()
	}
	in.Start = h.Start // to the nanosecond what a run of it reads
	serial, err := in.State.Meta(ctx, state.MetaSerial)
	if err != nil {
		return Summary{}, err
	}
	h.Serial = cmp.Or(serial, "0")
	if err := file.write(h); err != nil {
		return Summary{}, err
	}
	g, _, err := prepare(ctx, &in, nil)
	if err != nil {
		return Summary{}, err
	}
	sum, err := g.plan(ctx, func(w *work) error {
		if err := file.write(SavedRow{Row: w.Row, Basis: g.basisOf(w, nil)}); err != nil {
			return err
		}
		file.rows++
		return yield(w.Row)
	}, func(w *extraWork) error {
		file.extras++
		return file.write(savedExtra(w))
	})
	if err != nil {
		return sum, err
	}
	return sum, file.commit(sum)
}
