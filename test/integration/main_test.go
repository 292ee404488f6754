//go:build integration && unix

// Package integration_test drives the real binary against `migrate sandbox`, as
// processes of their own that talk over loopback and are killed for real.
package integration_test

import (
	"os"
	"testing"

	"github.com/showpad-migrate/migrate/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
