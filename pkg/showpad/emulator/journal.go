package emulator

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrInUse means that another Server has the folder open.
var ErrInUse = errors.New("the folder is in use by another emulator (wait for it, or choose another folder)")

// record is a line of the journal: one of its members is set. An asset, a tag, a
// category or a personal file replaces the earlier one of its id.
type record struct {
	Meta     *meta         `json:"meta,omitempty"`
	Asset    *asset        `json:"asset,omitempty"`
	Tag      *tag          `json:"tag,omitempty"`
	Category *category     `json:"category,omitempty"`
	Personal *personalFile `json:"personal,omitempty"`
	Share    *share        `json:"share,omitempty"`
	Gone     string        `json:"gone,omitempty"` // id of a deleted asset, tag or category
	At       *time.Time    `json:"at,omitempty"`   // when the asset was deleted
	Token    *token        `json:"token,omitempty"`
	Revoked  string        `json:"revoked,omitempty"`
	Skew     time.Duration `json:"skew,omitempty"`
}

type meta struct {
	Version   int
	Subdomain string
	Seq       uint64 // ids given out so far
}

// journalVersion is what is written; older ones are read. 2 keeps deleted assets, 3
// has tag categories, 4 personal files, 5 shares.
const journalVersion = 5

// journal appends to a file. A line is handed to the operating system before
// the request is answered, so it survives the end of the process, though not
// that of the machine.
type journal struct {
	file *os.File
	lock io.Closer
	err  error // the first write that failed
}

// log appends a record; the lock is held.
func (s *Server) log(r record) {
	j := s.journal
	if j == nil || j.err != nil {
		return
	}
	b, err := json.Marshal(r)
	if err == nil {
		_, err = j.file.Write(append(b, '\n'))
	}
	if err != nil {
		j.err = fmt.Errorf("journal of the emulator: %w", err)
	}
}

// broken is the answer once the journal cannot be written.
func (s *Server) broken() *answer {
	if s.journal == nil || s.journal.err == nil {
		return nil
	}
	return new(problemAnswer(http.StatusInternalServerError, s.journal.err.Error()))
}

func (j *journal) close() error {
	if j == nil || j.file == nil {
		return nil
	}
	err := errors.Join(j.err, j.file.Sync(), j.file.Close(), j.lock.Close())
	j.file, j.err = nil, errors.Join(j.err, os.ErrClosed)
	return err
}

// openJournal replays the journal of a folder into the store, writes it anew
// without what is out of date, and opens it for more.
func (s *Server) openJournal(dir string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	path := filepath.Join(dir, "journal.ndjson")
	if err := s.replay(path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := s.compact(path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &journal{file: f, lock: lock}, nil
}

func (s *Server) replay(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // it is read only
	r := bufio.NewReaderSize(f, 1<<20)
	assets, tags := map[string]*asset{}, map[string]*tag{}
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break // what comes after the last line feed was being written when the process ended
		}
		if err != nil {
			return err
		}
		var rec record
		if err := json.Unmarshal(bytes.TrimSpace(line), &rec); err != nil {
			return fmt.Errorf("%s:%d: %w (remove the folder to begin anew)", path, n, err)
		}
		if err := s.apply(rec, assets, tags); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	slices.SortFunc(s.st.personal, func(a, b *personalFile) int { return cmp.Compare(a.Seq, b.Seq) })
	slices.SortFunc(s.st.categories, func(a, b *category) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, t := range slices.SortedFunc(mapValues(tags), func(a, b *tag) int { return cmp.Compare(a.Seq, b.Seq) }) {
		s.st.addTag(t)
	}
	for _, a := range slices.SortedFunc(mapValues(assets), func(a, b *asset) int { return cmp.Compare(a.Seq, b.Seq) }) {
		s.st.addAsset(a)
	}
	return nil
}

func mapValues[K comparable, V any](m map[K]V) func(func(V) bool) {
	return func(yield func(V) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// apply takes in a record of the journal.
func (s *Server) apply(rec record, assets map[string]*asset, tags map[string]*tag) error {
	switch {
	case rec.Meta != nil:
		if rec.Meta.Version < 1 || rec.Meta.Version > journalVersion {
			return fmt.Errorf("version %d is not known here (up to %d are)", rec.Meta.Version, journalVersion)
		}
		if rec.Meta.Subdomain != s.opts.Subdomain {
			return fmt.Errorf("the folder belongs to the tenant %s, not %s (choose another folder)", rec.Meta.Subdomain, s.opts.Subdomain)
		}
		s.st.seq = max(s.st.seq, rec.Meta.Seq)
	case rec.Asset != nil:
		assets[rec.Asset.ID] = rec.Asset
		s.st.seq = max(s.st.seq, rec.Asset.Seq)
		for _, f := range rec.Asset.Files {
			s.st.seq = max(s.st.seq, f.Seq)
		}
	case rec.Tag != nil:
		tags[rec.Tag.ID] = rec.Tag
		s.st.seq = max(s.st.seq, rec.Tag.Seq)
	case rec.Category != nil:
		s.st.categories = append(slices.DeleteFunc(s.st.categories, func(g *category) bool { return g.ID == rec.Category.ID }), rec.Category)
		s.st.seq = max(s.st.seq, rec.Category.Seq)
	case rec.Personal != nil:
		s.st.personal = append(slices.DeleteFunc(s.st.personal, func(p *personalFile) bool { return p.ID == rec.Personal.ID }), rec.Personal)
		s.st.seq = max(s.st.seq, rec.Personal.Seq)
	case rec.Share != nil:
		s.st.shares = append(s.st.shares, rec.Share)
		s.st.seq = max(s.st.seq, rec.Share.Seq)
	case rec.Gone != "":
		s.st.categories = slices.DeleteFunc(s.st.categories, func(g *category) bool { return g.ID == rec.Gone })
		if a := assets[rec.Gone]; a != nil && rec.At != nil {
			a.Deleted, a.Files = rec.At, nil
		} else {
			delete(assets, rec.Gone)
		}
		delete(tags, rec.Gone)
	case rec.Token != nil:
		rec.Token.user = s.userByEmail(rec.Token.User)
		s.tokens[rec.Token.Value] = rec.Token
		s.st.seq = max(s.st.seq, rec.Token.Seq)
	case rec.Revoked != "":
		delete(s.tokens, rec.Revoked)
		s.revoked = append(s.revoked, rec.Revoked)
	case rec.Skew != 0:
		s.skew = rec.Skew
	}
	return nil
}

// compact writes the journal anew: what is alive, a line each.
func (s *Server) compact(path string) (err error) {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	enc := json.NewEncoder(w)
	write := func(r record) {
		if err == nil {
			err = enc.Encode(r)
		}
	}
	write(record{Meta: &meta{journalVersion, s.opts.Subdomain, s.st.seq}})
	if s.skew != 0 {
		write(record{Skew: s.skew})
	}
	for _, value := range s.revoked {
		if s.given(value) {
			write(record{Revoked: value})
		}
	}
	for _, t := range s.tokens {
		if !s.given(t.Value) && (t.Expires.IsZero() || s.now().Before(t.Expires)) {
			write(record{Token: t})
		}
	}
	for _, t := range s.st.tagOrder {
		write(record{Tag: t})
	}
	for _, g := range s.st.categories {
		write(record{Category: g})
	}
	for _, h := range s.st.shares {
		write(record{Share: h})
	}
	for _, p := range s.st.personal {
		write(record{Personal: p})
	}
	for _, a := range s.st.order {
		write(record{Asset: a})
	}
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// given says whether a token comes with the options, so that only its end needs
// a record.
func (s *Server) given(value string) bool {
	return value == s.opts.OAuth.RefreshToken ||
		slices.ContainsFunc(s.opts.Tokens, func(t Token) bool { return t.Value == value })
}
