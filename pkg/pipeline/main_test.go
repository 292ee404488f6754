package pipeline_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes this binary the service of the benchmarks, too, when it is
// started as such.
func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		if err := serveEmulator(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
