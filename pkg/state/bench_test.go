package state

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func benchStore(b *testing.B, change ...func(*Options)) *Store {
	b.Helper()
	o := Options{Tenant: "acme"}
	for _, f := range change {
		f(&o)
	}
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "state.db"), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func benchWrite(i int) Write {
	w := rec(fmt.Sprintf("SP-%07d", i), Create, Registering)
	w.Record.AssetID, w.Record.MD5 = "df391e1da6ed4db8a8085838f7abd130", sumA
	w.Record.Source = "decks:q3/" + strings.Repeat("x", 40) + ".pptx"
	w.Record.Fields = map[string]Base{
		"name": {Sent: json.RawMessage(`"A name of a deck.pptx"`)}, "tags": {Sent: json.RawMessage(`["a","b"]`)},
		"languages": {Sent: json.RawMessage(`["en"]`)}, "permissions.isShareable": {Sent: json.RawMessage(`true`)},
	}
	w.Event = "The create is about to leave."
	return w
}

// callers runs put n times by several callers at once.
func callers(b *testing.B, n int, put func(i int) error) {
	b.Helper()
	b.ReportAllocs()
	var next atomic.Int64
	var wg sync.WaitGroup
	limit := int64(b.N)
	for range n {
		wg.Go(func() {
			for i := next.Add(1); i <= limit; i = next.Add(1) {
				if err := put(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkPut beside plain transactions of the same bytes, one for each record.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writer/%d", n), func(b *testing.B) {
			s := benchStore(b)
			b.ResetTimer()
			callers(b, n, func(i int) error { return s.Put(b.Context(), benchWrite(i)) })
		})
		b.Run(fmt.Sprintf("plain/%d", n), func(b *testing.B) {
			s := benchStore(b)
			b.ResetTimer()
			callers(b, n, func(i int) error {
				w := benchWrite(i)
				e, err := w.encode(time.Time{}, false)
				if err != nil {
					return err
				}
				return s.db.Update(func(tx *bolt.Tx) error {
					return tx.Bucket(bucketItems).Put([]byte(e.id), e.record)
				})
			})
		})
	}
}

func BenchmarkQueue(b *testing.B) {
	s := benchStore(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if err := s.Queue(b.Context(), benchWrite(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLife is all that a run writes of one new item: an intent, with 32
// callers waiting for theirs, then its steps.
func BenchmarkLife(b *testing.B) {
	s := benchStore(b)
	b.ResetTimer()
	callers(b, 32, func(i int) error {
		w := benchWrite(i)
		if err := s.Put(b.Context(), w); err != nil {
			return err
		}
		for _, w.Record.Status = range []Status{Registered, Sending, Sent, Done} {
			if err := s.Queue(b.Context(), w); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// grown is a state of n records.
func grown(b *testing.B, n int) *Store {
	b.Helper()
	s := benchStore(b, noSync)
	for i := range n {
		if err := s.Queue(b.Context(), benchWrite(i)); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkGet1000(b *testing.B) {
	s := grown(b, 100_000)
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprintf("SP-%07d", i*97)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := s.Get(b.Context(), ids); err != nil || len(got) != len(ids) {
			b.Fatal(len(got), err)
		}
	}
}

func BenchmarkOpen100k(b *testing.B) {
	s := grown(b, 100_000)
	path := s.Path()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("writer", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(b.Context(), path, Options{Tenant: "acme"})
			if err != nil {
				b.Fatal(err)
			}
			s.Close()
		}
	})
	b.Run("reader", func(b *testing.B) {
		for b.Loop() {
			r, _, err := OpenReader(b.Context(), path)
			if err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
	})
	b.Run("reader's next call", func(b *testing.B) {
		r, _, err := OpenReader(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		for b.Loop() {
			if _, err := r.Counts(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkHashes(b *testing.B) {
	h, err := OpenHashes(filepath.Join(b.TempDir(), "h"))
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		loc := fmt.Sprintf("decks:q3/%d.pptx", i)
		if err := h.Store(b.Context(), loc, 5, mtime, mtime.Add(time.Hour), sumA); err != nil {
			b.Fatal(err)
		}
		if _, ok := h.Lookup(b.Context(), loc, 5, mtime); !ok {
			b.Fatal("missing")
		}
	}
}
