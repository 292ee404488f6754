package table

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// inventory is a row of a table as an old system may export it.
func inventory(i int) []any {
	return []any{fmt.Sprintf("SP-%07d", i), fmt.Sprintf("content/%d/Präsentation %d.pptx", i%100, i), fmt.Sprintf("Größe %d", i), fmt.Sprintf("Vertrieb; Region %d", i%7), "de", i, true, "Notiz"}
}

var inventoryHeader = []any{"externalId", "file", "name", "tags", "languages", "n", "isSensitive", "Notiz"}

// workbookOf is a workbook of n rows, by another writer.
func workbookOf(tb testing.TB, n int) []byte {
	tb.Helper()
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	for i := 0; i <= n && err == nil; i++ {
		row := inventoryHeader
		if i > 0 {
			row = inventory(i)
		}
		err = w.SetRow(fmt.Sprintf("A%d", i+1), row)
	}
	var b bytes.Buffer
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Write(&b)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// textOf is the same as CSV.
func textOf(n int) []byte {
	var b bytes.Buffer
	for i := range n + 1 {
		row := inventoryHeader
		if i > 0 {
			row = inventory(i)
		}
		for j, c := range row {
			if j > 0 {
				b.WriteByte(';')
			}
			if s := fmt.Sprint(c); strings.Contains(s, ";") {
				fmt.Fprintf(&b, "%q", s)
			} else {
				b.WriteString(s)
			}
		}
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

func BenchmarkRead(b *testing.B) {
	const n = 100_000
	for name, data := range map[string][]byte{"t.csv": textOf(n), "t.xlsx": workbookOf(b, n)} {
		b.Run(fmt.Sprintf("%s/%d", name[2:], n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				rows := 0
				for _, err := range Read(b.Context(), bytes.NewReader(data), int64(len(data)), Options{Name: name}) {
					if err != nil {
						b.Fatal(err)
					}
					rows++
				}
				if rows != n+1 {
					b.Fatalf("%d rows", rows)
				}
			}
		})
	}
}
