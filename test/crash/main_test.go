//go:build unix

// Package crash_test ends the real program as `kill -9` does, again and again,
// and runs it anew until its work is done. What it demands then is what the
// program promises: exactly one asset for each item, nothing missing, the right
// bytes. The program and the service (`migrate sandbox`) are processes of their
// own; the service loses answers and its lists lag.
package crash_test

import (
	"os"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
