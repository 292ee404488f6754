package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// configDir is the configuration folder of calls within this process.
var configDir string

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"migrate": migrate, "visit": visitor})
}

// leakChecked are the tests of this package, which leave no goroutine behind.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	var err error
	if configDir, err = os.MkdirTemp("", "migrate-config-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(configDir)
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// exitLeak is no code of the program.
const exitLeak = 99

// migrate is main, but for an end that no script expects when goroutines are left.
func migrate() {
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	code := run(context.Background(), os.Args[1:], processEnv(signals))
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = exitLeak
	}
	os.Exit(code)
}

// visitor is a browser whose person agrees at once: it opens the address that it is
// given and goes where it is sent.
func visitor() {
	if err := visit(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func visit(address string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(address)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
