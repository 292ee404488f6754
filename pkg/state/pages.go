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
// It returns the number of entries of each bucket.
func checkFile(path string) (entries map[string]int, err error) {
	c, err := checkPages(path, false)
	if err != nil {
		return nil, err
	}
	return c.entries, nil
}

// checkPages is checkFile that returns all that it learnt. When it is told to
// trust the values, it leaves out their checksums.
func checkPages(path string, trust bool) (checker, error) {
	st, err := os.Stat(path)
	if err != nil {
		return checker{}, err
	}
	if !st.Mode().IsRegular() { // opening a pipe would wait for its other end
		return checker{}, errIrregular(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return checker{}, unreadable(err)
	}
	defer f.Close()
	if st, err = f.Stat(); err != nil {
		return checker{}, err
	}
	c := checker{file: f, size: st.Size(), trust: trust}
	err = c.run()
	switch {
	case err == nil:
		return c, nil
	case c.readErr != nil:
		return c, fmt.Errorf("%s: reading the state: %w", path, c.readErr)
	}
	return c, damaged(path, err)
}

type checker struct {
	file     io.ReaderAt
	size     int64
	trust    bool  // leaves out the checksums of values
	readErr  error // of the file system, not of the content
	pageSize int64
	headLost bool   // one of the two heads is broken: the last commit may be missing
	pages    uint64 // high-water mark
	free     []bool
	used     []bool
	seen     int            // entries so far
	entries  map[string]int // by bucket
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
	c.entries = map[string]int{}
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
		c.headLost = !try(int64(best.pageSize), best.pageSize)
		return best, nil
	}
	c.headLost = true
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

// elements checks the entries of page b. Their data follows them in their order
// without gaps, so that a wrong number of entries shows.
func (c *checker) elements(b, lo, hi []byte, depth int) error {
	ne := binary.NativeEndian
	flags, n := ne.Uint16(b[8:]), int(ne.Uint16(b[10:]))
	data := uint64(pageHeader + n*elemSize)
	switch {
	case flags != branchPage && flags != leafPage:
		return fmt.Errorf("it is of no known kind (%#x)", flags)
	case data > uint64(len(b)):
		return fmt.Errorf("it cannot have %d entries", n)
	case n == 0 && (flags == branchPage || len(bytes.Trim(b[pageHeader:], "\x00")) > 0):
		return errors.New("its entries are missing")
	}
	next := func(size uint32) ([]byte, error) {
		if uint64(size) > uint64(len(b))-data {
			return nil, errors.New("an entry lies outside of it")
		}
		part := b[data : data+uint64(size)]
		data += uint64(size)
		return part, nil
	}
	last := lo
	var child uint64 // of the branch entry before, whose upper bound is the next key
	for i := range n {
		off := pageHeader + i*elemSize
		e := b[off : off+elemSize]
		pos, ksize := ne.Uint32(e), ne.Uint32(e[4:])
		if flags == leafPage {
			pos, ksize = ne.Uint32(e[4:]), ne.Uint32(e[8:])
		}
		if uint64(off)+uint64(pos) != data {
			return errors.New("its entries do not follow each other")
		}
		key, err := next(ksize)
		if err != nil {
			return err
		}
		if err := inOrder(last, key, hi, i == 0); err != nil {
			return err
		}
		if flags == branchPage {
			if i > 0 {
				if err := c.page(child, last, key, depth+1); err != nil {
					return err
				}
			}
			child = ne.Uint64(e[8:])
		} else {
			value, err := next(ne.Uint32(e[12:]))
			if err != nil {
				return err
			}
			if err := c.entry(ne.Uint32(e), key, value, depth); err != nil {
				return err
			}
		}
		last = key
	}
	if flags == branchPage {
		return c.page(child, last, hi, depth+1)
	}
	return nil
}

// entry checks one entry of a leaf.
func (c *checker) entry(flags uint32, key, value []byte, depth int) error {
	switch flags {
	case 0:
		c.seen++
		if c.trust {
			return nil
		}
		_, err := unseal(key, value)
		return err
	case bucketLeaf:
		before := c.seen
		if err := c.bucket(value, depth); err != nil {
			return fmt.Errorf("bucket %q: %w", shorten(string(key), 40), err)
		}
		c.entries[string(key)] = c.seen - before
		return nil
	}
	return errors.New("an entry of no known kind")
}

func (c *checker) bucket(value []byte, depth int) error {
	if len(value) < bucketHeader {
		return errors.New("its head is missing")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.page(root, nil, nil, depth+1)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || binary.NativeEndian.Uint16(inline[8:]) != leafPage {
		return errors.New("its page is missing")
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
