//go:build unix && !linux

package rclone

import (
	"io"
	"os/exec"
	"sync"
)

// guard makes the program end with this process: a shell waits for the end of
// its input, which comes when this process ends, and ends the program then.
type guard struct{ input io.Closer }

func guarded(path string, args []string) (*exec.Cmd, *guard, error) {
	cmd := shell(path, args)
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, &guard{input: closeOnce{input, &sync.Once{}}}, nil
}

type closeOnce struct {
	io.Closer
	once *sync.Once
}

func (c closeOnce) Close() (err error) { c.once.Do(func() { err = c.Closer.Close() }); return err }

func (*guard) started(*exec.Cmd) error { return nil }
func (g *guard) ask(*exec.Cmd)         { _ = g.input.Close() }
func (g *guard) close()                { _ = g.input.Close() }
