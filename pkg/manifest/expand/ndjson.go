package expand

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
)

// readNDJSON reads a table of JSON objects, one a line, with the keys of an
// item, or any keys when columns are mapped. Empty lines are passed over. An
// error is [manifest.Problems], after which the next line follows where one can
// be told, or one of reading.
func readNDJSON(ctx context.Context, r io.Reader, inc manifest.Include) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		limit := &rowLimit{r: manifest.NewTextReader(r, inc.Table), left: table.MaxRow}
		buf := bufio.NewReaderSize(limit, 64<<10)
		inc = joinColumns(inc, rowFields)
		t := ndjsonTable{inc: inc}
		if inc.Columns != nil {
			var err error
			if t.mapping, err = newMapping(inc); err != nil {
				yield(row{}, err)
				return
			}
			if ps := t.mapping.required(inc.Pos); len(ps) > 0 {
				yield(row{}, manifest.Problems(ps))
				return
			}
		}
		for line := 1; ; line++ {
			if err := ctx.Err(); err != nil {
				yield(row{}, err)
				return
			}
			limit.left = table.MaxRow
			text, err := readLine(buf)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(row{}, lineProblem(err, inc.Table))
				return
			}
			if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 {
				made, perr := t.row(text, line)
				if !yield(made, perr) {
					return // else the next line may be sound
				}
			}
			if err != nil {
				return
			}
		}
	}
}

// errRowTooLong ends a row that goes on and on.
var errRowTooLong = errors.New("row too long")

// rowLimit counts what one row takes.
type rowLimit struct {
	r    io.Reader
	left int
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// lineProblem says in the words of a problem why a table cannot be read on.
func lineProblem(err error, file string) error {
	if errors.Is(err, errRowTooLong) {
		return manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: file},
			fmt.Sprintf("a row is longer than %d MB", table.MaxRow>>20), "look for a line without an end")}
	}
	if _, ok := errors.AsType[manifest.Problems](err); ok {
		return err
	}
	return fmt.Errorf("reading table %s: %w", file, err)
}

// readLine is the next line without its end; at the end of the text it comes
// with io.EOF.
func readLine(buf *bufio.Reader) ([]byte, error) {
	line, err := buf.ReadBytes('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// objectKeys are the keys of an item, which stay fields when they are kept too.
var objectKeys = func() []string {
	keys := []string{"keep"}
	for _, name := range rowFields {
		name, _, _ = strings.Cut(name, ".")
		keys = append(keys, name)
	}
	return keys
}()

type ndjsonTable struct {
	inc     manifest.Include
	mapping mapping
}

func (t *ndjsonTable) row(text []byte, line int) (row, error) {
	j := jsonReader{text: text, file: t.inc.Table, line: line, dec: json.NewDecoder(bytes.NewReader(text))}
	j.dec.UseNumber()
	v, err := j.document()
	if err != nil {
		return row{}, err
	}
	r := row{pos: manifest.Pos{File: t.inc.Table, Line: line}, value: v, problems: j.problems}
	if v.Kind != manifest.MapValue {
		r.unusable = true
		r.problems = append(r.problems, manifest.NewProblem(manifest.CodeTableSyntax, v.Pos, "the line is "+v.Kind.String(), "write one object {...} on each line"))
		return r, nil
	}
	for _, k := range t.inc.Keep {
		if m := member(v, k); m != nil {
			r.keep = append(r.keep, manifest.KeepKV{Key: k, Value: written(m.Value)})
		} else {
			r.keep = append(r.keep, manifest.KeepKV{Key: k})
		}
	}
	if t.inc.Columns == nil {
		r.value.Map = slices.DeleteFunc(r.value.Map, func(m manifest.Member) bool {
			return slices.Contains(t.inc.Keep, m.Key) && !slices.Contains(objectKeys, m.Key)
		})
		return r, nil
	}
	r.value = t.mapped(v, r.pos)
	return r, nil
}

// mapped makes an item's value of an object with other keys.
func (t *ndjsonTable) mapped(v manifest.Value, at manifest.Pos) manifest.Value {
	out := manifest.Value{Kind: manifest.MapValue, Pos: at}
	for _, f := range t.mapping.fields {
		if f.value != nil {
			out.Put(f.name, f.pos, *f.value)
			continue
		}
		if f.template == nil {
			m := member(v, f.column)
			if m == nil {
				continue
			}
			val := m.Value
			if val.Kind == manifest.TextValue {
				if strings.TrimSpace(val.Text) == "" {
					continue
				}
				val.Loose, val.Split, val.Add = true, f.split, f.add
			}
			out.Put(f.name, m.Pos, val)
			continue
		}
		pos := at
		s := f.text(func(c string) string {
			m := member(v, c)
			if m == nil {
				return ""
			}
			if pos.Column == 0 {
				pos = m.Value.Pos
			}
			return written(m.Value)
		})
		if s != "" {
			out.Put(f.name, pos, f.cell(s, pos))
		}
	}
	return out
}

func member(v manifest.Value, key string) *manifest.Member {
	i := slices.IndexFunc(v.Map, func(m manifest.Member) bool { return m.Key == key })
	if i < 0 {
		return nil
	}
	return &v.Map[i]
}

// written is a value as one text: scalars as written, lists of scalars with "; "
// between them.
func written(v manifest.Value) string {
	if v.Kind == manifest.ListValue {
		parts := make([]string, 0, len(v.List))
		for _, e := range v.List {
			parts = append(parts, written(e))
		}
		return strings.Join(parts, "; ")
	}
	return v.Text
}

// jsonReader turns one line of JSON into a value with positions.
type jsonReader struct {
	text     []byte
	file     string
	line     int
	dec      *json.Decoder
	problems []manifest.Problem
}

func (j *jsonReader) pos(offset int64) manifest.Pos {
	off := min(int(offset), len(j.text))
	return manifest.Pos{File: j.file, Line: j.line, Column: utf8.RuneCount(j.text[:off]) + 1}
}

// next is where the next token begins.
func (j *jsonReader) next() int64 {
	off := j.dec.InputOffset()
	for off < int64(len(j.text)) && strings.IndexByte(" \t\r\n,:", j.text[off]) >= 0 {
		off++
	}
	return off
}

func (j *jsonReader) syntax(err error) error {
	pos := j.pos(j.next())
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		pos = j.pos(int64(len(j.text)))
	}
	return manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, pos, "the line is not valid JSON", "write one whole object {...} on each line")}
}

func (j *jsonReader) document() (manifest.Value, error) {
	v, err := j.value(0)
	if err != nil {
		return v, err
	}
	end := j.next()
	if _, err := j.dec.Token(); !errors.Is(err, io.EOF) {
		return v, manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, j.pos(end), "something follows the object on its line", "put each object on a line of its own")}
	}
	return v, nil
}

func (j *jsonReader) value(depth int) (manifest.Value, error) {
	v := manifest.Value{Pos: j.pos(j.next())}
	const deepest = 64
	if depth > deepest {
		return v, manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, v.Pos, "the line is nested too deeply", "write it flat")}
	}
	tok, err := j.dec.Token()
	if err != nil {
		return v, j.syntax(err)
	}
	switch tok := tok.(type) {
	case nil:
		v.Kind = manifest.NullValue
	case bool:
		v.Kind, v.Text = manifest.BoolValue, fmt.Sprint(tok)
	case json.Number:
		v.Kind, v.Text = manifest.NumberValue, tok.String()
	case string:
		v.Kind, v.Text = manifest.TextValue, tok
	case json.Delim:
		if tok == '[' {
			return j.list(v, depth)
		}
		return j.object(v, depth)
	}
	return v, nil
}

func (j *jsonReader) list(v manifest.Value, depth int) (manifest.Value, error) {
	v.Kind = manifest.ListValue
	for j.dec.More() {
		e, err := j.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.List = append(v.List, e)
	}
	return v, j.end()
}

func (j *jsonReader) object(v manifest.Value, depth int) (manifest.Value, error) {
	v.Kind = manifest.MapValue
	for j.dec.More() {
		at := j.pos(j.next())
		tok, err := j.dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			return v, j.syntax(err)
		}
		e, err := j.value(depth + 1)
		if err != nil {
			return v, err
		}
		if first := member(v, key); first != nil {
			p := manifest.NewProblem(manifest.CodeDuplicateKey, at, fmt.Sprintf("key %q is written twice", key), "remove one of them")
			p.Also = new(first.Pos)
			j.problems = append(j.problems, p)
			continue
		}
		v.Map = append(v.Map, manifest.Member{Key: key, Pos: at, Value: e})
	}
	return v, j.end()
}

// end takes the closing bracket.
func (j *jsonReader) end() error {
	if _, err := j.dec.Token(); err != nil {
		return j.syntax(err)
	}
	return nil
}
