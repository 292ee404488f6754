package table

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read is a table as lines: rows as "2: a|b", with what is wrong with their
// cells, problems, and at the end what was noted.
func read(t testing.TB, data []byte, o Options) []string {
	t.Helper()
	var got, notes []string
	o.Note = func(p manifest.Problem) {
		if c, ok := manifest.CodeOf(p.Code); !ok || c.Class != manifest.Warn {
			t.Errorf("noted: %s", p)
		}
		notes = append(notes, "note "+p.String())
	}
	for row, err := range Read(t.Context(), bytes.NewReader(data), int64(len(data)), o) {
		if ps, ok := errors.AsType[manifest.Problems](err); ok {
			for _, p := range ps {
				got = append(got, p.String())
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Cells, "|")))
		for i := range row.Cells {
			if p, ok := row.Wrong[i]; ok {
				got = append(got, p.String())
			}
		}
	}
	return append(got, notes...)
}

// parts of a workbook by their names.
type parts map[string]string

const (
	relTypes  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	relsHead  = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`
	sheetHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\r\n" + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1"/><sheetData>`
	sheetEnd  = `</sheetData></worksheet>`
)

// book is a workbook with a sheet of these rows, as XML, and other parts.
func book(t testing.TB, rows string, more parts) []byte {
	t.Helper()
	p := parts{
		"_rels/.rels":                relsHead + `<Relationship Id="rId1" Type="` + relTypes + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="` + relTypes + `"><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": relsHead + `<Relationship Id="rId1" Type="` + relTypes + `/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="` + relTypes + `/sharedStrings" Target="/xl/sharedStrings.xml"/><Relationship Id="rId3" Type="` + relTypes + `/styles" Target="styles.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml":   sheetHead + rows + sheetEnd,
	}
	for name, text := range more {
		if p[name] = text; text == "" {
			delete(p, name)
		}
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range p {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rowOf is a row of inline texts.
func rowOf(line int, texts ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<row r="%d">`, line)
	for i, s := range texts {
		fmt.Fprintf(&b, `<c r="%s%d" t="inlineStr"><is><t>%s</t></is></c>`, ColumnName(i), line, s)
	}
	b.WriteString("</row>")
	return b.String()
}
