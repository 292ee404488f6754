package rclone

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is the tests, or one of the programs that they run: see fakeProgram.
func TestMain(m *testing.M) {
	if mode := os.Getenv("FAKE_RCLONE"); mode != "" {
		fakeProgram(mode)
		return
	}
	goleak.VerifyTestMain(m)
}
