package view

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/watching.md")

const watching = "../../../../docs/watching.md"

// written are the events of a run in JSON, each once, in the order of a run.
var written = []any{
	startedEvent{Type: "started"}, decidedEvent{Type: "decided"}, extraDecidedEvent{Type: "decided"}, stageEvent{Type: "stage"}, warnedEvent{Type: "warned"},
	waitingEvent{Type: "waiting"}, paceEvent{Type: "pace"}, progressEvent{Type: "progress"}, finishedEvent{Type: "finished"}, EndedEvent{Type: "ended"},
}

// about says what each Go type is about.
var about = map[string]string{
	"startedEvent":      "The first event.",
	"decidedEvent":      "A row of the plan, as the run makes it.",
	"extraDecidedEvent": "The row of a tag category, a personal file or a share. It has `kind` and `key`.",
	"stageEvent":        "An item enters a stage.",
	"warnedEvent":       "Something to be told now.",
	"waitingEvent":      "What the run waits for.",
	"paceEvent":         "How fast it goes and what limits it: at most once a second, and only while something happens.",
	"progressEvent":     "How far it is, every 30 seconds. `migrate status` of a run that goes on shows the same.",
	"finishedEvent":     "The result of an item, as in `results.ndjson`; or of a tag category, a personal file or a share, with `kind` and `key`.",
	"EndedEvent":        "The last event, after the evidence is complete.",
}

// plain are members in the words of a reader, where the comment has those of the code
// or none is needed there.
var plain = map[string]string{
	"Row.ExternalID": "of the item", "Row.Action": "create, update, version, ...: the rows of [plans.md](plans.md)", "Row.Reason": "its code; [codes.md](codes.md) explains it",
	"Row.Pos": "file, line and column, or row and column of a table", "Row.Source": "file, or address of a URL asset", "Row.AssetID": "at the service, when known",
	"Row.Diff": "fields that differ: `field`, `remote`, `wanted`, `last`", "Row.Spared": "of a rollback: fields that stay as they are",
	"Row.Size": "of the file, in bytes", "Row.Offline": "the file's bytes are not on this machine: a run that needs them downloads them",
	"Row.Moved":    "of a create: an item with the same bytes that the manifest no longer lists; of pruning: the new item",
	"Row.Unlisted": "the manifest no longer lists the item", "Row.Undo": "full, metadata, none: what a rollback can take back", "Row.Audience": "who will see it; absent where nobody sees anything else than before",
	"Row.Overwrites": "the conflict that `conflicts: overwrite` turned into this write", "Row.Problems": "what is wrong with the item",
	"ExtraRow.Kind": "tagCategory, myFile, share", "ExtraRow.Key": "as the manifest has it", "ExtraRow.Action": "as of an item", "ExtraRow.Reason": "its code",
	"ExtraRow.Pos": "file, line and column", "ExtraRow.Division": "as the manifest has it", "ExtraRow.ExpiresAt": "when a share ends", "ExtraRow.NeverExpires": "a share does not end",
	"ExtraRow.IsDownloadAllowed": "who has the link of a share may keep copies", "ExtraRow.Diff": "as of an item", "ExtraRow.Undo": "as of an item", "ExtraRow.Problems": "as of an item",
	"stageEvent.ExternalID": "of the item, or the key of a personal file",
	"Snapshot.Run":          "id of the run", "Snapshot.Requests": "to the API so far", "Snapshot.Elapsed": "since the run began", "Snapshot.Waiting": "what everybody waits for now",
	"Snapshot.Pace": "the latest `pace`; absent when it is not known yet",
	"Pace.By":       "what has limited it since the last one: rate, closed (the service asks to wait), requests, bandwidth, uploads, file (single uploads), source, hashing, state, processing; empty: nothing", "Pace.BudgetLeft": "requests before the reserve; absent without a budget",
	"Result.Kind": "tagCategory, myFile, share; absent of an item", "Result.Key": "as the manifest has it", "Result.Source": "file, or address of a URL asset", "Result.Name": "of the asset",
	"Result.Division": "as the manifest has it", "Result.AssetID": "at the service", "Result.Slug": "of the asset's address", "Result.Action": "what was planned; absent when the run stopped before",
	"Result.Reason": "its code", "Result.Status": "done, unchanged, failed, conflict, blocked, or where it stands: [evidence.md](evidence.md)", "Result.MD5": "hex", "Result.Size": "bytes",
	"Result.Attempts": "of its step", "Result.Start": "when it was begun", "Result.End": "when it ended", "Result.Run": "id of the run", "Result.Error": "`code` and `message`", "Result.Warnings": "codes",
	"Outcome.Run": "id of the run", "Outcome.Start": "of the run", "Outcome.End": "of the run", "Outcome.Plan": "the totals of the rows, as `plan --json` has them", "Outcome.Extras": "results beside the items, by kind and status",
	"Outcome.Requests": "to the API, by operation", "Outcome.Puts": "uploads", "Outcome.Limit": "what limited the run", "Outcome.TagsDeleted": "how many tags a rollback deleted",
}

// TestTheEventsAreDocumented holds the tables of docs/watching.md, which are made of
// the types and their comments.
func TestTheEventsAreDocumented(t *testing.T) {
	comments := fieldComments(t, ".", "../../../../pkg/pipeline")
	var b strings.Builder
	for _, e := range written {
		typ := reflect.TypeOf(e)
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n| Member | Value | What it is |\n|---|---|---|\n", reflect.ValueOf(e).FieldByName("Type"), about[typ.Name()])
		members(t, &b, typ, comments)
	}
	const begin, end = "<!-- events -->\n", "\n<!-- end -->"
	page, err := os.ReadFile(watching)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the events", watching)
	}
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile(watching, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s does not say what the events are: go test ./cmd/migrate/internal/view -run TestTheEventsAreDocumented -update", watching)
	}
}

// TestEveryEventIsInTheList: what is written is what is documented.
func TestEveryEventIsInTheList(t *testing.T) {
	source, err := os.ReadFile("events.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range written {
		name := reflect.TypeOf(e).Name()
		if !strings.Contains(string(source), name) {
			t.Errorf("%s is documented and not in events.go", name)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "events.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if ok && strings.HasSuffix(spec.Name.Name, "Event") && about[spec.Name.Name] == "" {
			t.Errorf("%s is written and not documented: put it into the lists written and about", spec.Name.Name)
		}
		return true
	})
}

// members writes a row for each member of a struct in JSON.
func members(t *testing.T, b *strings.Builder, typ reflect.Type, comments map[string]string) {
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			members(t, b, f.Type, comments)
		case name != "-" && f.IsExported():
			what := cmp.Or(plain[typ.Name()+"."+f.Name], comments[typ.Name()+"."+f.Name])
			if what == "" {
				t.Errorf("%s.%s has no comment, and nothing in the list plain", typ.Name(), f.Name)
			}
			if name == "type" {
				what = "`" + what + "`"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, kindOf(f.Type), what)
		}
	}
}

// kindOf is what JSON has of a type.
func kindOf(typ reflect.Type) string {
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return "time"
	case typ == reflect.TypeFor[time.Duration]():
		return "nanoseconds"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return kindOf(typ.Elem())
	case reflect.Slice:
		return "list of " + kindOf(typ.Elem()) + "s"
	case reflect.Map, reflect.Struct:
		return "object"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	}
	return "number"
}

// fieldComments are the comments on fields of structs, by "Type.Field", in one line.
func fieldComments(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range s.Fields.List {
						text := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
						for _, id := range f.Names {
							all[spec.Name.Name+"."+id.Name] = strings.ReplaceAll(text, "|", `\|`)
						}
					}
				}
				return true
			})
		}
	}
	return all
}
