package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// MovedFiles finds, for files that no item uses, the item whose file they may
// be: one that was sent with the same bytes from a place where no file is any
// more. It takes 24 bytes for each record of the state. It is not safe for
// concurrent use.
//
// Bytes are the same when size and time are, or, where the time that was
// recorded tells nothing, the checksum: for that the file is read, if it is in a
// folder and not online only. Nothing is downloaded.
type MovedFiles struct {
	in     Input
	loaded bool
	keys   []sizeKey // by size
	pages  []string  // the external IDs after which pages of records begin
	recent []recordPage
}

// sizeKey is the size of a record's file, its time or 0, and the page where the
// record is.
type sizeKey struct {
	size, mtime int64
	page        int
}

type recordPage struct {
	page    int
	records []state.Record
}

// NewMovedFiles uses Manifest, State, Sources and Hashes of in.
func NewMovedFiles(in Input) *MovedFiles { return &MovedFiles{in: in} }

const (
	movedPage  = 1000 // records
	movedPages = 8    // that are remembered
)

// Find returns the external ID and the former place of the item whose file a
// file may be; "" when there is none. An error is one of the state or of ctx.
func (m *MovedFiles) Find(ctx context.Context, l manifest.Location, info source.Info) (externalID, was string, err error) {
	if !m.loaded {
		if err := m.load(ctx); err != nil {
			return "", "", err
		}
		m.loaded = true
	}
	at, _ := slices.BinarySearchFunc(m.keys, info.Size, func(k sizeKey, size int64) int { return int(max(-1, min(1, k.size-size))) })
	last, sum, mtime := -1, "", stamp(info)
	for ; at < len(m.keys) && m.keys[at].size == info.Size; at++ {
		k := m.keys[at]
		if k.page == last || k.mtime != 0 && k.mtime != mtime {
			continue
		}
		last = k.page
		records, err := m.page(ctx, last)
		if err != nil {
			return "", "", err
		}
		for i := range records {
			r := &records[i]
			if !movable(r, m.in.Manifest.ID) || r.Size != info.Size {
				continue
			}
			same := r.ModTime != 0 && r.ModTime == mtime
			if r.ModTime == 0 && !info.Offline && l.Kind == manifest.RootFolder {
				if sum == "" {
					if sum, err = m.checksum(ctx, l); err != nil {
						return "", "", err
					}
				}
				same = sum == r.MD5
			}
			if same && m.missing(ctx, r.Source) {
				return r.ExternalID, r.Source, nil
			}
			if ctx.Err() != nil {
				return "", "", context.Cause(ctx)
			}
		}
	}
	return "", "", nil
}

// movable reports whether r is of a file that the manifest of this id sent, and
// that may have another place by now.
func movable(r *state.Record, owner string) bool {
	return r.Owner == owner && r.Status == state.Done && r.Op != state.Archive && r.Op != state.Delete && r.MD5 != ""
}

func (m *MovedFiles) load(ctx context.Context) error {
	for after := ""; ; {
		records, err := m.in.State.Scan(ctx, after, movedPage)
		if err != nil {
			return err
		}
		for i := range records {
			if movable(&records[i], m.in.Manifest.ID) {
				m.keys = append(m.keys, sizeKey{records[i].Size, records[i].ModTime, len(m.pages)})
			}
		}
		m.pages = append(m.pages, after)
		if len(records) < movedPage {
			break
		}
		after = records[len(records)-1].ExternalID
	}
	slices.SortStableFunc(m.keys, func(a, b sizeKey) int { return int(max(-1, min(1, a.size-b.size))) })
	return nil
}

func (m *MovedFiles) page(ctx context.Context, n int) ([]state.Record, error) {
	for i, p := range m.recent {
		if p.page == n {
			m.recent = append(slices.Delete(m.recent, i, i+1), p)
			return p.records, nil
		}
	}
	records, err := m.in.State.Scan(ctx, m.pages[n], movedPage)
	if err != nil {
		return nil, err
	}
	if len(m.recent) == movedPages {
		m.recent = slices.Delete(m.recent, 0, 1)
	}
	m.recent = append(m.recent, recordPage{n, records})
	return records, nil
}

// checksum is the MD5 of a file in hex; "?" when it cannot be read, which is
// told elsewhere.
func (m *MovedFiles) checksum(ctx context.Context, l manifest.Location) (string, error) {
	src, err := sourceOf(m.in.Sources, l)
	var b []byte
	if err == nil {
		b, _, err = m.in.hashFile(ctx, src, l, false)
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "?", nil
	}
	return hex.EncodeToString(b), nil
}

// missing reports whether there is surely no file at an address.
func (m *MovedFiles) missing(ctx context.Context, address string) bool {
	l, problem := manifest.ParseLocation(address, m.in.Manifest.Roots, manifest.Pos{})
	if problem != nil {
		return false
	}
	src, err := sourceOf(m.in.Sources, l)
	if err != nil {
		return false
	}
	_, err = src.Stat(ctx, l.Path)
	return errors.Is(err, source.ErrNotExist)
}
