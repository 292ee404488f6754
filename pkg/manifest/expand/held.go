package expand

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// lockFiles are the names of what spreadsheet programs put beside a file while
// somebody has it open: Microsoft Office, LibreOffice.
var lockFiles = []string{"~$%s", ".~lock.%s#"}

// openElsewhere tells of tables that somebody has open in a spreadsheet program.
func (s *Set) openElsewhere(report func(manifest.Problem)) {
	told := map[string]bool{}
	tell := func(name string) {
		path := s.path(name)
		if name == "" || told[path] {
			return
		}
		for _, form := range lockFiles {
			lock := fmt.Sprintf(form, filepath.Base(path))
			if _, err := os.Lstat(filepath.Join(filepath.Dir(path), lock)); err == nil && !told[path] {
				told[path] = true
				report(manifest.NewProblem(manifest.CodeTableOpen, manifest.Pos{File: path}, fmt.Sprintf("the table is open in a spreadsheet program: %s lies beside it", lock), "save and close it there: what is not saved is not read"))
			}
		}
	}
	for _, inc := range s.Manifest.Includes {
		tell(inc.Table)
		if inc.Join != nil {
			tell(inc.Join.Table)
		}
	}
	for _, vm := range s.Manifest.Maps.All() {
		tell(vm.File)
	}
}
