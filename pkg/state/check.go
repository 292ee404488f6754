package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt's file format. Its pages carry no checksums and bbolt trusts them, so
// the file is read once with every bound checked before bbolt maps it.
// Source: bbolt 1.5, internal/common (page.go, meta.go, bucket.go).
const (
	pageHeader   = 16 // id u64, flags u16, count u16, overflow u32
	bucketHeader = 16 // root u64, sequence u64
	elemSize     = 16 // branch: pos u32, ksize u32, pgid u64; leaf: flags, pos, ksize, vsize u32
	metaSize     = 56 // without its checksum of 8 bytes, which follows

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = ^uint64(0)

	maxPageSize = 16 << 20
	maxDepth    = 64
)

// checkFile reads the whole file at path and reports what bbolt or we would
// stumble over: a missing end, pages that are not what refers to them, keys out
// of order, pages in use that are listed as free, values that do not match
// their checksum. Damage wraps ErrDamaged; other errors are the file system's.
func checkFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", path)
	}
	c := checker{file: f, size: st.Size()}
	err = c.run()
	switch {
	case err == nil:
		return nil
	case c.readErr != nil:
		return fmt.Errorf("%s: reading the state: %w", path, c.readErr)
	}
	return damaged(path, err)
}

type checker struct {
	file     io.ReaderAt
	size     int64
	readErr  error // of the file system, not of the content
	pageSize int64
	pages    uint64 // high-water mark
	free     []bool
	used     []bool
}

type boltMeta struct{ pageSize, root, freelist, pages, txid uint64 }

func (c *checker) run() error {
	if c.size == 0 {
		return errEmpty
	}
	m, err := c.meta()
	if err != nil {
		return err
	}
	c.pageSize, c.pages = int64(m.pageSize), m.pages
	if m.pages < 3 || m.pages > uint64(c.size/c.pageSize) {
		return fmt.Errorf("its end is missing: it has %d bytes, %d pages of %d belong to it", c.size, m.pages, c.pageSize)
	}
	c.free, c.used = make([]bool, c.pages), make([]bool, c.pages)
	c.used[0], c.used[1] = true, true
	if err := c.freelist(m.freelist); err != nil {
		return err
	}
	return c.page(m.root, nil, nil, 0)
}

// meta returns the newest valid one of the two meta pages.
func (c *checker) meta() (boltMeta, error) {
	best, found := boltMeta{}, false
	try := func(off int64, want uint64) bool {
		m, ok := c.readMeta(off)
		if !ok || want != 0 && m.pageSize != want {
			return false
		}
		if !found || m.txid > best.txid {
			best, found = m, true
		}
		return true
	}
	if try(0, 0) {
		try(int64(best.pageSize), best.pageSize)
		return best, nil
	}
	for size := int64(1024); size <= maxPageSize && size < c.size; size *= 2 {
		if try(size, uint64(size)) {
			return best, nil
		}
	}
	if c.readErr != nil {
		return best, c.readErr
	}
	return best, errors.New("it is not a state file, or both of its heads are destroyed")
}

func (c *checker) readMeta(off int64) (boltMeta, bool) {
	b := make([]byte, pageHeader+metaSize+8)
	if n, err := c.file.ReadAt(b, off); n < len(b) {
		if err != nil && err != io.EOF {
			c.readErr = err
		}
		return boltMeta{}, false
	}
	b = b[pageHeader:]
	h := fnv.New64a()
	h.Write(b[:metaSize])
	ne := binary.NativeEndian
	m := boltMeta{
		pageSize: uint64(ne.Uint32(b[8:])), root: ne.Uint64(b[16:]),
		freelist: ne.Uint64(b[32:]), pages: ne.Uint64(b[40:]), txid: ne.Uint64(b[48:]),
	}
	ok := ne.Uint32(b) == boltMagic && ne.Uint32(b[4:]) == boltVersion && ne.Uint64(b[metaSize:]) == h.Sum64() &&
		m.pageSize >= 1024 && m.pageSize <= maxPageSize && m.pageSize&(m.pageSize-1) == 0
	return m, ok
}

// read returns page id with its overflow, after checking that it may be read.
func (c *checker) read(id uint64) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, fmt.Errorf("page %d of %d is referred to", id, c.pages)
	}
	b := make([]byte, c.pageSize)
	if err := c.readAt(b, id); err != nil {
		return nil, err
	}
	ne := binary.NativeEndian
	if got := ne.Uint64(b); got != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, got)
	}
	overflow := uint64(ne.Uint32(b[12:]))
	if overflow >= c.pages-id {
		return nil, fmt.Errorf("page %d goes on for %d pages", id, overflow)
	}
	for p := id; p <= id+overflow; p++ {
		if c.used[p] || c.free[p] {
			return nil, fmt.Errorf("page %d has two uses", p)
		}
		c.used[p] = true
	}
	if overflow > 0 {
		b = make([]byte, (1+int64(overflow))*c.pageSize)
		if err := c.readAt(b, id); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (c *checker) readAt(b []byte, id uint64) error {
	n, err := c.file.ReadAt(b, int64(id)*c.pageSize)
	if n == len(b) {
		return nil
	}
	if err != io.EOF {
		c.readErr = err
	}
	return fmt.Errorf("page %d: %w", id, err)
}

func (c *checker) freelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	b, err := c.read(id)
	if err != nil {
		return err
	}
	ne := binary.NativeEndian
	if ne.Uint16(b[8:]) != freelistPage {
		return fmt.Errorf("page %d is not the list of free pages", id)
	}
	n, ids := uint64(ne.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF {
		n, ids = ne.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return fmt.Errorf("the list of free pages has %d entries", n)
	}
	for i := range n {
		p := ne.Uint64(ids[i*8:])
		if p < 2 || p >= c.pages || c.used[p] || c.free[p] {
			return fmt.Errorf("page %d is wrongly listed as free", p)
		}
		c.free[p] = true
	}
	return nil
}

// page checks the tree below page id, whose keys must be at least lo and below
// hi; nil means no bound.
func (c *checker) page(id uint64, lo, hi []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("its pages go too deep")
	}
	b, err := c.read(id)
	if err != nil {
		return err
	}
	if err := c.elements(b, lo, hi, depth); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (c *checker) elements(b, lo, hi []byte, depth int) error {
	ne := binary.NativeEndian
	flags, n := ne.Uint16(b[8:]), int(ne.Uint16(b[10:]))
	if pageHeader+n*elemSize > len(b) {
		return fmt.Errorf("it cannot have %d entries", n)
	}
	part := func(off, length uint64) ([]byte, error) {
		if off > uint64(len(b)) || length > uint64(len(b))-off {
			return nil, errors.New("an entry lies outside of it")
		}
		return b[off : off+length], nil
	}
	entry := func(i int) (e []byte, off uint64) {
		o := pageHeader + i*elemSize
		return b[o : o+elemSize], uint64(o)
	}
	branchKey := func(i int) ([]byte, error) {
		e, off := entry(i)
		return part(off+uint64(ne.Uint32(e)), uint64(ne.Uint32(e[4:])))
	}
	last := lo
	for i := range n {
		e, off := entry(i)
		switch flags {
		case branchPage:
			key, err := branchKey(i)
			if err != nil {
				return err
			}
			if err := inOrder(last, key, hi, i == 0); err != nil {
				return err
			}
			next := hi
			if i+1 < n {
				if next, err = branchKey(i + 1); err != nil {
					return err
				}
			}
			if err := c.page(ne.Uint64(e[8:]), key, next, depth+1); err != nil {
				return err
			}
			last = key
		case leafPage:
			start, ksize := off+uint64(ne.Uint32(e[4:])), uint64(ne.Uint32(e[8:]))
			key, err := part(start, ksize)
			if err != nil {
				return err
			}
			value, err := part(start+ksize, uint64(ne.Uint32(e[12:])))
			if err != nil {
				return err
			}
			if err := inOrder(last, key, hi, i == 0); err != nil {
				return err
			}
			switch ne.Uint32(e) {
			case 0:
				_, err = unseal(key, value)
			case bucketLeaf:
				err = c.bucket(value, depth)
			default:
				err = errors.New("an entry of no known kind")
			}
			if err != nil {
				return err
			}
			last = key
		default:
			return fmt.Errorf("it is of no known kind (%#x)", flags)
		}
	}
	if n == 0 && flags != leafPage {
		return errors.New("a branch without entries")
	}
	return nil
}

func (c *checker) bucket(value []byte, depth int) error {
	if len(value) < bucketHeader {
		return errors.New("a bucket without its head")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.page(root, nil, nil, depth+1)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != leafPage {
		return errors.New("a small bucket without its page")
	}
	return c.elements(inline, nil, nil, depth+1)
}

// inOrder checks that key follows last (or equals it when first) and is below hi.
func inOrder(last, key, hi []byte, first bool) error {
	cmp := bytes.Compare(last, key)
	if len(key) == 0 || cmp > 0 || cmp == 0 && !first || hi != nil && bytes.Compare(key, hi) >= 0 {
		return errors.New("its keys are not in order")
	}
	return nil
}
