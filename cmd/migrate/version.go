package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
)

// buildVersion is set by the linker for released binaries.
var buildVersion string

// version is what this binary was built from.
func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var v strings.Builder
	v.WriteString("devel")
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			v.WriteString("-" + s.Value[:12])
		case s.Key == "vcs.modified" && s.Value == "true":
			v.WriteString("-modified")
		}
	}
	return v.String()
}

func newVersion(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Version prints what this binary was built from. It asks nobody whether there is a newer one.",
		Example: "  migrate version",
		Args:    argsOf(cobra.NoArgs),
	}
	cmd.RunE = a.action(noManifest, func(context.Context, []string) (int, error) {
		if a.json {
			return exitOK, view.WriteJSON(a.out, struct {
				Version  int    `json:"version"`
				Type     string `json:"type"`
				Program  string `json:"program"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{1, "version", version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
		}
		say(a.out, "migrate %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK, nil
	})
	return cmd
}
