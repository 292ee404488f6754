package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaURL = "https://example.invalid/manifest.json"

func schemas(t testing.TB) (header, item *jsonschema.Schema) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaURL, doc); err != nil {
		t.Fatal(err)
	}
	if header, err = c.Compile(schemaURL); err != nil {
		t.Fatal(err)
	}
	if item, err = c.Compile(schemaURL + "#/$defs/item"); err != nil {
		t.Fatal(err)
	}
	return header, item
}

// plain is a value as an editor's YAML reader sees it.
func plain(v Value) any {
	switch v.Kind {
	case TextValue:
		return v.Text
	case NumberValue:
		if json.Valid([]byte(v.Text)) {
			return json.Number(v.Text)
		}
		return json.Number("1") // 012 and 0x1F, whatever they are
	case BoolValue:
		return v.Text == "true"
	case ListValue:
		out := []any{}
		for _, e := range v.List {
			out = append(out, plain(e))
		}
		return out
	case MapValue:
		out := map[string]any{}
		for _, m := range v.Map {
			out[m.Key] = plain(m.Value)
		}
		return out
	}
	return nil
}

// validate is the first complaint of the schema about a manifest, document by
// document, or nil.
func validate(t testing.TB, header, item *jsonschema.Schema, text string) error {
	t.Helper()
	docs := newDocuments(strings.NewReader(text), "m.yaml")
	schema := header
	for {
		root, err := docs.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		ps := &problemList{}
		v := nodeReader{file: "m.yaml", ps: ps}.value(root)
		if schema == header || v.Kind != NullValue {
			if err := schema.Validate(plain(v)); err != nil {
				return err
			}
		}
		schema = item
	}
}

func TestSchemaAcceptsTheExamples(t *testing.T) {
	header, item := schemas(t)
	files, err := filepath.Glob("../../examples/manifests/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, header, item, string(b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Rows of NDJSON tables are items too, but for what the include keeps.
	b, err := os.ReadFile("../../examples/manifests/more.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		delete(v.(map[string]any), "legacyPath")
		if err := item.Validate(v); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestSchemaIsTheSameEachTime(t *testing.T) {
	first := Schema()
	for range 5 {
		if !bytes.Equal(first, Schema()) {
			t.Fatal("two schemas differ")
		}
	}
	if !json.Valid(first) {
		t.Error("not JSON")
	}
}

// What a value says alone, parser and schema judge alike.
func TestSchemaAgreesWithTheParser(t *testing.T) {
	header, itemSchema := schemas(t)
	const head, body = "version: 1\ndivision: D\ntimezone: UTC\nroots: {decks: x}\n", "externalId: a\nfile: b.pptx\n"
	good := map[string]string{
		"minimal":         "version: 1\n",
		"nulls":           "version: 1\nid:\ntarget:\nroots:\ndefaults:\nassets:\ninclude:\nupdate:\nprune:\nmap:\nshares:\ndivision:\ntimezone:\ncreateTags:\n",
		"inner nulls":     "version: 1\ntarget: {subdomain: null}\nupdate: {tags: null}\ninclude: [{table: a.csv, columns: null, keep: null, sheet: null}]\n",
		"columns":         "version: 1\ninclude: [{table: a.CSV, columns: {externalId: 1, enforcedPages.prepend: P, tags: {column: K, split: '|'}}, keep: [a]}]\n",
		"stream":          head + "---\n" + body + "---\n---\n" + body,
		"numbers as text": head + "---\nexternalId: 012\nfile: 1.5\nname: 7\ntags: [2026]\nkeep: {a: 1, b: true, c: null, d: x}\n",
		"url":             head + "---\nexternalId: a\nurl: HTTPS://x.example\nfile: null\nisRenderExternalAllowed: true\n",
		"all null":        head + "---\n" + body + "url: null\nname: null\ntags: null\npermissions: null\nlockedPages: null\nenforcedPages: null\nexpiresAt: null\nid: null\nlocalization: null\ndivision: null\nallowEmpty: null\nkeep: null\nisRenderExternalAllowed: null\n",
		"tags":            head + "---\n" + body + "tags: {replace: [a, {id: b}]}\n",
		"dates":           head + "---\n" + body + "draftedAt: 2026-12-01T10:00:00.123+01:00\nreleasedAt: 2026-12-01\nexpiresAt: '+ 1 Year 2 weeks'\n",
		"pages":           head + "---\n" + body + "lockedPages: [{start: 1, end: 1}]\nenforcedPages: {prepend: null, append: []}\n",
		"myFiles":         "version: 1\nmyFiles: [{key: 7, user: jane@example.com, file: a.pdf}, {key: b, user: MINE, file: 's3://b/c.pdf', folder: /f1/f2, name: 7, description: null, isShareable: false, isAnnotatable: null, isDownloadable: true, isSensitive: true, isOnlyEntireDocumentShareable: true, isProcessedUsed: false, allowEmpty: true}]\n",
		"roots":           "version: 1\nroots: {de: ., a-b_1: ../x}\n",
		"default nulls":   "version: 1\ndefaults: {tags: null, permissions: {isShareable: null}}\n",
	}
	for name, text := range good {
		t.Run("good/"+name, func(t *testing.T) {
			_, _, ps := read(t, text)
			for _, p := range ps {
				t.Errorf("parser: %s", p)
			}
			if err := validate(t, header, itemSchema, text); err != nil {
				t.Errorf("schema: %v", err)
			}
		})
	}
	headers := map[string]string{
		"no version": "division: D", "version 2": "version: 2", "version text": "version: '1'", "unknown": "version: 1\nfoo: 1",
		"item key":   "version: 1\nexternalId: a",
		"prune word": "version: 1\nprune: x", "createTags": "version: 1\ncreateTags: some", "createTags type": "version: 1\ncreateTags: true",
		"assets": "version: 1\nassets: {}", "assets of texts": "version: 1\nassets: [a]", "target": "version: 1\ntarget: acme", "target key": "version: 1\ntarget: {domain: a}", "subdomain": "version: 1\ntarget: {subdomain: a.b}", "ownership": "version: 1\ntarget: {ownership: mine}",
		"update": "version: 1\nupdate: {tags: merge}", "update key": "version: 1\nupdate: {tag: add}", "update type": "version: 1\nupdate: add",
		"root name": "version: 1\nroots: {d: x}", "root http": "version: 1\nroots: {https: x}", "root list": "version: 1\nroots: [x]", "root type": "version: 1\nroots: {decks: [x]}", "root empty": "version: 1\nroots: {decks: ''}",
		"default name": "version: 1\ndefaults: {name: x}", "default id": "version: 1\ndefaults: {externalId: x}", "default replace": "version: 1\ndefaults: {tags: {replace: [a]}}", "default key": "version: 1\ndefaults: {foo: x}", "default country": "version: 1\ndefaults: {countries: ['U S']}", "default author": "version: 1\ndefaults: {authors: ['a,b']}", "author shape": "version: 1\ndefaults: {authors: ['a@b@c']}", "defaults type": "version: 1\ndefaults: [a]",
		"my files": "version: 1\nmyFiles: {key: a}", "my file": "version: 1\nmyFiles: [a.pdf]", "my file key": "version: 1\nmyFiles: [{user: mine, file: a.pdf}]", "my file null": "version: 1\nmyFiles: [{key: null, user: mine, file: a.pdf}]", "my file comma": "version: 1\nmyFiles: [{key: 'a,b', user: mine, file: a.pdf}]", "my file user": "version: 1\nmyFiles: [{key: a, user: ' ', file: a.pdf}]", "my file folder": "version: 1\nmyFiles: [{key: a, user: mine, file: a.pdf, folder: x}]", "my file folders": "version: 1\nmyFiles: [{key: a, user: mine, file: a.pdf, folder: //x}]", "my file tags": "version: 1\nmyFiles: [{key: a, user: mine, file: a.pdf, tags: [a]}]", "my file flag": "version: 1\nmyFiles: [{key: a, user: mine, file: a.pdf, isShareable: 'yes'}]", "my file empty": "version: 1\nmyFiles: [{key: a, user: mine, file: ''}]",
		"include type": "version: 1\ninclude: {table: a.csv}", "include nothing": "version: 1\ninclude: [{}]", "include kind": "version: 1\ninclude: [{table: a.ods}]",
		"include key":  "version: 1\ninclude: [{table: a.csv, column: {}}]",
		"column field": "version: 1\ninclude: [{table: a.csv, columns: {foo: a}}]", "column empty": "version: 1\ninclude: [{table: a.csv, columns: {name: ''}}]", "column key": "version: 1\ninclude: [{table: a.csv, columns: {name: {col: a}}}]", "column type": "version: 1\ninclude: [{table: a.csv, columns: [a]}]",
		"id": "version: 1\nid: ''", "id type": "version: 1\nid: [a]", "division": "version: 1\ndivision: ' '", "timezone": "version: 1\ntimezone: ''", "list": "- a",
	}
	bad := map[string]string{}
	for name, text := range headers {
		bad["header/"+name] = text + "\n"
	}
	for name, text := range map[string]string{
		"no id": "file: a", "null id": "externalId: null\nfile: a", "id comma": "externalId: 'a,b'\nfile: a", "id blank": "externalId: ' a'\nfile: a", "id empty": "externalId: ''\nfile: a", "id long": "externalId: " + strings.Repeat("x", 129) + "\nfile: a", "id list": "externalId: [a]\nfile: a", "id bool": "externalId: true\nfile: a",
		"no place": "externalId: a", "two places": "externalId: a\nfile: b\nurl: https://x.example", "null places": "externalId: a\nfile: null", "file list": "externalId: a\nfile: [b]", "file empty": "externalId: a\nfile: ''", "url": "externalId: a\nurl: x.example", "url ftp": "externalId: a\nurl: ftp://x", "url number": "externalId: a\nurl: 7",
		"text": "just text", "list": "- a", "header key": body + "version: 1",
		"unknown": body + "foo: 1", "bare permission": body + "isShareable: true", "permissions": body + "permissions: {foo: true}", "permissions type": body + "permissions: yes", "permission type": body + "permissions: {isShareable: 1}",
		"name": body + "name: ''", "name long": body + "name: " + strings.Repeat("x", 256), "name type": body + "name: [a]", "name bool": body + "name: true",
		"tags": body + "tags: a", "tag type": body + "tags: [[a]]", "tag empty": body + "tags: ['']", "tag id": body + "tags: [{id: ''}]", "tag key": body + "tags: [{name: a}]", "tags key": body + "tags: {add: [a]}", "tag tab": body + "tags: [\"a\\tb\"]", "tag bool": body + "tags: [true]",
		"languages": body + "languages: en", "language": body + "languages: ['']", "country null": body + "countries: [null]",
		"bool": body + "isSensitive: 'true'", "bool number": body + "isArchived: 1", "allowEmpty": body + "allowEmpty: yes", "date": body + "expiresAt: tomorrow", "date zone": body + "expiresAt: 2026-12-01T10:00:00", "span": body + "expiresAt: +5", "date type": body + "expiresAt: [2026-12-01]",
		"renditions": body + "downloadableExternal: [docx]", "renditions type": body + "downloadableInternal: pdf", "pages": body + "lockedPages: [{start: 0, end: 1}]", "pages key": body + "lockedPages: [{start: 1}]", "pages more": body + "lockedPages: [{start: 1, end: 2, x: 3}]", "pages type": body + "lockedPages: {start: 1, end: 2}", "pages text": body + "lockedPages: [{start: '1', end: 2}]",
		"enforced": body + "enforcedPages: {foo: []}", "enforced type": body + "enforcedPages: []", "enforced pages": body + "enforcedPages: {append: [{start: 1}]}", "keep": body + "keep: [a]", "keep value": body + "keep: {a: [b]}", "division": body + "division: ''",
	} {
		bad["item/"+name] = head + "---\n" + text + "\n"
	}
	for name, text := range bad {
		t.Run("bad/"+name, func(t *testing.T) {
			_, _, ps := read(t, text)
			if len(ps) == 0 {
				t.Error("the parser accepts it")
			}
			if validate(t, header, itemSchema, text) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

// noSchema are parts that nobody has described yet.
var noSchema []string

// What else is refused until its work is done has its schema already.
func TestSchemaOfAllThatTheFormatHas(t *testing.T) {
	refused := later
	later = slices.DeleteFunc(slices.Clone(later), func(l struct{ part, what, fix string }) bool { return !slices.Contains(noSchema, l.part) })
	t.Cleanup(func() { later = refused })
	header, item := schemas(t)
	const include = "version: 1\ntimezone: UTC\ninclude: [{%}]\n"
	const categories = "version: 1\ndivision: D\ntagCategories: "
	const shares = "version: 1\ntimezone: UTC\nshares: "
	for text, good := range map[string]bool{
		everyInclude: true,
		"version: 1\nmap: {people: p.csv, tags: {Old: New, 2019: }, languages: null, fallback: {authors: [jane@example.com]}}\n": true,
		"version: 1\nmap: {fallback: {authors: jane@example.com}}\n":                                                             true,
		"version: 1\nmap: {people: p.txt}\n":                                                                                     false,
		"version: 1\nmap: {tags: {Old: [a]}}\n":                                                                                  false,
		"version: 1\nmap: {fallback: {authors: []}}\n":                                                                           false,
		"version: 1\nmap: {folders: {}}\n":                                                                                       false,
		categories + "[{name: 7, division: E, isPublished: null, tags: [a, {id: b}], children: null}, {name: b, tags: null, children: [{name: c}]}]\n":                         true,
		shares + "[{key: a, title: T, assets: [{externalId: SP-1, page: 3}, {id: abc}], expiresAt: \"+6 months\", isDownloadAllowed: false, theme: Global, origin: portal}]\n": true,
		shares + "[{key: 7, title: 2026, assets: [{id: abc, page: null}], expiresAt: 2027-01-01, isDownloadAllowed: null, theme: null, origin: null}]\n":                       true,
		shares + "{key: a}\n": false, shares + "[{key: a, title: T}]\n": false, shares + "[{title: T, assets: [{id: a}]}]\n": false, shares + "[{key: a, title: T, assets: []}]\n": false,
		shares + "[{key: 'a,b', title: T, assets: [{id: a}]}]\n": false, shares + "[{key: a, title: ' ', assets: [{id: a}]}]\n": false, shares + "[{key: a, title: T, assets: [SP-1]}]\n": false,
		shares + "[{key: a, title: T, assets: [{id: a, externalId: b}]}]\n": false, shares + "[{key: a, title: T, assets: [{page: 1}]}]\n": false, shares + "[{key: a, title: T, assets: [{id: a, page: 0}]}]\n": false,
		shares + "[{key: a, title: T, assets: [{id: a}], expires: 2027-01-01}]\n": false, shares + "[{key: a, title: T, assets: [{id: a}], expiresAt: soon}]\n": false,
		categories + "{name: a}\n": false, categories + "[a]\n": false, categories + "[{tags: [a]}]\n": false, categories + "[{name: a, tags: [], children: []}]\n": false,
		categories + "[{name: a, parent: b}]\n": false, categories + "[{name: a, children: [{name: b, division: E}]}]\n": false, categories + "[{name: \"a\\tb\"}]\n": false,
		strings.Replace(include, "%", "table: a.csv", 1):                                                   true,
		strings.Replace(include, "%", "table: a.csv, files: '*'", 1):                                       false,
		strings.Replace(include, "%", "files: '*', columns: {}", 1):                                        false,
		strings.Replace(include, "%", "files: '*', externalId: x", 1):                                      false,
		strings.Replace(include, "%", "files: '*', join: {table: a.csv}", 1):                               false,
		strings.Replace(include, "%", "files: '*', tags: '{dir}'", 1):                                      false,
		strings.Replace(include, "%", "files: '*', file: x", 1):                                            false,
		strings.Replace(include, "%", "table: a.csv, columns: {name: {value: a, column: b}}", 1):           false,
		strings.Replace(include, "%", "table: a.csv, columns: {name: {column: b, add: 1 day}}", 1):         false,
		strings.Replace(include, "%", "table: a.csv, columns: {expiresAt: {column: b, add: '+1 day'}}", 1): true,
		strings.Replace(include, "%", "table: a.csv, columns: {expiresAt: {column: b, add: 'day'}}", 1):    false,
	} {
		_, _, ps := read(t, text)
		err := validate(t, header, item, text)
		if (ps == nil) != good || (err == nil) != good {
			t.Errorf("%s\nparser: %q\nschema: %v", text, ps, err)
		}
	}
}
