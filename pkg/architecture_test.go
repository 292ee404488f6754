package pkg_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// TestImportTableOfTheArchitecture generates the import table from the one
// that TestImportsPointOneWay holds.
func TestImportTableOfTheArchitecture(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Package | may import of ours |\n|---|---|\n")
	for _, dir := range slices.Sorted(maps.Keys(mayImport)) {
		allowed := "nothing"
		switch {
		case mayImport[dir] == "*":
			allowed = "everything in this table"
		case mayImport[dir] != "":
			allowed = "`" + strings.Join(strings.Fields(mayImport[dir]), "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", dir, allowed)
	}
	for _, library := range slices.Sorted(maps.Keys(onlyIn)) {
		fmt.Fprintf(&b, "| `%s` | imported in `%s` only |\n", library, strings.Join(strings.Fields(onlyIn[library]), "`, `"))
	}
	generated(t, "ARCHITECTURE.md", "imports", b.String())
}

// TestStatusTableOfTheArchitecture generates the grid of steps from
// state.Allowed.
func TestStatusTableOfTheArchitecture(t *testing.T) {
	statuses := state.Statuses()
	var b strings.Builder
	b.WriteString("```\n")
	for _, g := range []struct {
		title string
		op    state.Op
		also  []state.Op // with the same steps
	}{
		{"create", state.Create, nil},
		{"version", state.Version, nil},
		{"update, archive, restore, delete", state.Update, []state.Op{state.Archive, state.Restore, state.Delete}},
	} {
		fmt.Fprintf(&b, "%s\n%-14s", g.title, "from \\ to")
		for _, to := range statuses {
			fmt.Fprintf(&b, "%-13s", to)
		}
		b.WriteString("\n")
		for _, from := range statuses {
			fmt.Fprintf(&b, "  %-12s", from)
			for _, to := range statuses {
				mark := "."
				switch allowed := state.Allowed(g.op, from, to); {
				case allowed && from == to:
					mark = "="
				case allowed:
					mark = "x"
				}
				fmt.Fprintf(&b, "%-13s", mark)
				for _, op := range g.also {
					if state.Allowed(op, from, to) != state.Allowed(g.op, from, to) {
						t.Errorf("%s and %s differ from %s to %s", op, g.op, from, to)
					}
				}
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	generated(t, "ARCHITECTURE.md", "grid", strings.Join(lines, "\n")+"\n```\n")
}

// TestStatusDiagramOfTheArchitecture compares the diagram of a create's life
// with state.Allowed. It has every step from one status to the next and every
// step back; steps to and from failed, and steps that skip statuses, are left to
// the grid.
func TestStatusDiagramOfTheArchitecture(t *testing.T) {
	_, text, found := strings.Cut(page(t, "ARCHITECTURE.md"), "```mermaid\nstateDiagram-v2\n")
	text, _, ended := strings.Cut(text, "```")
	if !found || !ended {
		t.Fatal("ARCHITECTURE.md has no diagram")
	}
	drawn := map[[2]state.Status]bool{}
	for _, m := range regexp.MustCompile(`(?m)^ *([a-z]+) --> ([a-z]+)`).FindAllStringSubmatch(text, -1) {
		drawn[[2]state.Status{state.Status(m[1]), state.Status(m[2])}] = true
	}
	life := state.Statuses()
	life = life[:slices.Index(life, state.Failed)]
	for i, from := range life {
		for j, to := range life {
			if from == to {
				continue
			}
			must := (j == i+1 || j < i) && state.Allowed(state.Create, from, to)
			step := [2]state.Status{from, to}
			if must && !drawn[step] {
				t.Errorf("the diagram lacks %s --> %s", from, to)
			}
			if drawn[step] && !state.Allowed(state.Create, from, to) {
				t.Errorf("the diagram has %s --> %s, which no create can take", from, to)
			}
			delete(drawn, step)
		}
	}
	for step := range drawn {
		t.Errorf("the diagram has %s --> %s, which is left to the grid", step[0], step[1])
	}
}

// TestTheArchitectureNamesCodeThatIsThere holds the tables that say which
// function does what: a row that names a file and, in the next cell, names of
// the code, is true.
func TestTheArchitectureNamesCodeThatIsThere(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\|.*?\\| `([a-z/_]+\\.go)` \\| ([^|]+) \\|").FindAllStringSubmatch(page(t, "ARCHITECTURE.md"), -1)
	if len(rows) < 10 {
		t.Fatalf("%d rows found", len(rows))
	}
	for _, row := range rows {
		declared := declarations(t, row[1])
		names := regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(row[2], -1)
		if len(names) == 0 {
			t.Errorf("the row of %s names no code", row[1])
		}
		for _, m := range names {
			if !declared[m[1]] {
				t.Errorf("%s declares no %s", row[1], m[1])
			}
		}
	}
}

// declarations are the functions, methods and types of a file.
func declarations(t *testing.T, file string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			all[d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					all[ts.Name.Name] = true
				}
			}
		}
	}
	return all
}
