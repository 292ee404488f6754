package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/manifest/table"
	"github.com/showpad-migrate/migrate/pkg/report"
	"github.com/showpad-migrate/migrate/pkg/scan"
)

// tableRows reads a table of any kind.
func tableRows(name string) scan.Rows {
	return func(ctx context.Context) iter.Seq2[scan.TableRow, error] {
		return func(yield func(scan.TableRow, error) bool) {
			f, err := os.Open(name)
			if err != nil {
				yield(scan.TableRow{}, err)
				return
			}
			defer f.Close()
			if strings.EqualFold(filepath.Ext(name), ".ndjson") {
				objectRows(ctx, f, name, yield)
				return
			}
			st, err := f.Stat()
			if err != nil {
				yield(scan.TableRow{}, err)
				return
			}
			for row, err := range table.Read(ctx, f, st.Size(), table.Options{Name: name}) {
				cells := make([]string, len(row.Cells))
				for i, c := range row.Cells {
					cells[i] = report.Unneutralise(c)
				}
				if !yield(scan.TableRow{Line: row.Line, Cells: cells}, err) {
					return
				}
			}
		}
	}
}

// objectRows reads objects of JSON, one a line, as rows: the keys of the first
// thousand are the columns, lists are parted by semicolons, and what is nested
// deeper is left to the manifest.
func objectRows(ctx context.Context, f io.ReadSeeker, name string, yield func(scan.TableRow, error) bool) {
	const first = 1000
	var keys []string
	for pass := range 2 {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			yield(scan.TableRow{}, err)
			return
		}
		if pass == 1 && !yield(scan.TableRow{Line: 1, Cells: keys}, nil) {
			return
		}
		in := bufio.NewScanner(f)
		in.Buffer(nil, table.MaxRow)
		for line := 1; in.Scan(); line++ {
			if ctx.Err() != nil {
				yield(scan.TableRow{}, context.Cause(ctx))
				return
			}
			if len(bytes.TrimSpace(in.Bytes())) == 0 {
				continue
			}
			object, order, err := readObject(in.Bytes())
			switch {
			case pass == 0 && (err != nil || line > first):
			case pass == 0:
				for _, k := range order {
					if !slices.Contains(keys, k) {
						keys = append(keys, k)
					}
				}
			default:
				cells := make([]string, len(keys))
				for i, k := range keys {
					cells[i] = object[k]
				}
				if err != nil {
					err = manifest.Problems{manifest.NewProblem(manifest.CodeTableSyntax, manifest.Pos{File: name, Line: line}, "the line is no JSON object", "write one object {...} on each line")}
				}
				if !yield(scan.TableRow{Line: line, Cells: cells}, err) {
					return
				}
			}
			if pass == 0 && line > first {
				break
			}
		}
		if err := in.Err(); err != nil {
			yield(scan.TableRow{}, fmt.Errorf("reading %s: %w", name, err))
			return
		}
	}
}

// readObject reads an object, and its keys in their order.
func readObject(text []byte) (object map[string]string, order []string, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("no object")
	}
	object = map[string]string{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, nil, err
		}
		k := fmt.Sprint(key)
		switch v := value.(type) {
		case nil:
			object[k] = ""
		case map[string]any:
			continue
		case []any:
			var parts []string
			for _, p := range v {
				parts = append(parts, fmt.Sprint(p))
			}
			object[k] = strings.Join(parts, "; ")
		default:
			object[k] = fmt.Sprint(v)
		}
		order = append(order, k)
	}
	return object, order, nil
}
