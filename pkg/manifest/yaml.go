package manifest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDepth bounds the nesting of values; the format needs six levels.
const maxDepth = 64

// documents reads the documents of a YAML stream one at a time.
type documents struct {
	dec  *yaml.Decoder
	text *TextReader
	file string
	last int // line of the last document, for errors that name none
}

func newDocuments(r io.Reader, file string) *documents {
	text := NewTextReader(r, file)
	return &documents{dec: yaml.NewDecoder(text), text: text, file: file}
}

// next is the root node of the next document, io.EOF after the last one, or
// [Problems] with one syntax problem after which nothing more can be read.
// Errors of the reader come out as they are.
func (d *documents) next() (root *yaml.Node, err error) {
	defer func() {
		// yaml.v3 turns its own panics into errors and lets others through.
		if r := recover(); r != nil {
			root, err = nil, Problems{NewProblem(CodeSyntax, Pos{File: d.file, Line: d.last},
				"the YAML reader gave up on this document", "look for unusual YAML in it (tags, anchors, complex keys) and write it plainly")}
		}
	}()
	var doc yaml.Node
	if err := d.dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if !d.text.ended() { // yaml.v3 keeps the words of a reader's error only
			if ps, ok := errors.AsType[Problems](d.text.Err()); ok {
				return nil, ps
			}
			return nil, fmt.Errorf("reading %s: %w", d.file, d.text.Err())
		}
		return nil, Problems{d.syntax(err)}
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, Problems{NewProblem(CodeSyntax, Pos{File: d.file, Line: doc.Line}, "this document holds nothing readable", "write a mapping")}
	}
	d.last = doc.Content[0].Line
	return doc.Content[0], nil
}

// parserSays matches the messages of yaml.v3's parser; the others are its
// scanner's.
var parserSays = regexp.MustCompile(`^did not find expected (<|key|'-'|',' or|node content)|^found undefined tag`)

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// humanYAML translates the words of yaml.v3 into what a person can do.
var humanYAML = []struct{ has, what, fix string }{
	{"control characters are not allowed", "the file holds a control character", "remove it; it is often invisible, so type the line anew"},
	{"could not find expected ':'", "this line is neither \"key: value\" nor a list item", "look here and one line above for a missing colon or a text that goes on over several lines, and quote it"},
	{"mapping values are not allowed", "a \": \" stands where no key can be", "quote the value that holds it, or check the indentation"},
	{"found character that cannot start any token", "the line is indented with a tab, or a value begins with one of @ ` %", "indent with spaces, and quote such a value"},
	{"did not find expected key", "a line of the block that begins here is indented differently, or a quoted text goes on after its quote", "align the keys of the block, and quote values as a whole"},
	{"did not find expected '-' indicator", "a line of the list that begins here is indented differently", "align its dashes"},
	{"did not find expected ',' or ']'", "a list that began with [ is not closed", "add the ], and quote texts that hold , [ ] { or }"},
	{"did not find expected ',' or '}'", "a mapping that began with { is not closed", "add the }, and quote texts that hold , [ ] { or }"},
	{"did not find expected node content", "a value is missing", "write it, or quote it if it begins with one of , ] }"},
	{"found unexpected end of stream", "a quote is not closed", "close it, and double a quote that belongs to the text"},
	{"found unexpected document indicator", "a quote is not closed before the next ---", "close it"},
	{"found unknown escape character", "an unknown \\ escape in double quotes", "use single quotes for texts with backslashes"},
	{"block sequence entries are not allowed", "a list item stands where no list can be", "put the list on its own lines below its key"},
	{"unknown anchor", "an alias (*name) without its anchor", "quote the text if it begins with *, or write the value out"},
	{"did not find expected alphabetic or numeric character", "a value begins with * or &", "quote it"},
	{"did not find expected <document start>", "text after the end of a document", "begin a new document with ---, and check the indentation"},
	{"exceeded max depth", "it is nested too deeply", "write it flat"},
	{"directive", "a line begins with %", "quote it"},
	{"found a tab character", "a tab is used for indentation", "indent with spaces"},
	{"tab", "a tab is used for indentation", "indent with spaces"},
}

// syntax makes a problem of an error of yaml.v3.
func (d *documents) syntax(err error) Problem {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	pos := Pos{File: d.file}
	m := yamlLine.FindStringSubmatch(msg)
	if m != nil {
		pos.Line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	} else {
		pos.Line = max(1, d.last) // yaml.v3 leaves out the first line's number
	}
	if m != nil && parserSays.MatchString(msg) {
		pos.Line = min(pos.Line+1, d.text.lines()) // its parser counts from 0, its scanner from 1
	}
	for _, h := range humanYAML {
		if strings.Contains(msg, h.has) {
			return NewProblem(CodeSyntax, pos, h.what, h.fix)
		}
	}
	return NewProblem(CodeSyntax, pos, "not valid YAML: "+msg, "")
}

// ReadYAML reads the first document of r as a value, whatever it means: for
// files beside manifests. The error is [Problems], or that of r; an empty file
// is null.
func ReadYAML(r io.Reader, file string) (Value, error) {
	root, err := newDocuments(r, file).next()
	if errors.Is(err, io.EOF) {
		return Value{Kind: NullValue, Pos: Pos{File: file}}, nil
	}
	if err != nil {
		return Value{}, err
	}
	ps := &problemList{}
	v := nodeReader{file: file, ps: ps}.value(root)
	if len(ps.list) > 0 {
		return v, Problems(ps.list)
	}
	return v, nil
}

// nodeReader turns nodes into values and reports what YAML allows and
// manifests do not: aliases, merge keys, keys twice, keys that are no text.
type nodeReader struct {
	file string
	ps   *problemList
}

func (r nodeReader) pos(n *yaml.Node) Pos { return Pos{File: r.file, Line: n.Line, Column: n.Column} }

func (r nodeReader) value(n *yaml.Node) Value { return r.at(n, 0) }

func (r nodeReader) at(n *yaml.Node, depth int) Value {
	v := Value{Pos: r.pos(n)}
	if depth > maxDepth {
		r.ps.add(CodeType, v.Pos, "it is nested too deeply", "write it flat")
		return v
	}
	switch n.Kind {
	case yaml.ScalarNode:
		v.Kind, v.Text = r.scalar(n)
	case yaml.SequenceNode:
		if !r.plainTag(n, "!!seq") {
			return v
		}
		v.Kind = ListValue
		v.List = make([]Value, 0, len(n.Content))
		for _, c := range n.Content {
			v.List = append(v.List, r.at(c, depth+1))
		}
	case yaml.MappingNode:
		if !r.plainTag(n, "!!map") {
			return v
		}
		v.Kind = MapValue
		v.Map = make([]Member, 0, len(n.Content)/2)
		r.members(n, func(key string, kn, vn *yaml.Node) {
			v.Map = append(v.Map, Member{Key: key, Pos: r.pos(kn), Value: r.at(vn, depth+1)})
		})
	case yaml.AliasNode:
		r.ps.add(CodeAlias, v.Pos, fmt.Sprintf("aliases such as *%s are not supported", n.Value), "write the value out, or put what all items share under defaults:")
	}
	return v
}

// members calls each for the usable keys of a mapping, first occurrences only.
func (r nodeReader) members(n *yaml.Node, each func(key string, kn, vn *yaml.Node)) {
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind == yaml.ScalarNode && k.Tag == "!!merge":
			r.ps.add(CodeAlias, r.pos(k), "merge keys (<<) are not supported", "write the keys out, or put what all items share under defaults:")
			continue
		case k.Kind == yaml.AliasNode:
			r.ps.add(CodeAlias, r.pos(k), fmt.Sprintf("aliases such as *%s are not supported", k.Value), "write the key out")
			continue
		case k.Kind != yaml.ScalarNode || k.Tag == "!!null":
			r.ps.add(CodeType, r.pos(k), "a key must be a text", "write key: value, and quote a value that begins with { or [")
			continue
		}
		if first, ok := seen[k.Value]; ok {
			p := NewProblem(CodeDuplicateKey, r.pos(k), fmt.Sprintf("key %q is written twice", k.Value), "remove one of them")
			p.Also = new(r.pos(first))
			r.ps.put(p)
			continue
		}
		seen[k.Value] = k
		each(k.Value, k, v)
	}
}

func (r nodeReader) plainTag(n *yaml.Node, want string) bool {
	if n.Tag == want || n.Tag == "" {
		return true
	}
	r.ps.add(CodeType, r.pos(n), fmt.Sprintf("the YAML tag %s is not supported", n.Tag), "remove it")
	return false
}

func (r nodeReader) scalar(n *yaml.Node) (ValueKind, string) {
	switch n.Tag {
	case "!!null":
		return NullValue, ""
	case "!!str", "!!timestamp", "!!merge":
		return TextValue, n.Value
	case "!!int", "!!float":
		return NumberValue, n.Value
	case "!!bool":
		switch strings.ToLower(n.Value) {
		case "true", "false":
			return BoolValue, strings.ToLower(n.Value)
		}
		return TextValue, n.Value
	}
	r.plainTag(n, "!!str")
	return BadValue, ""
}

// problemList gathers problems.
type problemList struct{ list []Problem }

func (ps *problemList) add(code string, pos Pos, what, fix string) {
	ps.put(NewProblem(code, pos, what, fix))
}

func (ps *problemList) put(p Problem) { ps.list = append(ps.list, p) }
