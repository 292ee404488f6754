package expand

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTablesThatAreOpenElsewhere(t *testing.T) {
	s := open(t, folder(t, "m.yaml\n"+header+"map: {tags: maps/tags.csv}\ninclude: [{table: a.csv}, {table: b.csv}]\n", "maps/tags.csv\nfrom,to\n", "a.csv\nexternalId,file\na,x\n", "b.csv\nexternalId,file\nb,y\n",
		"~$a.csv\n", ".~lock.a.csv#\n", "maps/.~lock.tags.csv#\n", "~$other.csv\n"))
	want := []string{
		"warning a.csv: M089: the table is open in a spreadsheet program: ~$a.csv lies beside it (save and close it there: what is not saved is not read)",
		"warning maps/tags.csv: M089: the table is open in a spreadsheet program: .~lock.tags.csv# lies beside it (save and close it there: what is not saved is not read)",
	}
	for i, p := range want {
		want[i] = filepath.FromSlash(p)
	}
	got, _ := check(t, s)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
