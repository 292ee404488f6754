package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// maxForms is how many forms of one path are followed; more are ambiguous anyway.
const maxForms = 8

// otherForm looks for the one existing path that equals name but for the
// Unicode normalisation of its elements. It returns "" for none, and fails with
// ErrAmbiguous for several.
func (s *Source) otherForm(ctx context.Context, t tree, name string) (string, error) {
	if isASCII(name) {
		return "", nil // has no other form
	}
	base, elems := split(name)
	found := []string{base}
	for _, elem := range elems {
		var next []string
		for _, dir := range found {
			if isASCII(elem) {
				next = append(next, filepath.Join(dir, elem))
				continue
			}
			names, err := s.lists.lookup(ctx, t, dir, elem)
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			if err != nil { // no folder, or one that may be passed and not listed
				next = append(next, filepath.Join(dir, elem))
				continue
			}
			for _, n := range names {
				if norm.NFC.String(n) == norm.NFC.String(elem) {
					next = append(next, filepath.Join(dir, n))
				}
			}
		}
		found = next[:min(len(next), maxForms)]
	}
	var there []string
	for _, n := range found {
		if _, err := t.Stat(n); !missing(err) {
			there = append(there, n)
		}
	}
	switch len(there) {
	case 0:
		return "", nil
	case 1:
		return there[0], nil
	}
	quoted := make([]string, len(there))
	for i, n := range there {
		quoted[i] = fmt.Sprintf("%+q", filepath.ToSlash(n)) // escaped: they look the same
	}
	return "", hinted(source.ErrAmbiguous, "keep one of "+strings.Join(quoted, " and "))
}

// notThere adds to err, which says that name is missing, what is there instead.
func (s *Source) notThere(ctx context.Context, t tree, name string, err error) error {
	if _, lerr := t.Lstat(name); lerr == nil {
		return hinted(source.ErrNotExist, "it is a symbolic link to something that is not there")
	}
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return err
	}
	dir, elems := split(name)
	differs := false // in capitals
	for i, elem := range elems {
		next := filepath.Join(dir, elem)
		if _, err := t.Lstat(next); err != nil {
			names, err := s.lists.lookup(ctx, t, dir, elem)
			switch {
			case err == nil && len(names) > 0:
				next, differs = filepath.Join(dir, names[0]), true
			case i < len(elems)-1:
				return hinted(source.ErrNotExist, fmt.Sprintf("there is no folder %q", filepath.ToSlash(next)))
			default:
				return hinted(source.ErrNotExist, "")
			}
		}
		dir = next
	}
	if !differs {
		return hinted(source.ErrNotExist, "") // it came into being meanwhile
	}
	suggestion := filepath.ToSlash(dir)
	if filepath.Dir(dir) == filepath.Dir(name) {
		suggestion = filepath.Base(dir)
	}
	return hinted(source.ErrNotExist, fmt.Sprintf("did you mean %q?", suggestion))
}

// split returns where the elements of a clean name begin, and the elements.
func split(name string) (base string, elems []string) {
	base = "."
	if filepath.IsAbs(name) {
		base = filepath.VolumeName(name) + string(filepath.Separator)
		name = name[len(base):]
	}
	return base, strings.FieldsFunc(name, func(r rune) bool { return r == filepath.Separator })
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
