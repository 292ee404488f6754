package state

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// children are what the test's binary does as a process of its own: by the
// variable that has its argument.
var children = map[string]func(arg string){
	crashEnv: func(arg string) {
		path, round, _ := strings.Cut(arg, "|")
		crashChild(path, round)
	},
}

func TestMain(m *testing.M) {
	for name, child := range children {
		if arg := os.Getenv(name); arg != "" {
			child(arg)
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}
