package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
)

// maxGroups is how many groups of equal files are told apart.
const maxGroups = 100_000

// duplicate is a group of equal files.
type duplicate struct {
	md5   [md5Size]byte
	size  int64
	first string // path
	row   int    // of it
	more  int
}

// key is a hash of a file's bytes.
func (e *entry) key() uint64 { return binary.BigEndian.Uint64(e.MD5) ^ uint64(e.Size) }

// compare finds rows that look alike, and rows with equal bytes: those whose
// hashes came more than once are compared in a second pass.
func (s *scanner) compare(ctx context.Context) error {
	slices.Sort(s.hashes)
	for i := 1; i < len(s.hashes) && len(s.copies) < maxGroups; i++ {
		if s.hashes[i] == s.hashes[i-1] {
			s.copies[s.hashes[i]] = &duplicate{}
		}
	}
	s.hashes = nil
	if len(s.copies) == 0 && len(s.lookalikes) == 0 {
		return nil
	}
	for e, err := range s.files.all() {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if n, ok := s.lookalikes[e.Row]; ok {
			s.Report.note(Finding{Kind: n.Kind, Path: e.Path, Size: e.Size, Detail: n.Detail, Exclude: n.Exclude})
		}
		if e.Row == 0 || len(e.MD5) != md5Size {
			continue
		}
		d := s.copies[e.key()]
		switch {
		case d == nil:
		case d.row == 0:
			*d = duplicate{md5: [md5Size]byte(e.MD5), size: e.Size, first: e.Path, row: e.Row}
		case d.equals(e):
			if d.more++; d.more == 1 {
				s.Report.Duplicates.Groups++
			}
			s.Report.Duplicates.Copies++
			s.Report.Duplicates.Saved += e.Size
			s.Report.note(Finding{Kind: Duplicate, Path: e.Path, Size: e.Size, Detail: "the same bytes as " + d.first})
		}
	}
	return nil
}

func (d *duplicate) equals(e entry) bool { return d.size == e.Size && bytes.Equal(d.md5[:], e.MD5) }

// copyOf is the path of the first file with the bytes of e; "" for none, and for
// the first one itself.
func (inv *Inventory) copyOf(e entry) string {
	if e.Row == 0 || len(e.MD5) != md5Size {
		return ""
	}
	d := inv.copies[e.key()]
	if d == nil || d.row == e.Row || !d.equals(e) {
		return ""
	}
	return d.first
}
