package export

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/filelock"
)

// What an export writes into its folder, beside files/.
const (
	ManifestFile    = "manifest.yaml"
	TableFile       = "assets.csv"
	ExactFile       = "assets.ndjson"    // rows that a CSV table cannot say, or all of them
	MappingFile     = "exported.csv"     // which asset became which row
	NotExportedFile = "not-exported.csv" // what did not come along

	filesFolder = "files"

	ownFolder   = ".migrate-export" // what makes a folder one of ours
	markerFile  = ownFolder + "/export.json"
	journalFile = ownFolder + "/files.log"
	lockFile    = ownFolder + "/lock"
	partsFolder = ownFolder + "/parts"
)

// outputs are the files that are written last, in the order of their writing.
var outputs = []string{TableFile, ExactFile, MappingFile, NotExportedFile, ManifestFile}

// marker says what a folder holds.
type marker struct {
	Version   int               `json:"version"`
	Tenant    string            `json:"tenant"`
	Selection string            `json:"selection"` // what was asked for, in words
	SHA256    map[string]string `json:"sha256"`    // of the outputs, as they were written
}

// folder is the folder that is exported into. It is one of its own: new, empty, or made
// by an export of the same.
type folder struct {
	root   *os.Root
	lock   *os.File
	marker marker

	mu      sync.Mutex
	log     *os.File
	proven  map[uint64]struct{} // a file in the very condition in which it was verified
	written map[uint64]struct{} // the same without its content: a file that nobody touched since
}

// openFolder takes the folder for this process. The error is a [*FolderError] when
// there is something else in it, or the export of something else.
func openFolder(dir, tenant, selection string) (_ *folder, err error) {
	if err := claimable(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder %s: %w", dir, err)
	}
	f := &folder{proven: map[uint64]struct{}{}, written: map[uint64]struct{}{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("open the folder %s: %w", dir, err)
	}
	if err = f.root.MkdirAll(partsFolder, 0o700); err != nil {
		return nil, fmt.Errorf("write into %s: %w", dir, err)
	}
	if f.lock, err = f.root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	held, err := filelock.Try(f.lock)
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	case !held:
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	if err = f.know(dir, tenant, selection); err != nil {
		return nil, err
	}
	if err = f.root.RemoveAll(partsFolder); err == nil { // left behind by one that was killed
		err = f.root.MkdirAll(partsFolder, 0o700)
	}
	if err == nil {
		err = f.openLog()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return f, nil
}

// claimable refuses a folder with something else in it, before anything is made.
func claimable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &FolderError{fmt.Sprintf("%s: %v (name a folder that is empty, or not there yet)", dir, err)}
	}
	for _, e := range entries {
		if e.Name() == ownFolder {
			return nil
		}
	}
	if len(entries) > 0 {
		return &FolderError{fmt.Sprintf("%s holds something else, %s for instance: nothing was written (name a folder that is empty, or not there yet)", dir, quote(entries[0].Name()))}
	}
	return nil
}

// know reads what the folder holds, or says what it will.
func (f *folder) know(dir, tenant, selection string) error {
	b, err := f.root.ReadFile(markerFile)
	if errors.Is(err, fs.ErrNotExist) {
		f.marker = marker{Version: 1, Tenant: tenant, Selection: selection}
		return f.mark()
	}
	if err == nil {
		err = json.Unmarshal(b, &f.marker)
	}
	m := f.marker
	switch {
	case err != nil:
		return &FolderError{fmt.Sprintf("%s: %s cannot be read: %v (export into another folder)", dir, markerFile, err)}
	case m.Version != 1:
		return &FolderError{fmt.Sprintf("%s was made by another version of migrate (export into another folder)", dir)}
	case m.Tenant != tenant:
		return &FolderError{fmt.Sprintf("%s holds an export of %s, not of %s (export into another folder)", dir, m.Tenant, tenant)}
	case m.Selection != selection:
		return &FolderError{fmt.Sprintf("%s holds an export of %s, and this is one of %s (export into another folder, or ask for the same)", dir, m.Selection, selection)}
	}
	for _, name := range outputs {
		sum, err := f.digest(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("%s: %w", dir, err)
		case sum != m.SHA256[name]:
			return &FolderError{fmt.Sprintf("%s was changed since it was exported: nothing was written (export into another folder, or move the file away)", filepath.Join(dir, name))}
		}
	}
	return nil
}

func (f *folder) digest(name string) (string, error) {
	in, err := f.root.Open(name)
	if err != nil {
		return "", err
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// mark writes the marker in one step.
func (f *folder) mark() error {
	b, err := json.MarshalIndent(f.marker, "", "  ")
	if err != nil {
		return err
	}
	return f.replace(markerFile, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// replace writes a file under another name, and gives it its own when it is whole and
// on disk.
func (f *folder) replace(name string, write func(io.Writer) error) error {
	part, _, err := f.part(path.Base(name), write)
	if err != nil {
		return err
	}
	return f.root.Rename(part, name)
}

// part writes a file under a name that passes; sum is its SHA-256.
func (f *folder) part(name string, write func(io.Writer) error) (part, sum string, err error) {
	part = partsFolder + "/" + name
	out, err := f.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", "", err
	}
	h := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, h), 1<<16)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", "", fmt.Errorf("write %s: %w", name, err)
	}
	return part, hex.EncodeToString(h.Sum(nil)), nil
}

// publish gives the outputs their names: the marker knows them before they have them,
// so that a process that dies in between leaves nothing that looks like an edit.
func (f *folder) publish(write map[string]func(io.Writer) error) (names []string, err error) {
	old := f.marker.SHA256
	for _, name := range outputs {
		if write[name] == nil {
			if _, had := old[name]; had { // of an earlier export, and not wanted any more
				err = f.root.Remove(name)
				if errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
			}
		} else {
			err = f.output(name, write[name])
			names = append(names, name)
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (f *folder) output(name string, write func(io.Writer) error) error {
	part, sum, err := f.part(name, write)
	if err != nil {
		return err
	}
	// The old one goes first: neither it nor the new one is ever beside the digest of
	// the other.
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.marker.SHA256 == nil {
		f.marker.SHA256 = map[string]string{}
	}
	f.marker.SHA256[name] = sum
	if err := f.mark(); err != nil {
		return err
	}
	return f.root.Rename(part, name)
}

// openLog reads which files were verified before, eight bytes for each.
func (f *folder) openLog() error {
	var err error
	if f.log, err = f.root.OpenFile(journalFile, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return err
	}
	in := bufio.NewReader(f.log)
	for {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			f.learn(whole)
		} else if line != "" { // cut off by a kill: what follows begins anew
			_, err := f.log.WriteString("\n")
			return err
		}
		if err != nil {
			return nil
		}
	}
}

// logLine has what a file holds, and its condition: size, time and place.
func logLine(place, content string, st fs.FileInfo) string {
	return content + " " + strconv.FormatInt(st.Size(), 10) + " " + strconv.FormatInt(st.ModTime().UnixNano(), 10) + " " + place
}

func (f *folder) learn(line string) {
	if _, condition, ok := strings.Cut(line, " "); ok {
		f.proven[hashOf(line)], f.written[hashOf(condition)] = struct{}{}, struct{}{}
	}
}

// note remembers that the file at place, which is there or will be, has that content.
func (f *folder) note(place, content string, st fs.FileInfo) error {
	line := logLine(place, content, st)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.log.WriteString(line + "\n"); err != nil {
		return err
	}
	f.learn(line)
	return nil
}

// there reports whether the file at place has this content: by its size and time when
// it was verified before, by its MD5 else. ours says whether it may be replaced.
func (f *folder) there(ctx context.Context, place, content string, size int64) (has, ours bool, err error) {
	st, err := f.root.Lstat(filepath.FromSlash(place))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, true, nil
	case err != nil:
		return false, false, err
	}
	f.mu.Lock()
	line := logLine(place, content, st)
	_, proven := f.proven[hashOf(line)]
	_, ours = f.written[hashOf(line[len(content)+1:])]
	f.mu.Unlock()
	ours = ours && st.Mode().IsRegular()
	switch {
	case proven && st.Mode().IsRegular():
		return true, true, nil
	case !st.Mode().IsRegular(), len(content) != 2*md5.Size, size >= 0 && st.Size() != size:
		return false, ours, nil
	}
	in, err := f.root.Open(filepath.FromSlash(place))
	if err != nil {
		return false, ours, err
	}
	defer in.Close()
	h := md5.New()
	if _, err := io.Copy(h, &ctxReader{ctx, in}); err != nil {
		return false, ours, err
	}
	if hex.EncodeToString(h.Sum(nil)) != content {
		return false, ours, nil
	}
	return true, true, f.note(place, content, st)
}

// ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// close gives the folder back.
func (f *folder) close() error {
	var errs []error
	if f.log != nil {
		errs = append(errs, f.log.Close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close()) // which unlocks
	}
	if f.root != nil {
		errs = append(errs, f.root.Close())
	}
	return errors.Join(errs...)
}

// selection is what was asked for, in words: two exports are of the same when these
// are.
func (x *exporter) selection() string {
	var parts []string
	list := func(what string, names []string) {
		if len(names) > 0 {
			slices.Sort(names)
			parts = append(parts, what+" "+strings.Join(names, " or "))
		}
	}
	if len(x.o.Divisions) > 0 {
		var names []string
		for _, d := range x.divisions.asked {
			names = append(names, d.label)
		}
		list("Division", names)
	}
	var tags []string
	for _, name := range x.o.Tags {
		tags = append(tags, strings.TrimSpace(name))
	}
	list("tag", tags)
	if x.o.Query != "" {
		parts = append(parts, "query "+x.o.Query)
	}
	if x.o.Archived {
		parts = append(parts, "with the trash")
	}
	if parts == nil {
		return "everything"
	}
	return strings.Join(parts, ", ")
}
