package expand

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// leftOwn is why a pattern passes over the manifest itself and what belongs to
// it. Such files are no leftovers either: they are no content.
const leftOwn = "of the manifest itself"

// ownFiles are the manifest, its tables and what runs keep beside it.
type ownFiles struct {
	files    map[string]bool // absolute paths
	prefixes []string        // beginnings of them
}

func (s *Set) findOwn() error {
	m := s.Manifest
	self, err := filepath.Abs(m.Path)
	if err != nil {
		return fmt.Errorf("the manifest's folder: %w", err)
	}
	dir := filepath.Dir(self)
	abs := func(p string) string {
		p = filepath.FromSlash(p)
		if filepath.IsAbs(p) || filepath.VolumeName(p) != "" {
			return p
		}
		return filepath.Join(dir, p)
	}
	s.rootDirs = map[string]string{"": dir}
	for _, r := range m.Roots {
		if r.Kind == manifest.RootFolder {
			s.rootDirs[r.Name] = abs(r.Location)
		}
	}
	s.ownFiles.files = map[string]bool{self: true, filepath.Join(dir, "migrate.yaml"): true}
	for _, inc := range m.Includes {
		if inc.Table != "" {
			s.ownFiles.files[abs(inc.Table)] = true
		}
		if inc.Join != nil {
			s.ownFiles.files[abs(inc.Join.Table)] = true
		}
	}
	for _, vm := range []manifest.ValueMap{m.Maps.People, m.Maps.Tags, m.Maps.Languages, m.Maps.Countries, m.Maps.Divisions} {
		if vm.File != "" {
			s.ownFiles.files[abs(vm.File)] = true
		}
	}
	stem := self
	if ext := filepath.Ext(self); strings.EqualFold(ext, ".yaml") || strings.EqualFold(ext, ".yml") {
		stem = strings.TrimSuffix(self, ext)
	}
	s.ownFiles.prefixes = []string{stem + ".state.db", stem + ".runs" + string(filepath.Separator), stem + ".sandbox" + string(filepath.Separator)}
	return nil
}

// own reports whether the file at a path below a root is one of them.
func (s *Set) own(root manifest.Location, file string) bool {
	full, ok := s.onDisk(manifest.Location{Root: root.Root, Kind: root.Kind, Path: file})
	if !ok {
		return false
	}
	if s.ownFiles.files[full] {
		return true
	}
	for _, p := range s.ownFiles.prefixes {
		if strings.HasPrefix(full, p) {
			return true
		}
	}
	return false
}

// onDisk is a file's absolute path; false when it is not in a folder of this
// machine.
func (s *Set) onDisk(l manifest.Location) (string, bool) {
	if l.Kind != manifest.RootFolder {
		return "", false
	}
	p := filepath.FromSlash(l.Path)
	if l.Abs {
		return filepath.Clean(p), true
	}
	return filepath.Join(s.rootDirs[l.Root], p), true
}

// address is the same for all ways to write a file's address.
func (s *Set) address(l manifest.Location) string {
	if p, ok := s.onDisk(l); ok {
		if p = nfc(p); runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
			p = strings.ToLower(p) // as most of their file systems do
		}
		return p
	}
	for _, r := range s.Manifest.Roots {
		if l.Root != "" && r.Name == l.Root {
			return strings.TrimPrefix(r.Location, "s3://") + "/" + nfc(l.Path)
		}
	}
	return nfc(l.Path)
}
