package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The files of a run's folder.
const (
	ResultsFile  = "results.ndjson"
	SuccessFile  = "success.csv"
	FailuresFile = "failures.csv"
	MappingFile  = "mapping.csv"
	SummaryFile  = "summary.json"
	// PageFile is missing in the evidence of runs of versions that did not make it.
	PageFile     = "summary.html"
	EvidenceFile = "evidence.json"
	SumsFile     = "SHA256SUMS"
	// NotIncludedFile is missing in the evidence of runs that ended before it was
	// written.
	NotIncludedFile = "not-included.csv"
	// SharesFile is the only one with the links of shares; missing where there are
	// none.
	SharesFile = "shares.csv"
)

// tempPrefix begins the name of a file that is not finished.
const tempPrefix = ".unfinished-"

// output is a file that appears under its name only when it is whole.
type output struct {
	*bufio.Writer
	file *os.File
	name string // in its end
}

// newOutput begins the file name in dir, readable by its owner alone. The
// caller ends it with commit or abandon.
func newOutput(dir, name string) (*output, error) {
	temp := filepath.Join(dir, tempPrefix+name)
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &output{Writer: bufio.NewWriterSize(f, 64<<10), file: f, name: filepath.Join(dir, name)}, nil
}

// commit makes the file durable and gives it its name.
func (o *output) commit() error {
	err := errors.Join(o.Flush(), o.file.Sync(), o.file.Close())
	if err == nil {
		err = os.Rename(o.file.Name(), o.name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(o.file.Name()))
	}
	return nil
}

// abandon removes what was written; after commit there is nothing to remove.
func (o *output) abandon() {
	if o.file.Close() == nil {
		os.Remove(o.file.Name())
	}
}

// writeJSON makes the file name in dir from v.
func writeJSON(dir, name string, v any) error {
	o, err := newOutput(dir, name)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(o)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		o.abandon()
		return fmt.Errorf("%s: %w", name, err)
	}
	return o.commit()
}

func readJSON(dir, name string, v any) error {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
	}
	return nil
}

// syncDir makes the names in dir durable. Windows has no such call for a
// folder; its renames are journalled.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeUnfinished removes what an earlier attempt to finish left behind.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
