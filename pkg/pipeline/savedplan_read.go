package pipeline

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// SavedPlan is a saved plan that was read to its end and is whole. It keeps 16
// bytes for each row, and reads a row again when it is asked for.
type SavedPlan struct {
	Header PlanHeader
	Totals Summary
	Digest string // SHA-256 of the file, in hex
	// Overwrites is how many rows write over what a person changed.
	Overwrites int
	// Extras are the rows of extras; few, and kept whole.
	Extras []*SavedExtra

	path   string
	pruned int // rows of items that were no longer listed
	r      io.ReaderAt
	close  func() error
	rows   []rowAt // by hash
	met    []bool  // by place in rows
	window window
}

// rowAt is where a row begins.
type rowAt struct {
	id uint64 // of the external ID, see idHash
	at int64
}

func idHash(externalID string) uint64 {
	sum := sha256.Sum256([]byte(externalID))
	return binary.BigEndian.Uint64(sum[:8])
}

// longestLine bounds what a line may hold, so that a file that is none of ours
// does not fill the memory.
const longestLine = 16 << 20

// OpenPlan reads the saved plan at path and checks it as a whole. Nothing is
// carried out of a plan that is cut, changed, of a newer format, or that says
// something else than its rows do: the error is a *PlanFileError. The caller
// closes it.
func OpenPlan(path string) (*SavedPlan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &PlanFileError{Path: path, What: "the plan cannot be opened", Err: cause(err)}
	}
	p, err := ReadPlan(f, path)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	p.close = f.Close
	return p, nil
}

// ReadPlan is [OpenPlan] for a plan that r holds; path names it in errors.
func ReadPlan(r io.ReaderAt, path string) (*SavedPlan, error) {
	p := &SavedPlan{path: path, r: r, close: func() error { return nil }}
	rd := planReader{SavedPlan: p, in: bufio.NewReaderSize(io.NewSectionReader(r, 0, 1<<62), 64<<10), sum: sha256.New(), tags: tagCensus{}}
	if err := rd.read(); err != nil {
		return nil, err
	}
	return p, nil
}

// Fits refuses to carry the plan out at another tenant, or for a manifest with
// another id.
func (p *SavedPlan) Fits(tenant, manifestID string) error {
	h := &p.Header
	switch {
	case h.Tenant != tenant:
		return &PlanFileError{Path: p.path, Line: 1, What: fmt.Sprintf("the plan is for %q and this is %q (sign in there, or plan again here)", h.Tenant, tenant)}
	case h.Manifest.ID != manifestID:
		return &PlanFileError{Path: p.path, Line: 1, What: fmt.Sprintf("the plan is of the manifest with id %q (%s), and this one has the id %q (name that manifest, or plan again)", h.Manifest.ID, h.Manifest.Path, manifestID)}
	}
	return nil
}

// Close closes the file.
func (p *SavedPlan) Close() error { return p.close() }

// Len is the number of rows.
func (p *SavedPlan) Len() int { return len(p.rows) }

// Unlisted is the number of rows of pruning.
func (p *SavedPlan) Unlisted() int { return p.pruned }

// Selection is the items that have a row.
func (p *SavedPlan) Selection() Selection { return Selection{Only: p.has} }

func (p *SavedPlan) has(externalID string) bool {
	_, ok := p.find(idHash(externalID))
	return ok
}

// find is the place in rows of the first entry with a hash.
func (p *SavedPlan) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(p.rows, id, func(r rowAt, id uint64) int { return cmp.Compare(r.id, id) })
}

// Row reads the row of an item; nil when there is none. A run takes what was not
// asked for to be gone from the manifest. Not to be called concurrently.
func (p *SavedPlan) Row(externalID string) (*SavedRow, error) {
	id := idHash(externalID)
	i, _ := p.find(id)
	for ; i < len(p.rows) && p.rows[i].id == id; i++ {
		row, err := p.at(p.rows[i].at)
		if err != nil {
			return nil, err
		}
		if row.ExternalID == externalID {
			p.met[i] = true
			return row, nil
		}
	}
	return nil, nil
}

// gone calls yield with each row whose item was not asked for, in their order.
func (p *SavedPlan) gone(yield func(*SavedRow) error) error {
	var left []int64
	for i, met := range p.met {
		if !met {
			left = append(left, p.rows[i].at)
		}
	}
	slices.Sort(left)
	for _, at := range left {
		row, err := p.at(at)
		if err == nil {
			err = yield(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// at reads the row that begins at an offset.
func (p *SavedPlan) at(off int64) (*SavedRow, error) {
	line, err := p.window.line(p.r, off)
	if err != nil {
		return nil, &PlanFileError{Path: p.path, What: "it cannot be read any more", Err: err}
	}
	row := new(SavedRow)
	if err := json.Unmarshal(line, row); err != nil {
		return nil, &PlanFileError{Path: p.path, What: "it changed while it was in use (plan again)", Err: err}
	}
	return row, nil
}

// window is a part of the file in memory: rows are asked for nearly in order.
type window struct {
	b     []byte
	begin int64
}

// line is the line that begins at off. It is valid until the next call.
func (w *window) line(r io.ReaderAt, off int64) ([]byte, error) {
	for size := 64 << 10; ; size *= 4 {
		if rel := off - w.begin; rel >= 0 && rel < int64(len(w.b)) {
			if line, _, whole := bytes.Cut(w.b[rel:], []byte{'\n'}); whole {
				return line, nil
			}
		}
		if size > 4*longestLine {
			return nil, errors.New("a line without end")
		}
		w.b, w.begin = slices.Grow(w.b[:0], size)[:size], off
		n, err := r.ReadAt(w.b, off)
		w.b = w.b[:n]
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if errors.Is(err, io.EOF) && !bytes.Contains(w.b, []byte{'\n'}) {
			return nil, io.ErrUnexpectedEOF
		}
	}
}

// planReader reads a plan from its first line to its last.
type planReader struct {
	*SavedPlan
	in   *bufio.Reader
	sum  hash.Hash // of all lines so far
	tags tagCensus
	buf  []byte

	line int   // number of the line in hand
	off  int64 // where it begins
}

func (r *planReader) wrong(format string, args ...any) error {
	return &PlanFileError{Path: r.path, Line: r.line, What: fmt.Sprintf(format, args...)}
}

// Endings of what is said of a plan that cannot be used.
const (
	notWhole = "plan again, or get a whole copy of the file"
	notOurs  = "name the file that `migrate plan --out` wrote"
)

func (r *planReader) read() error {
	line, err := r.next()
	if err != nil {
		return err
	}
	if err := r.header(line); err != nil {
		return err
	}
	for {
		r.sum.Write(line)
		r.off += int64(len(line))
		if line, err = r.next(); err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte(`{"type":`)) {
			break
		}
		if err := r.add(line); err != nil {
			return err
		}
	}
	if err := r.end(line); err != nil {
		return err
	}
	r.sum.Write(line)
	r.Digest = hex.EncodeToString(r.sum.Sum(nil))
	r.line++
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return r.wrong("something follows the last line of the plan (%s)", notWhole)
	}
	return r.index()
}

// next is the next line with its end, valid until the next call.
func (r *planReader) next() ([]byte, error) {
	r.line++
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, part...)
		switch {
		case err == nil:
			return r.buf, nil
		case len(r.buf) > longestLine:
			return nil, r.wrong("this line is too long to be of a plan (%s)", notOurs)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && r.line == 1:
			return nil, r.wrong("this is no saved plan (%s)", notOurs)
		case errors.Is(err, io.EOF):
			return nil, r.wrong("the plan ends before its last line: it was cut off (%s)", notWhole)
		default:
			return nil, &PlanFileError{Path: r.path, Line: r.line, What: "the plan cannot be read", Err: cause(err)}
		}
	}
}

func (r *planReader) header(line []byte) error {
	var version struct {
		Type    string `json:"type"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(line, &version); err != nil || version.Type != "plan" {
		return r.wrong("this is no saved plan (%s)", notOurs)
	}
	if version.Version > PlanFormat {
		return r.wrong("a newer version of migrate wrote this plan: it has format %d and this program knows %d (install the newest version, or plan again)", version.Version, PlanFormat)
	}
	if err := json.Unmarshal(line, &r.Header); err != nil || version.Version < 1 || r.Header.Start.IsZero() {
		return r.wrong("the header of the plan cannot be understood (%s)", notWhole)
	}
	return nil
}

// addExtra takes in the row of an extra.
func (r *planReader) addExtra(line []byte) error {
	x := new(SavedExtra)
	if err := json.Unmarshal(line, x); err != nil || !slices.Contains(state.ExtraKinds(), x.Kind) || x.Key == "" || x.Action == "" {
		return r.wrong("this is no row of a plan: the file was changed after it was written (%s)", notWhole)
	}
	if r.extra(x.Kind, x.Key) != nil {
		return r.wrong("%s %q has two rows (%s)", x.Kind, x.Key, notWhole)
	}
	r.Totals.AddExtra(x.ExtraRow)
	r.tags.add(x.Division, x.Basis.NewTags, 0)
	r.Extras = append(r.Extras, x)
	return nil
}

func (r *planReader) add(line []byte) error {
	if bytes.HasPrefix(line, []byte(`{"kind":`)) {
		return r.addExtra(line)
	}
	var row SavedRow
	if err := json.Unmarshal(line, &row); err != nil || row.ExternalID == "" || row.Action == "" || row.Basis.Item.Digest == "" {
		return r.wrong("this is no row of a plan: the file was changed after it was written (%s)", notWhole)
	}
	r.Totals.Add(row.Row)
	r.tags.add(row.Division, row.Basis.NewTags, 1)
	if row.Overwrites != "" {
		r.Overwrites++
	}
	if row.Unlisted {
		r.pruned++
	}
	r.rows = append(r.rows, rowAt{idHash(row.ExternalID), r.off})
	return nil
}

// end compares the last line with all before it.
func (r *planReader) end(line []byte) error {
	var end planEnd
	if err := json.Unmarshal(line, &end); err != nil || end.Type != "end" {
		return r.wrong("the last line of the plan cannot be understood: the file was changed after it was written (%s)", notWhole)
	}
	r.tags.into(&r.Totals)
	r.Totals.Reads, r.Totals.TagTwins, r.Totals.Export = end.Totals.Reads, end.Totals.TagTwins, end.Totals.Export // which no row says
	if e := r.Totals.Exposure; e != nil {
		e.Timezone = r.Header.Timezone
	}
	ours, err := json.Marshal(r.Totals)
	if err != nil {
		return r.wrong("%v", err)
	}
	theirs, err := json.Marshal(end.Totals)
	if err != nil {
		return r.wrong("%v", err)
	}
	if !strings.EqualFold(end.SHA256, hex.EncodeToString(r.sum.Sum(nil))) || end.Rows != len(r.rows) || end.Extras != len(r.Extras) || !bytes.Equal(ours, theirs) {
		return r.wrong("the digest in the last line is not that of the lines before it: the file was changed after it was written, perhaps only its line ends (%s)", notWhole)
	}
	return nil
}

// index sorts the rows and refuses two of one item.
func (r *planReader) index() error {
	slices.SortFunc(r.rows, func(a, b rowAt) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.at, b.at)) })
	r.met = make([]bool, len(r.rows))
	for i := 1; i < len(r.rows); i++ {
		for j := i - 1; j >= 0 && r.rows[j].id == r.rows[i].id; j-- {
			a, err := r.at(r.rows[j].at)
			if err != nil {
				return err
			}
			b, err := r.at(r.rows[i].at)
			if err != nil {
				return err
			}
			if a.ExternalID == b.ExternalID {
				return &PlanFileError{Path: r.path, What: fmt.Sprintf("%q has two rows (%s)", a.ExternalID, notWhole)}
			}
		}
	}
	return nil
}
