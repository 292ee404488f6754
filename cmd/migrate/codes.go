package main

import (
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// settingCodes explain the problems of a settings file.
var settingCodes = []manifest.Code{
	{ID: manifest.CodeSettingSyntax, Class: manifest.Stop, Title: "settings file is not YAML",
		Cause:  "The file cannot be read as YAML.",
		Remedy: "Write one \"name: value\" a line, such as settle-time: 2s."},
	{ID: manifest.CodeSettingForm, Class: manifest.Stop, Title: "settings file is no flat list",
		Cause:  "A setting is a name and a single value, each name once, in one document.",
		Remedy: "Write one \"name: value\" a line."},
	{ID: manifest.CodeSettingUnknown, Class: manifest.Stop, Title: "unknown setting",
		Cause:  "No command has a flag of this name.",
		Remedy: "Name the setting as the flag, without its dashes. `migrate COMMAND --help` lists them."},
	{ID: manifest.CodeSettingValue, Class: manifest.Stop, Title: "value that the setting does not take",
		Cause:  "The flag of this name does not accept the value.",
		Remedy: "Write it as on the command line: durations as 90s or 5m, switches as true or false."},
	{ID: manifest.CodeSettingPlace, Class: manifest.Stop, Title: "setting that may not stand in a file",
		Cause:  "Secrets come from the environment, consent from the command line, and hosts that are not this machine from the environment.",
		Remedy: "Take it out of the file and set it where the message says."},
}

// codeOfProblem is the entry of a code, in whatever case it is typed.
func codeOfProblem(id string) (manifest.Code, bool) {
	id = strings.ToUpper(id)
	if c, ok := manifest.CodeOf(id); ok {
		return c, true
	}
	for _, c := range settingCodes {
		if c.ID == id {
			return c, true
		}
	}
	return manifest.Code{}, false
}
