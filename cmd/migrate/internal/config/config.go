// Package config finds the value of every setting: the command line, then the
// environment, then a file, then the default, and remembers which of them it
// was. It touches the flags and the reader that it is given, nothing else.
package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// FileName is the settings file looked for beside a manifest.
const FileName = "migrate.yaml"

// Origins says where the value of each flag came from: "flag", "env
// MIGRATE_UPLOADS", "migrate.yaml:3:1" or "default".
type Origins map[string]string

// CommandLineOnly are the flags that only a person at the command line may
// set: an environment or a file that sets them is refused.
var CommandLineOnly = []string{"yes", "fix", "recreate", "delete", "allow-delete", "allow-private", "help", "config"}

// NotInFile are flags that name a program to run. A file that comes with a
// manifest may be somebody else's.
var NotInFile = []string{"rclone"}

// fileOnly are names that a file may have and that are no flags.
var fileOnly = []string{KeyAPIURL, KeyV3URL}

// Names of the service's hosts in a settings file.
const (
	KeyAPIURL = "api-url"
	KeyV3URL  = "v3-url"
)

// secretNames are refused in a file by name, with the way on.
var secretNames = map[string]string{
	"token": "SHOWPAD_TOKEN", "client-secret": "SHOWPAD_CLIENT_SECRET", "client-id": "SHOWPAD_CLIENT_ID",
	"username": "SHOWPAD_USERNAME", "password": "SHOWPAD_PASSWORD", "refresh-token": "SHOWPAD_REFRESH_TOKEN",
}

// File is a settings file that has been read and checked.
type File struct {
	Name   string
	Values map[string]manifest.Setting
}

// ReadFile reads settings from r. Name is what positions begin with; known are
// the names of all flags of all commands: a setting may be for another command
// than the one that runs. Unknown names, secrets, hosts that are not loopback
// and settings of the command line are problems, all reported at once as a
// [manifest.Problems].
func ReadFile(r io.Reader, name string, known []string) (File, error) {
	values, problems := manifest.ReadSettings(r, name)
	names := make([]string, 0, len(values))
	for key := range values {
		names = append(names, key)
	}
	sort.Strings(names)
	all := slices.Concat(known, fileOnly)
	for _, key := range names {
		s := values[key]
		p := manifest.Problem{Pos: s.Pos, Class: manifest.Stop}
		switch {
		case secretNames[key] != "":
			p.Code, p.What = manifest.CodeSettingPlace, fmt.Sprintf("%q may not stand in a file", key)
			p.Fix = "set " + secretNames[key] + " in the environment"
		case slices.Contains(CommandLineOnly, key):
			p.Code, p.What = manifest.CodeSettingPlace, fmt.Sprintf("%q may not stand in a file", key)
			p.Fix = "give --" + key + " on the command line"
		case slices.Contains(NotInFile, key):
			p.Code, p.What = manifest.CodeSettingPlace, fmt.Sprintf("%q may not stand in a file: it names a program", key)
			p.Fix = "give --" + key + " on the command line, or set " + EnvName(key)
		case !slices.Contains(all, key):
			p.Code, p.What, p.Fix = manifest.CodeSettingUnknown, fmt.Sprintf("unknown setting %q", key), "take it out; settings are named as the flags without their dashes"
			if near := manifest.Suggest(key, all); near != "" {
				p.Fix = fmt.Sprintf("did you mean %q?", near)
			}
		case slices.Contains(fileOnly, key) && !Loopback(s.Value):
			p.Code, p.What = manifest.CodeSettingPlace, fmt.Sprintf("%q in a file must be a loopback address, such as http://127.0.0.1:8080/v4", key)
			p.Fix = "set SHOWPAD_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_")) + " in the environment"
		default:
			continue
		}
		problems = append(problems, p)
		delete(values, key)
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b manifest.Problem) int {
			if a.Pos.Line != b.Pos.Line {
				return a.Pos.Line - b.Pos.Line
			}
			return a.Pos.Column - b.Pos.Column
		})
		return File{Name: name, Values: values}, problems
	}
	return File{Name: name, Values: values}, nil
}

// EnvName is the environment variable that sets a flag: MIGRATE_SETTLE_TIME
// for settle-time.
func EnvName(flag string) string {
	return "MIGRATE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Fill sets the flags that the command line left alone, from the environment
// and then from the file, through each flag's own parser. All problems come at
// once, joined.
func Fill(fs *pflag.FlagSet, getenv func(string) string, file File) (Origins, error) {
	origins := Origins{}
	var errs []error
	fs.VisitAll(func(f *pflag.Flag) {
		name := EnvName(f.Name)
		value, from := getenv(name), "env "+name
		if slices.Contains(CommandLineOnly, f.Name) {
			if value != "" && f.Name != "help" && f.Name != "config" {
				errs = append(errs, fmt.Errorf("%s: --%s comes from the command line alone; unset %s", from, f.Name, name))
			}
			value = ""
		}
		if value == "" {
			if s, ok := file.Values[f.Name]; ok && !f.Changed {
				value, from = s.Value, s.Pos.String()
			}
		}
		switch {
		case f.Changed:
			from = "flag"
		case value == "":
			from = "default"
		default:
			// Set through the set, so that a flag from a file counts as given.
			if err := fs.Set(f.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: --%s does not take %q: %s", from, f.Name, value, WhatFits(f, err)))
			}
		}
		origins[f.Name] = from
	})
	return origins, errors.Join(errs...)
} // WhatFits says what a flag takes instead of the value that err refuses.
func WhatFits(f *pflag.Flag, err error) string {
	switch f.Value.Type() {
	case "int", "uint":
		return "use a whole number"
	case "duration":
		return "use a duration such as 90s, 5m or 2h"
	case "bool":
		return "use true or false"
	}
	var invalid *pflag.InvalidValueError // its own text repeats flag and value
	if errors.As(err, &invalid) {
		err = invalid.Unwrap()
	}
	return err.Error()
}

// Loopback reports whether a URL's host is this machine itself.
func Loopback(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
