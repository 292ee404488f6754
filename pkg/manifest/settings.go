package manifest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Codes of problems in a settings file (migrate.yaml). The one who knows which
// settings exist reports [CodeSettingUnknown] and [CodeSettingValue].
const (
	CodeSettingSyntax  = "C001" // not readable as YAML
	CodeSettingForm    = "C002" // not a flat list of names and values
	CodeSettingUnknown = "C003" // no such setting
	CodeSettingValue   = "C004" // a value that the setting does not take
	CodeSettingPlace   = "C005" // a setting that may not come from a file
)

// Setting is one value of a settings file, as it was written.
type Setting struct {
	Value string
	Pos   Pos // of the value's name
}

// ReadSettings reads a settings file: one flat YAML mapping of names to single
// values. File is the name that positions begin with. An empty file has no
// settings. All problems are of class [Stop]; with any of them the map holds
// what could be read.
func ReadSettings(r io.Reader, file string) (settings map[string]Setting, problems Problems) {
	settings = map[string]Setting{}
	stop := func(p Pos, code, what, fix string) {
		problems = append(problems, Problem{Pos: p, Code: code, Class: Stop, What: what, Fix: fix})
	}
	// yaml.v3 can panic on crafted input; that is a problem of the file.
	defer func() {
		if v := recover(); v != nil {
			stop(Pos{File: file}, CodeSettingSyntax, fmt.Sprintf("cannot be read as YAML: %v", v), "write one \"name: value\" a line")
		}
	}()

	dec := yaml.NewDecoder(r)
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return settings, nil
	case err != nil:
		stop(Pos{File: file, Line: settingsErrorLine(err)}, CodeSettingSyntax, "cannot be read as YAML: "+settingsErrorText(err), "write one \"name: value\" a line")
		return settings, problems
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		stop(Pos{File: file}, CodeSettingForm, "holds more than one document", "keep the settings in one document, without \"---\" lines")
	}
	if len(doc.Content) == 0 {
		return settings, problems
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return settings, problems
	}
	if root.Kind != yaml.MappingNode {
		stop(Pos{File: file, Line: root.Line, Column: root.Column}, CodeSettingForm, "is not a list of names and values", "write one \"name: value\" a line")
		return settings, problems
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		pos := Pos{File: file, Line: key.Line, Column: key.Column}
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			stop(pos, CodeSettingForm, "the name of a setting must be plain text", "write it as the flag without its dashes, such as settle-time")
			continue
		case value.Kind != yaml.ScalarNode:
			stop(pos, CodeSettingForm, fmt.Sprintf("%q must have a single value", key.Value), fmt.Sprintf("write %s: value", key.Value))
			continue
		}
		if first, ok := settings[key.Value]; ok {
			problems = append(problems, Problem{Pos: pos, Code: CodeSettingForm, Class: Stop, Also: &first.Pos,
				What: fmt.Sprintf("%q is set twice", key.Value), Fix: "keep one of the two"})
			continue
		}
		text := value.Value
		if value.Tag == "!!null" {
			text = ""
		}
		settings[key.Value] = Setting{Value: text, Pos: pos}
	}
	return settings, problems
}

var settingsLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// settingsErrorLine is the line that an error of yaml.v3 names, or 0.
func settingsErrorLine(err error) int {
	m := settingsLine.FindStringSubmatch(err.Error())
	n, _ := strconv.Atoi(m[1])
	return n
}

// settingsErrorText is an error of yaml.v3 without its prefix and line.
func settingsErrorText(err error) string {
	return settingsLine.ReplaceAllString(err.Error(), "")
}
