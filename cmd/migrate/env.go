package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"
)

// env is what a command sees of the process that it runs in.
type env struct {
	in        io.Reader
	out       io.Writer // results
	err       io.Writer // everything else
	getenv    func(string) string
	signals   <-chan os.Signal       // nil: none come
	ask       bool                   // somebody is there to answer: in and err are a terminal
	bars      bool                   // err is a terminal that can move its cursor
	columns   int                    // of the terminal that shows results; 0: they go elsewhere
	browse    func(url string) error // begins to show a page in the person's browser; nil: there is none
	exit      func(code int)         // ends the process at once; nil: cannot
	configDir func() (string, error) // the user's configuration folder
}

func processEnv(signals <-chan os.Signal) env {
	stderr := term.IsTerminal(int(os.Stderr.Fd()))
	width, height, err := term.GetSize(int(os.Stderr.Fd()))
	columns, _, _ := term.GetSize(int(os.Stdout.Fd())) // 0 where it is none
	room := err == nil && width > 0 && height > 0      // a terminal without a size shows no bars
	return env{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, signals: signals, exit: os.Exit, configDir: os.UserConfigDir,
		browse:  browse,
		columns: columns,
		ask:     stderr && term.IsTerminal(int(os.Stdin.Fd())),
		bars:    stderr && room && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == "",
	}
}

// ownFolder is a folder of the program in the user's configuration folder.
func (e env) ownFolder(name string) (string, error) {
	base, err := e.configDir()
	if err != nil {
		return "", fmt.Errorf("your configuration folder: %w (set HOME, or XDG_CONFIG_HOME)", err)
	}
	return filepath.Join(base, "migrate", name), nil
}
