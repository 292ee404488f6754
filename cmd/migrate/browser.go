package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// browse begins to show a page in the person's browser by the system's own means, or
// with the program that BROWSER names. It does not wait for it.
func browse(url string) error {
	var args []string
	switch named, _, _ := strings.Cut(os.Getenv("BROWSER"), string(os.PathListSeparator)); {
	case named != "":
		args = []string{named, url}
	case runtime.GOOS == "windows":
		args = []string{"rundll32", "url.dll,FileProtocolHandler", url}
	case runtime.GOOS == "darwin":
		args = []string{"open", url}
	default:
		args = []string{"xdg-open", url}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return errors.New("no browser found")
	}
	cmd := exec.Command(path, args[1:]...) // it outlives this call
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
