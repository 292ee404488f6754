package pkg_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependenciesAreExplained holds docs/dependencies.md: each module that
// the code or its tests import has a row there, and no other one has.
func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page, found := strings.Cut(string(text), "<!-- go.mod -->")
	page, _, ended := strings.Cut(page, "<!-- end -->")
	if !found || !ended {
		t.Fatal("docs/dependencies.md has no part between <!-- go.mod --> and <!-- end -->")
	}
	explained := map[string]bool{} // and imported
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(page, -1) {
		explained[row[1]] = false
	}
	for dir, p := range packages(t) {
		for _, imported := range slices.Concat(p.code, p.tests) {
			host, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(host, ".") || within(imported, module) {
				continue // the standard library, or ours
			}
			known := false
			for library := range explained {
				if within(imported, library) {
					explained[library], known = true, true
				}
			}
			if !known {
				t.Errorf("%s imports %s, which docs/dependencies.md does not explain", dir, imported)
			}
		}
	}
	for _, library := range slices.Sorted(maps.Keys(explained)) {
		if !explained[library] {
			t.Errorf("docs/dependencies.md explains %s, which nothing imports", library)
		}
	}
}
