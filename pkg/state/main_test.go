package state

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path, round, ok := strings.Cut(os.Getenv(crashEnv), "|"); ok {
		crashChild(path, round)
	}
	goleak.VerifyTestMain(m)
}
