package expand

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// joinTable is a table about files, read once: its rows wait in a temporary file,
// found by an index of 16 bytes a row.
type joinTable struct {
	inc   manifest.Include // see joinInclude
	name  string           // of the table, as the manifest writes it
	rows  *spool
	seed  maphash.Seed
	index []joinEntry // by hash, then by place
	met   []uint64    // bits of index: a file is there, whether or not it is taken
	sum   []byte      // SHA-256 of the table
	notes []manifest.Problem
	// folders are the hashes of those that hold files: a row may be about one.
	folders map[uint64]bool
}

// joinEntry says where a row about a file is.
type joinEntry struct {
	hash uint64 // of the path, folded
	at   int64  // in rows
}

// joinRow is what a row says about a file.
type joinRow struct {
	Path  string `json:"-"` // below the root, in NFC; "" when the row names none
	Pos   manifest.Pos
	Value manifest.Value // its members are fields
	Keep  []manifest.KeepKV
}

// joinInclude is the joined table as an include whose file column is the key.
func joinInclude(j *manifest.Join) manifest.Include {
	inc := manifest.Include{Pos: j.Pos, Table: j.Table, Sheet: j.Sheet, Encoding: j.Encoding, Keep: j.Keep, Join: j}
	if j.Columns != nil {
		inc.Columns = withKey(j, j.Columns)
	}
	return inc
}

func withKey(j *manifest.Join, columns map[string]manifest.Column) map[string]manifest.Column {
	all := maps.Clone(columns)
	all["file"] = manifest.Column{Pos: j.Pos, Template: j.On}
	return all
}

// joinColumns completes the include of a joined table that maps no columns: of
// those that are there, the ones with the name of a field are that field, and
// the others are nobody's business.
func joinColumns(inc manifest.Include, names []string) manifest.Include {
	if inc.Join == nil || inc.Columns != nil {
		return inc
	}
	columns := map[string]manifest.Column{}
	for _, n := range names {
		if slices.Contains(rowFields, n) && n != "file" && n != "url" {
			columns[n] = manifest.Column{Pos: inc.Pos, Column: n}
		}
	}
	inc.Columns = withKey(inc.Join, columns)
	return inc
}

// mappedBy is the key of the manifest that makes a field of columns.
func mappedBy(inc manifest.Include, field string) string {
	if inc.Join != nil && field == "file" {
		return "join.on"
	}
	return "columns." + field
}

// maxTableProblems is how many problems of a joined table are kept.
const maxTableProblems = 1000

// readJoin reads the table. Problems are those of the table itself.
func (s *Set) readJoin(ctx context.Context, j *manifest.Join) (t *joinTable, problems []manifest.Problem, err error) {
	t = &joinTable{inc: joinInclude(j), name: j.Table, seed: maphash.MakeSeed(), folders: map[uint64]bool{}}
	t.inc.Table = s.path(j.Table)
	rows, err := newSpool()
	if err != nil {
		return nil, nil, err
	}
	t.rows = rows
	defer func() {
		if err != nil {
			err = errors.Join(err, rows.close())
		}
	}()
	f, openErr := s.open(t.inc.Table)
	if openErr == nil {
		defer f.Close()
		sum := sha256.New()
		r := io.TeeReader(f, sum)
		in, err := newInput(f, r)
		if err != nil {
			return nil, nil, err
		}
		for row, err := range readTable(ctx, in, t.inc, func(p manifest.Problem) { t.notes = append(t.notes, p) }) {
			if err == nil {
				err = t.add(j, row)
			}
			var ps manifest.Problems
			if err != nil && !errors.As(err, &ps) {
				return nil, nil, err
			}
			ps = append(ps, row.problems...)
			problems = append(problems, ps[:min(len(ps), maxTableProblems-len(problems))]...)
		}
		if _, err := io.Copy(io.Discard, &ctxReader{ctx, r}); err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", j.Table, err)
		}
		t.sum = sum.Sum(nil)
		openErr = s.unchanged(f, t.inc.Table)
	}
	if err := openErr; err != nil {
		ps, ok := errors.AsType[manifest.Problems](openProblem(err, j.Pos, j.Table))
		if !ok {
			return nil, nil, err
		}
		problems = append(problems, ps...)
	}
	if len(t.index) == 0 && len(problems) == 0 {
		problems = append(problems, noRows(t.inc, j.Table))
	}
	slices.SortFunc(t.index, func(a, b joinEntry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at, b.at)) })
	t.met = make([]uint64, (len(t.index)+63)/64)
	return t, problems, t.rows.end()
}

// add keeps a row.
func (t *joinTable) add(j *manifest.Join, r row) error {
	if r.unusable {
		return nil
	}
	row := joinRow{Pos: r.pos, Value: r.value, Keep: r.keep}
	if m := member(r.value, "file"); m != nil {
		row.Path = joinPath(m.Value.Text, j.Strip)
	}
	row.Value.Map = slices.DeleteFunc(slices.Clone(r.value.Map), func(m manifest.Member) bool { return m.Key == "file" })
	text, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("row %s: %w", r.pos, err)
	}
	record := binary.AppendUvarint(nil, uint64(len(row.Path)))
	record = append(append(record, row.Path...), text...)
	at, err := t.rows.add(record)
	t.index = append(t.index, joinEntry{t.hash(row.Path), at})
	return err
}

// joinPath is the path of a row's file below the root.
func joinPath(p, strip string) string {
	clean := func(s string) string {
		return strings.TrimLeft(nfc(strings.ReplaceAll(strings.TrimSpace(s), `\`, "/")), "/")
	}
	p, strip = clean(p), clean(strip)
	if n := len(strip); n > 0 && len(p) >= n && strings.EqualFold(p[:n], strip) &&
		(strip[n-1] == '/' || len(p) == n || p[n] == '/') {
		p = strings.TrimLeft(p[n:], "/")
	}
	if p == "" {
		return ""
	}
	return strings.TrimLeft(path.Clean(p), "/")
}

func (t *joinTable) hash(p string) uint64 { return maphash.String(t.seed, foldPath(p)) }

// foldPath is what paths have in common that differ in capitals or form.
func foldPath(p string) string { return strings.ToLower(nfc(p)) }

// pathAt is the path of the row at a place, and its record after the path.
func (t *joinTable) pathAt(at int64) (p string, rest []byte, err error) {
	record, err := t.rows.read(at)
	if err != nil {
		return "", nil, err
	}
	n, k := binary.Uvarint(record)
	return string(record[k : k+int(n)]), record[k+int(n):], nil
}

// rowAt is the row at a place.
func (t *joinTable) rowAt(at int64) (joinRow, error) {
	var row joinRow
	p, text, err := t.pathAt(at)
	if err == nil {
		err = json.Unmarshal(text, &row)
	}
	row.Path = p
	return row, err
}

// find returns the places of the rows about the file at a path, in NFC, and
// remembers that the file is there. Rows that write it exactly so come before
// those that differ in capitals, which are asked only when there are no others.
func (t *joinTable) find(file string) (at []int64, exact bool, err error) {
	h := t.hash(file)
	var same, folded []int
	first, _ := slices.BinarySearchFunc(t.index, h, func(e joinEntry, h uint64) int { return cmp.Compare(e.hash, h) })
	for i := first; i < len(t.index) && t.index[i].hash == h; i++ {
		p, _, err := t.pathAt(t.index[i].at)
		switch {
		case err != nil:
			return nil, false, err
		case p == file:
			same = append(same, i)
		case foldPath(p) == foldPath(file): // else the hashes collided
			folded = append(folded, i)
		}
	}
	found := same
	if len(same) == 0 {
		found = folded
	}
	for _, i := range found {
		t.met[i/64] |= 1 << (i % 64)
		at = append(at, t.index[i].at)
	}
	return at, len(same) > 0, nil
}

// unmet are the places of the rows whose file is not there, in the order of the
// table.
func (t *joinTable) unmet() []int64 {
	var at []int64
	for i, e := range t.index {
		if t.met[i/64]&(1<<(i%64)) == 0 {
			at = append(at, e.at)
		}
	}
	slices.Sort(at)
	return at
}

// there remembers the folders of a file that is there.
func (t *joinTable) there(file string) {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		h := t.hash(dir)
		if t.folders[h] {
			return
		}
		t.folders[h] = true
	}
}

// lost are the rows about files that should be below a folder and are not, in
// the order of the table. Rows about folders are none: exports of libraries
// have them too.
func (t *joinTable) lost(base string) iter.Seq2[joinRow, error] {
	below := ""
	if base != "" {
		below = foldPath(base) + "/"
	}
	return func(yield func(joinRow, error) bool) {
		for _, at := range t.unmet() {
			row, err := t.rowAt(at)
			if err == nil && (!strings.HasPrefix(foldPath(row.Path), below) || t.folders[t.hash(row.Path)]) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
