package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func TestFallbackAuthorsStandInForUnknownOnes(t *testing.T) {
	d := &directory{users: map[string]string{"a@example.com": "ua", "team@example.com": "ut", "ut": "ut"}, fallback: []string{"Team@example.com"}}
	at := manifest.Pos{File: "m.yaml", Line: 3}
	it := &manifest.Item{At: map[string]manifest.Pos{"authors": at}, Fields: manifest.Fields{
		Authors: manifest.Some([]string{"gone@example.com", "A@example.com", "left@example.com", "team@example.com"}),
	}}
	r := d.resolve(it)
	if diff := cmp.Diff([]string{"ut", "ua"}, r.Authors); diff != "" || r.Problems != nil {
		t.Error(diff, r.Problems)
	}
	if len(r.Warnings) != 2 || r.Warnings[0].Pos != at || r.Warnings[0].Class != manifest.Warn ||
		r.Warnings[1].What != `no user "left@example.com": Team@example.com becomes the author` {
		t.Errorf("%+v", r.Warnings)
	}
	d.fallback = nil
	if r = d.resolve(it); len(r.Problems) != 2 || len(r.Authors) != 2 || r.Warnings != nil {
		t.Errorf("without a fallback: %+v", r)
	}
	// Warnings stand on the row, and the item's own stay as they are.
	d.fallback = []string{"team@example.com"}
	own := make([]manifest.Problem, 1, 8)
	own[0] = manifest.Problem{Code: "M043", Class: manifest.Warn}
	it.Problems = own
	row := Decide(it, &Facts{Refs: d.resolve(it)}).Row
	if len(row.Problems) != 3 || len(it.Problems) != 1 || own[:2][1].Code != "" {
		t.Errorf("%+v, %+v", row.Problems, own[:2])
	}
}
