package expand

import (
	"slices"
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// reportColumns are the columns that failures.csv of a run begins with; those
// that the run's manifest kept follow.
var reportColumns = []string{"externalId", "source", "code", "message", "status", "action", "name", "division", "assetId", "attempts", "warnings"}

// reportFields are the fields that a report has, by its columns.
var reportFields = map[string]string{"externalId": "externalId", "source": "file", "name": "name", "division": "division"}

// isReport reports whether a table is failures.csv.
func isReport(names []string) bool {
	return len(names) >= len(reportColumns) && slices.Equal(names[:len(reportColumns)], reportColumns)
}

// reportFields finds what a report has of items, and carries on what their
// manifest kept.
func (t *cellTable) reportFields(at manifest.Pos) {
	t.report = true
	for i, name := range t.names {
		field, ok := reportFields[name]
		switch {
		case i >= len(reportColumns):
			if !slices.Contains(t.keep, i) && t.indexOf[name] == i {
				t.keep = append(t.keep, i)
			}
		case ok:
			t.fields = append(t.fields, cellField{mappedField{name: field, column: name}, []int{i}})
		}
	}
	if t.note != nil {
		at.Column = 0
		t.note(manifest.NewProblem(manifest.CodeReportTable, at, "the table is a report of a run: its items have a file, a name and a Division, and no other fields of their own",
			"to repeat them as they were, run their manifest with --only @"+strings.ReplaceAll(t.inc.Table, "\\", "/")))
	}
}

// keyOf is the kept key of a column. A report writes keep.name where the key
// name would be taken for one of its own columns.
func (t *cellTable) keyOf(name string) string {
	if key, ok := strings.CutPrefix(name, "keep."); ok && t.report && slices.Contains(reportColumns, key) {
		return key
	}
	return name
}

// urlOfReport makes the source of a URL asset its url: the name of such an
// asset ends in .url, and its source is an address.
func urlOfReport(v *manifest.Value) {
	file, name := member(*v, "file"), member(*v, "name")
	if file == nil || name == nil {
		return
	}
	s := strings.ToLower(file.Value.Text)
	if (strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")) && strings.HasSuffix(strings.ToLower(name.Value.Text), ".url") && !strings.HasSuffix(s, ".url") {
		file.Key = "url"
	}
}
