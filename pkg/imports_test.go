// Package pkg_test holds what no single package can: which package may import
// which, which dependencies there are, and that the emulator and the client
// know the same operations.
package pkg_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/showpad-migrate/migrate"

// mayImport is the order of the house: what each package may import of ours.
// "" is nothing, "*" everything in the table.
var mayImport = map[string]string{
	"pkg/content":                  "",
	"pkg/export":                   "pkg/filelock pkg/manifest pkg/showpad pkg/source/spool pkg/tempfile",
	"pkg/filelock":                 "",
	"pkg/manifest":                 "",
	"pkg/manifest/expand":          "pkg/manifest pkg/manifest/table pkg/source pkg/tempfile",
	"pkg/manifest/table":           "pkg/manifest pkg/tempfile",
	"pkg/scan":                     "pkg/content pkg/manifest pkg/manifest/expand pkg/manifest/table pkg/source pkg/tempfile",
	"pkg/source":                   "",
	"pkg/source/local":             "pkg/source",
	"pkg/source/s3":                "pkg/source",
	"pkg/source/sourcetest":        "pkg/source",
	"pkg/source/web":               "pkg/content pkg/source pkg/source/spool",
	"pkg/source/rclone":            "pkg/source pkg/source/spool",
	"pkg/source/spool":             "pkg/source",
	"pkg/showpad":                  "",
	"pkg/showpad/emulator":         "",
	"pkg/state":                    "",
	"pkg/tempfile":                 "",
	"pkg/htmldoc":                  "",
	"pkg/window":                   "",
	"pkg/pipeline":                 "pkg/content pkg/manifest pkg/source pkg/showpad pkg/state pkg/tempfile",
	"pkg/report":                   "pkg/manifest pkg/htmldoc pkg/pipeline pkg/state",
	"cmd/migrate/internal/view":    "pkg/export pkg/htmldoc pkg/pipeline pkg/report pkg/manifest pkg/scan pkg/state pkg/tempfile",
	"cmd/migrate/internal/ledger":  "cmd/migrate/internal/ownfile pkg/showpad",
	"cmd/migrate/internal/live":    "cmd/migrate/internal/view pkg/htmldoc pkg/pipeline pkg/report",
	"cmd/migrate/internal/login":   "cmd/migrate/internal/ownfile pkg/showpad",
	"cmd/migrate/internal/note":    "cmd/migrate/internal/ownfile",
	"cmd/migrate/internal/ownfile": "pkg/filelock",
	"cmd/migrate/internal/config":  "pkg/manifest",
	"cmd/migrate":                  "*",
	"scripts/release":              "",
	"test/bugs":                    "",
	"test/harness":                 "pkg/source/sourcetest",
	"test/pages":                   "",
	"test/spec":                    "",
}

// onlyIn are libraries that one package alone may import, tests included.
var onlyIn = map[string]string{
	"gopkg.in/yaml.v3":    "pkg/manifest", // panics on crafted input: decoded under one guard
	"github.com/minio":    "pkg/source/s3 test/harness",
	"go.etcd.io/bbolt":    "pkg/state", // one writer
	"golang.org/x/oauth2": "pkg/showpad cmd/migrate cmd/migrate/internal/login",
}

// imports are those of one package: of its code, and of its tests.
type imports struct{ code, tests []string }

// check says what is wrong with the imports of the packages, by folder.
func check(packages map[string]imports) (problems []string) {
	for dir, p := range packages {
		allowed, known := mayImport[dir]
		if len(p.code) > 0 && !known {
			problems = append(problems, dir+" is missing in the table mayImport")
		}
		for _, imported := range p.code {
			ours, isOurs := strings.CutPrefix(imported, module+"/")
			if _, inTable := mayImport[ours]; known && isOurs && !slices.Contains(strings.Fields(allowed), ours) && (allowed != "*" || !inTable) {
				problems = append(problems, fmt.Sprintf("%s may not import %s", dir, ours))
			}
		}
		for _, imported := range slices.Concat(p.code, p.tests) {
			for library, home := range onlyIn {
				if within(imported, library) && !slices.Contains(strings.Fields(home), dir) {
					problems = append(problems, fmt.Sprintf("%s may not import %s, only %s may", dir, imported, home))
				}
			}
		}
	}
	for dir := range mayImport {
		if len(packages[dir].code) == 0 {
			problems = append(problems, dir+" is in the table mayImport and not in the code")
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// within reports whether the import path p is that of the library or below it.
func within(p, library string) bool { return p == library || strings.HasPrefix(p, library+"/") }

func TestImportsPointOneWay(t *testing.T) {
	for _, problem := range check(packages(t)) {
		t.Error(problem)
	}
}

func TestWrongImportsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		dir  string
		p    imports
		want string
	}{
		"upwards": {"pkg/state", imports{code: []string{module + "/pkg/pipeline"}}, "pkg/state may not import pkg/pipeline"},
		"client in the emulator": {
			"pkg/showpad/emulator", imports{code: []string{module + "/pkg/showpad"}}, "pkg/showpad/emulator may not import pkg/showpad",
		},
		"not in the table": {"pkg/util", imports{code: []string{"fmt"}}, "pkg/util is missing in the table mayImport"},
		"command that imports what is not in the table": {
			"cmd/migrate", imports{code: []string{module + "/pkg/util"}}, "cmd/migrate may not import pkg/util",
		},
		"yaml in a second package": {
			"pkg/report", imports{code: []string{"gopkg.in/yaml.v3"}}, "pkg/report may not import gopkg.in/yaml.v3, only pkg/manifest may",
		},
		"yaml in a test": {
			"pkg/state", imports{code: []string{"fmt"}, tests: []string{"gopkg.in/yaml.v3"}}, "pkg/state may not import gopkg.in/yaml.v3, only pkg/manifest may",
		},
		"gone": {"pkg/report", imports{}, "pkg/report is in the table mayImport and not in the code"},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]imports{}
			for dir := range mayImport {
				all[dir] = imports{code: []string{"fmt"}}
			}
			all[c.dir] = c.p
			if got := check(all); !slices.Equal(got, []string{c.want}) {
				t.Errorf("problems = %q, want %q", got, c.want)
			}
		})
	}
}

// root is the folder of the module, seen from this package.
const root = ".."

// packages reads the imports of all Go files of the module.
func packages(t *testing.T) map[string]imports {
	t.Helper()
	all := map[string]imports{}
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := e.Name(); e.IsDir() {
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			nested := file != root && err == nil
			if nested || name == "testdata" || file != root && strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(files, file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(rel))
		p := all[dir]
		into := &p.code
		if strings.HasSuffix(file, "_test.go") {
			into = &p.tests
		} else {
			*into = append(*into, "") // the package has code, imports or not
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			*into = append(*into, imported)
		}
		all[dir] = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("found code in %v only", slices.Sorted(maps.Keys(all)))
	}
	return all
}
