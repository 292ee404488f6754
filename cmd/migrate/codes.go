package main

import (
	"strings"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// moreCodes explain the problems that are not the manifest's own: those found
// at the service (M101 on), in the files (M111 on), among people and tags (M121
// on), and in settings (C001 on).
var moreCodes = []manifest.Code{
	{ID: "M101", Class: manifest.Stop, Title: "unknown Division",
		Cause:  "No Division of this name or id is visible with this token, or several have the name.",
		Remedy: "Correct the name, name it by its id, or ask for access to it."},
	{ID: "M102", Class: manifest.Stop, Title: "unknown language",
		Cause:  "The service's list of languages does not have this code.",
		Remedy: "Use a code of its list, such as en or pt-BR."},
	{ID: "M103", Class: manifest.Stop, Title: "unknown country",
		Cause:  "The service's list of countries does not have this code.",
		Remedy: "Use a code of its list, such as US or BE."},
	{ID: "M104", Class: manifest.Stop, Title: "unknown tag id",
		Cause:  "No tag with this id is visible with this token.",
		Remedy: "Correct the id, or name the tag by its name."},
	{ID: "M111", Class: manifest.Block, Title: "no such file",
		Cause:  "The file that the item names is not there. Only exactly this name counts, also in upper and lower case.",
		Remedy: "Correct the path, or bring the file back. The other items run."},
	{ID: "M112", Class: manifest.Block, Title: "file cannot be read",
		Cause:  "The file is no regular file, may not be read, or lies outside its root.",
		Remedy: "Change its rights, name the file itself, or name its folder under roots."},
	{ID: "M113", Class: manifest.Block, Title: "several files have this name",
		Cause:  "Two files differ only in the Unicode form of their names, and neither is written as the manifest has it.",
		Remedy: "Rename one of them."},
	{ID: "M114", Class: manifest.Block, Title: "file is empty",
		Cause:  "The file has no bytes; most often an export or a copy went wrong.",
		Remedy: "Bring its content back, or say allowEmpty: true if it is meant."},
	{ID: "M115", Class: manifest.Block, Title: "file is too big",
		Cause:  "Storage takes at most 5 GB in one upload.",
		Remedy: "Make the file smaller, or split it."},
	{ID: "M121", Class: manifest.Block, Title: "unknown author",
		Cause:  "No user of the service has this e-mail address or id.",
		Remedy: "Correct it, have the user made, or name somebody else."},
	{ID: "M122", Class: manifest.Block, Title: "tag is missing",
		Cause:  "The Division has no such tag, and createTags: none keeps it from being made.",
		Remedy: "Make the tag, correct its name, or allow it with createTags: all."},
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
	for _, c := range moreCodes {
		if c.ID == id {
			return c, true
		}
	}
	return manifest.Code{}, false
}
