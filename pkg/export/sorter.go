package export

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/tempfile"
)

// sortChunk is how many bytes are sorted in memory before they go to disk.
const sortChunk = 8 << 20

// sorter puts records in the order of their keys, in memory as far as they fit and
// in a temporary file else. Records of the same key keep their order.
type sorter struct {
	what  string // is sorted, for errors
	limit int    // bytes in memory
	buf   []record
	size  int
	file  *tempfile.File
	w     *bufio.Writer
	at    int64
	runs  []int64 // where each begins in the file
}

type record struct {
	key  string
	data []byte
}

func newSorter(what string, limit int) *sorter {
	if limit == 0 {
		limit = sortChunk
	}
	return &sorter{what: what, limit: limit}
}

func (s *sorter) add(key string, data []byte) error {
	s.buf = append(s.buf, record{key, data})
	if s.size += len(key) + len(data) + 64; s.size < s.limit {
		return nil
	}
	return s.spill()
}

// spill writes what is in memory as one more run.
func (s *sorter) spill() error {
	if len(s.buf) == 0 {
		return nil
	}
	if s.file == nil {
		f, err := tempfile.New(s.what)
		if err != nil {
			return err
		}
		s.file, s.w = f, bufio.NewWriterSize(f, 1<<16)
	}
	s.sort()
	s.runs = append(s.runs, s.at)
	for _, r := range s.buf {
		n, err := writeRecord(s.w, r)
		if s.at += n; err != nil {
			return s.failed(err)
		}
	}
	s.buf, s.size = s.buf[:0], 0
	return nil
}

func (s *sorter) sort() {
	slices.SortStableFunc(s.buf, func(a, b record) int { return cmp.Compare(a.key, b.key) })
}

func writeRecord(w *bufio.Writer, r record) (n int64, err error) {
	var head [2 * binary.MaxVarintLen64]byte
	h := binary.AppendUvarint(binary.AppendUvarint(head[:0], uint64(len(r.key))), uint64(len(r.data)))
	w.Write(h)
	w.WriteString(r.key)
	_, err = w.Write(r.data) // a bufio.Writer keeps its first error
	return int64(len(h) + len(r.key) + len(r.data)), err
}

func readRecord(r *bufio.Reader) (record, error) {
	k, err := binary.ReadUvarint(r)
	if err != nil {
		return record{}, err // io.EOF between records
	}
	d, err := binary.ReadUvarint(r)
	if err != nil {
		return record{}, unexpected(err)
	}
	b := make([]byte, k+d)
	if _, err := io.ReadFull(r, b); err != nil {
		return record{}, unexpected(err)
	}
	return record{string(b[:k]), b[k:]}, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// all are the records in their order. Nothing is added afterwards.
func (s *sorter) all() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if s.file == nil {
			s.sort()
			for _, r := range s.buf {
				if !yield(r.data, nil) {
					return
				}
			}
			return
		}
		err := s.spill()
		if err == nil {
			err = s.w.Flush()
		}
		if err != nil {
			yield(nil, s.failed(err))
			return
		}
		s.buf = nil
		m := merge{}
		for i, from := range s.runs {
			to := s.at
			if i+1 < len(s.runs) {
				to = s.runs[i+1]
			}
			in := &run{n: i, r: bufio.NewReaderSize(io.NewSectionReader(s.file, from, to-from), 1<<15)}
			if in.head, err = readRecord(in.r); err != nil {
				yield(nil, s.failed(unexpected(err)))
				return
			}
			m = append(m, in)
		}
		heap.Init(&m)
		for len(m) > 0 {
			first := m[0]
			if !yield(first.head.data, nil) {
				return
			}
			switch first.head, err = readRecord(first.r); {
			case err == nil:
				heap.Fix(&m, 0)
			case errors.Is(err, io.EOF):
				heap.Pop(&m)
			default:
				yield(nil, s.failed(err))
				return
			}
		}
	}
}

func (s *sorter) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the temporary file for %s: %w", s.what, err)
}

func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// run is a sorted part of the file; merge has the one with the least key first.
type run struct {
	n    int
	r    *bufio.Reader
	head record
}

type merge []*run

func (m merge) Len() int      { return len(m) }
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m merge) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(m[i].head.key, m[j].head.key), cmp.Compare(m[i].n, m[j].n)) < 0
}
func (m *merge) Push(x any) { *m = append(*m, x.(*run)) }
func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}
