package manifest

import (
	"fmt"
	"iter"
	"slices"
	"testing"
)

// TestVariants: what is wrong with primaries is told at each item, whatever the
// order of the items, and nothing else.
func TestVariants(t *testing.T) {
	many := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("V%d P", i))
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		items []string // external ID and primary; "=" before an id
		want  []string // line, code
	}{
		{"none", []string{"A", "B"}, nil},
		{"a primary and its variants", []string{"A P", "P", "B P"}, nil},
		{"a primary that is not listed", []string{"A P", "B P", "C =id"}, nil},
		{"a chain", []string{"A B", "B C", "C"}, []string{`1 M176 its primary "B" is itself a variant of "C"`}},
		{"a chain of three, backwards", []string{"C D", "B C", "A B"}, []string{`2 M176 its primary "C" is itself a variant of "D"`, `3 M176 its primary "B" is itself a variant of "C"`}},
		{"a chain to an asset", []string{"A B", "B =x"}, []string{`1 M176 its primary "B" is itself a variant of asset x`}},
		{"a circle", []string{"A B", "B A"}, []string{`1 M176 its primary "B" is itself a variant of "A"`, `2 M176 its primary "A" is itself a variant of "B"`}},
		{"itself is told elsewhere", []string{"A A"}, nil},
		{"as many as there may be", many(MaxVariants), nil},
		{"too many", many(MaxVariants + 2), []string{`51 M177 more than 50 items name "P" as their primary`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var items []*Item
			var v Variants
			for i, line := range tt.items {
				var id, of string
				_, _ = fmt.Sscan(line, &id, &of)
				it := &Item{ExternalID: id, Pos: Pos{Line: i + 1}}
				switch {
				case of != "" && of[0] == '=':
					it.Fields.Localization = Some(Primary{ID: of[1:]})
				case of != "":
					it.Fields.Localization = Some(Primary{ExternalID: of})
				}
				items = append(items, it)
				v.Add(it)
			}
			var got []string
			stream := iter.Seq2[*Item, error](func(yield func(*Item, error) bool) {
				for _, it := range items {
					if !yield(it, nil) {
						return
					}
				}
			})
			err := v.Confirm(t.Context(), stream, func(p Problem) { got = append(got, fmt.Sprint(p.Pos.Line, " ", p.Code, " ", p.What)) })
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestPrimaryForms: what localization takes, in a document and in a cell.
func TestPrimaryForms(t *testing.T) {
	const head = "version: 1\ndivision: D\n---\nexternalId: a\nfile: b\nlocalization: "
	for text, want := range map[string]Opt[Primary]{
		"{primary: SP-1}":     Some(Primary{ExternalID: "SP-1"}),
		"{primary: 7}":        Some(Primary{ExternalID: "7"}),
		"{primary: {id: x1}}": Some(Primary{ID: "x1"}),
		"{primary: null}":     Null[Primary](),
		"null":                Null[Primary](),
	} {
		_, items, ps := readAll(t, head+text+"\n")
		if len(ps) > 0 || len(items) != 1 || items[0].Item.Fields.Localization != want {
			t.Errorf("%s: %+v %v", text, items, ps)
		}
	}
	for text, code := range map[string]string{
		"{}": CodeType, "[]": CodeType, "SP-1": CodeType, "{primary: []}": CodeType, "{primary: {}}": CodeType, "{primary: true}": CodeType,
		"{primary: {id: 'a b'}}": CodeEmpty, "{primary: 'a,b'}": CodeExternalID, "{primary: ''}": CodeExternalID, "{primary: a}": CodeOwnVariant,
		"{primary: b, variants: []}": CodeUnknownKey, "{primary: {ID: x}}": CodeUnknownKey,
	} {
		_, _, ps := readAll(t, head+text+"\n")
		if len(ps) != 1 || ps[0].Code != code {
			t.Errorf("%s: %v, want %s", text, ps, code)
		}
	}
}
