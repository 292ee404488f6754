package main

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

func newSchema(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a manifest",
		Long: `Schema prints the JSON Schema of a manifest's first document; a further document
of the stream is $defs/item in it. Editors complete and check with it.`,
		Example: "  migrate schema",
		Args:    argsOf(cobra.NoArgs),
	}
	cmd.RunE = a.action(noManifest, func(context.Context, []string) (int, error) {
		_, err := a.out.Write(append(bytes.TrimRight(manifest.Schema(), "\n"), '\n'))
		return exitOK, err
	})
	return cmd
}
