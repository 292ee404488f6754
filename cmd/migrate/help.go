package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | CODE | exit-codes]",
		Short: "Explain a command, a code or the exit codes",
		Long: `Help explains a command, a problem by its code (such as M012), the reason that a
plan, a result or verify gives (such as file-missing), or the exit codes.`,
		Example:           "  migrate help exit-codes",
		ValidArgsFunction: a.completeHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "exit-codes" {
				return a.explainExitCodes()
			}
			if len(args) == 1 {
				if c, ok := codeOfProblem(args[0]); ok {
					return a.explain(c)
				}
			}
			found, rest, err := a.root.Find(args)
			if err == nil && len(rest) == 0 {
				return found.Help()
			}
			if len(args) == 1 {
				if ws := pipeline.WordsOf(strings.ToLower(args[0])); len(ws) > 0 {
					return a.explainWord(ws)
				}
			}
			return usagef("no help for %q (a command, a code such as M012 or file-missing, or exit-codes)", strings.Join(args, " "))
		},
	}
}

func (a *app) explainExitCodes() error {
	if a.json {
		type exitCode struct {
			Code    int    `json:"code"`
			Meaning string `json:"meaning"`
		}
		var codes []exitCode
		for _, m := range exitMeanings {
			codes = append(codes, exitCode{m.code, m.text})
		}
		return view.WriteJSON(a.out, struct {
			Version   int        `json:"version"`
			Type      string     `json:"type"`
			ExitCodes []exitCode `json:"exitCodes"`
		}{1, "exit-codes", codes})
	}
	for _, m := range exitMeanings {
		say(a.out, "%4d  %s", m.code, m.text)
	}
	return nil
}

func (a *app) explain(c manifest.Code) error {
	if a.json {
		return view.WriteJSON(a.out, struct {
			Version int            `json:"version"`
			Type    string         `json:"type"`
			Code    string         `json:"code"`
			Class   manifest.Class `json:"class"`
			Title   string         `json:"title"`
			Cause   string         `json:"cause"`
			Remedy  string         `json:"remedy"`
		}{1, "code", c.ID, c.Class, c.Title, c.Cause, c.Remedy})
	}
	_, err := fmt.Fprintf(a.out, "%s: %s (%s)\n\n%s\n\nTo fix it: %s\n", c.ID, c.Title, c.Class, c.Cause, c.Remedy)
	return err
}

// explainWord explains a word in all its places.
func (a *app) explainWord(ws []pipeline.Word) error {
	for i, w := range ws {
		if a.json {
			err := view.WriteJSON(a.out, struct {
				Version int    `json:"version"`
				Type    string `json:"type"`
				Code    string `json:"code"`
				Class   string `json:"class"`
				Cause   string `json:"cause"`
				Remedy  string `json:"remedy"`
			}{1, "code", w.ID, pipeline.WordKind(w.Kind), w.Meaning, w.Remedy})
			if err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			say(a.out, "")
		}
		say(a.out, "%s (%s)\n\n%s\n\nTo do: %s", w.ID, pipeline.WordKind(w.Kind), w.Meaning, w.Remedy)
	}
	return nil
}
