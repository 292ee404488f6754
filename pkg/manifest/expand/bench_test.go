package expand

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// big is a manifest with n items written in one of a few ways.
func big(tb testing.TB, kind string, n int) *Set {
	tb.Helper()
	dir := tb.TempDir()
	var m, rows strings.Builder
	m.WriteString(header)
	for i := range n {
		switch kind {
		case "documents":
			fmt.Fprintf(&m, "---\nexternalId: SP-%07d\nfile: content/%d/deck %d.pptx\nname: Deck %d\ntags: [Sales, Region %d]\nlanguages: [en]\n", i, i%100, i, i, i%7)
		case "csv":
			fmt.Fprintf(&rows, "SP-%07d;content/%d/deck %d.pptx;Deck %d;\"Sales; Region %d\";en\n", i, i%100, i, i, i%7)
		case "ndjson":
			fmt.Fprintf(&rows, `{"externalId":"SP-%07d","file":"content/%d/deck %d.pptx","name":"Deck %d","tags":["Sales","Region %d"],"languages":["en"]}`+"\n", i, i%100, i, i, i%7)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	switch kind {
	case "csv":
		m.WriteString("include: [{table: t.csv}]\n")
		write("t.csv", "externalId;file;name;tags;languages\n"+rows.String())
	case "ndjson":
		m.WriteString("include: [{table: t.ndjson}]\n")
		write("t.ndjson", rows.String())
	}
	include := map[string]string{
		"files": "{files: 'decks:**/*.pptx', tags: ['{dirs}'], languages: [en]}",
		"join":  "{files: 'decks:**/*.pptx', tags: ['{dirs}'], join: {table: t.csv, on: Path}}",
	}[kind]
	if include == "" {
		write("m.yaml", m.String())
		return open(tb, dir)
	}
	write("m.yaml", m.String()+"roots: {decks: .}\ninclude: ["+include+"]\n")
	if kind == "join" {
		rows.WriteString("Path,name,languages\n")
		for i := range n {
			fmt.Fprintf(&rows, "%s,Deck %d,en\n", numbered(0).path(i), i)
		}
		write("t.csv", rows.String())
	}
	s := open(tb, dir)
	s.Sources["decks"] = numbered(n)
	return s
}

// numbered lists so many files, a thousand in each folder.
type numbered int

func (n numbered) path(i int) string { return fmt.Sprintf("%04d/deck %04d.pptx", i/1000, i%1000) }

func (n numbered) List(ctx context.Context, _ string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		for i := range int(n) {
			if !yield(source.Info{Path: n.path(i), Size: 1}, nil) {
				return
			}
		}
	}
}

func (n numbered) Stat(context.Context, string) (source.Info, error) { panic("not asked") }

func (n numbered) Open(context.Context, string) (io.ReadCloser, source.Info, error) {
	panic("not opened")
}

func read(tb testing.TB, s *Set) (n int) {
	tb.Helper()
	for _, err := range s.Items(tb.Context()) {
		if err != nil {
			tb.Fatal(err)
		}
		n++
	}
	return n
}

var kinds = []string{"documents", "csv", "ndjson", "files", "join"}

func BenchmarkItems(b *testing.B) {
	const n = 100_000
	for _, kind := range kinds {
		b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
			s := big(b, kind, n)
			b.ReportAllocs()
			for b.Loop() {
				if got := read(b, s); got != n {
					b.Fatalf("%d items", got)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func BenchmarkLeftovers(b *testing.B) {
	const n = 100_000
	s := big(b, "files", n)
	b.ReportAllocs()
	for b.Loop() {
		for l, err := range s.Leftovers(b.Context()) {
			if err != nil {
				b.Fatal(l, err)
			}
		}
	}
}

func BenchmarkSpreadsheets(b *testing.B) {
	const n = 100_000
	for _, kind := range []string{"windows-1252", "xlsx"} {
		b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
			s := spreadsheet(b, kind, n)
			b.ReportAllocs()
			for b.Loop() { // the passes of a plan
				if c, err := s.Check(b.Context(), nil); err != nil || c.Items != n {
					b.Fatalf("%+v %v", c, err)
				}
				for range 3 {
					read(b, s)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("csv/%d", n), func(b *testing.B) {
			s := big(b, "csv", n)
			b.ReportAllocs()
			for b.Loop() {
				c, err := s.Check(b.Context(), nil)
				if err != nil || c.Items != n || c.Stop != 0 {
					b.Fatalf("%+v %v", c, err)
				}
			}
		})
	}
}

// What is held while reading does not grow with the number of items.
func TestReadingHoldsOneItem(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			held := func(n int) int64 {
				s := big(t, kind, n)
				seen, most := 0, int64(0)
				var start runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&start)
				for _, err := range s.Items(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if seen++; seen%(n/4) == 0 {
						var now runtime.MemStats
						runtime.GC()
						runtime.ReadMemStats(&now)
						most = max(most, int64(now.HeapAlloc)-int64(start.HeapAlloc))
					}
				}
				return most
			}
			small, large := held(400), held(8_000)
			if large > small+512<<10 { // 8,000 items in memory take many times that
				t.Errorf("%d items hold %d KB, %d hold %d KB", 400, small>>10, 8_000, large>>10)
			}
		})
	}
}

// BenchmarkCheckAgain is what a run of a manifest that passed its checks does in their
// place; "checks" is how much of a check it takes.
func BenchmarkCheckAgain(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := big(b, "csv", n)
			begin := time.Now()
			passed, err := s.Check(b.Context(), nil)
			if err != nil {
				b.Fatal(err)
			}
			check := time.Since(begin)
			for b.Loop() {
				if _, same, err := s.CheckAgain(b.Context(), passed, nil); err != nil || !same {
					b.Fatal(same, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(check), "checks")
			b.ReportMetric(float64(check.Milliseconds()), "check-ms")
		})
	}
}
