package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// writeSums makes SHA256SUMS over all other files of dir and returns its own
// digest. It is durable when writeSums returns, and what it names before it.
func writeSums(dir string) (sums string, err error) {
	if err := removeUnfinished(dir); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		name := e.Name()
		if name == SumsFile {
			continue
		}
		if !e.Type().IsRegular() || strings.ContainsAny(name, "\\\n\r") {
			return "", fmt.Errorf("%s: not a plain file (move it out of the evidence folder)", filepath.Join(dir, name))
		}
		d, err := digestFile(root, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s  %s\n", d, name)
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	o, err := newOutput(dir, SumsFile)
	if err != nil {
		return "", err
	}
	if _, err := o.WriteString(b.String()); err != nil {
		o.abandon()
		return "", err
	}
	if err := o.commit(); err != nil {
		return "", err
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	return digest(strings.NewReader(b.String()))
}

func digestFile(root *os.Root, name string) (string, error) {
	f, err := root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	d, err := digest(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// sum is a line of SHA256SUMS.
type sum struct{ digest, name string }

var sumLine = regexp.MustCompile(`^([0-9a-f]{64})  ([^/\\\r\n]+)$`)

// parseSums reads SHA256SUMS exactly as writeSums makes it, so that no byte of
// it can change unseen.
func parseSums(text string) ([]sum, error) {
	rest, whole := strings.CutSuffix(text, "\n")
	if !whole {
		return nil, errors.New("it is cut off")
	}
	var all []sum
	for n, l := range strings.Split(rest, "\n") {
		m := sumLine.FindStringSubmatch(l)
		if m == nil || !fs.ValidPath(m[2]) {
			return nil, fmt.Errorf("line %d is not a digest and a file name", n+1)
		}
		if n > 0 && m[2] <= all[n-1].name {
			return nil, fmt.Errorf("line %d is out of order", n+1)
		}
		all = append(all, sum{m[1], m[2]})
	}
	return all, nil
}
