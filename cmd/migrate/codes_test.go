package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// TestEveryCodeIsExplained finds the codes that the packages write and asks
// help for each.
func TestEveryCodeIsExplained(t *testing.T) {
	literal := regexp.MustCompile(`"([MC]\d{3})"`)
	found := map[string]string{}
	for _, dir := range []string{root + "/pkg", "."} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range literal.FindAllStringSubmatch(string(b), -1) {
				found[m[1]] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 60 {
		t.Errorf("only %d codes found", len(found))
	}
	for id, path := range found {
		if c, ok := codeOfProblem(strings.ToLower(id)); !ok || c.Title == "" || c.Cause == "" || c.Remedy == "" {
			t.Errorf("%s, of %s, is not explained", id, path)
		}
	}
	seen := map[string]bool{}
	for _, c := range append(manifest.Codes(), settingCodes...) {
		if seen[c.ID] {
			t.Errorf("%s is explained twice", c.ID)
		}
		seen[c.ID] = true
	}
}
