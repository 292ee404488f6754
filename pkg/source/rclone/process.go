package rclone

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// stopTimeout is how long the program may take to end by itself.
const stopTimeout = 5 * time.Second

// process is a run of the program. It ends with this process, however that ends:
// see guard.
type process struct {
	url     string        // once listens is closed
	listens chan struct{} // closed when the program says where
	ended   chan struct{} // closed when it is no more
	used    atomic.Bool   // it answered something
	verdict error         // why it is of no use; nil otherwise
	exit    error         // how it ended, once ended is closed; nil for well

	cmd   *exec.Cmd
	guard *guard
	done  sync.WaitGroup

	mu   sync.Mutex
	last string // what it said last
}

// address is where the program says that it listens. Source: its log line
// "Serving remote control on http://127.0.0.1:PORT/", v1.60.
var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startProcess runs the program. line gets each line that it logs; out, unless it
// is nil, is its standard output, and stays the caller's.
func startProcess(path string, args, env []string, out *os.File, line func(string)) (*process, error) {
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, err
	}
	p := &process{listens: make(chan struct{}), ended: make(chan struct{})}
	p.cmd, p.guard, err = guarded(path, args)
	if err != nil {
		return nil, err
	}
	p.cmd.Env = env
	if out != nil {
		p.cmd.Stdout = out
	}
	logs, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	p.done.Go(func() {
		// On Linux the program ends when the thread that started it does: this one
		// stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		if err == nil {
			err = p.guard.started(p.cmd)
			if err != nil {
				_ = p.cmd.Process.Kill()
				_ = p.cmd.Wait()
			}
		}
		started <- err
		if err != nil {
			return
		}
		p.read(logs, line)
		p.guard.close()
		p.exit = p.cmd.Wait()
		close(p.ended)
	})
	if err := <-started; err != nil {
		p.done.Wait()
		p.guard.close()
		return nil, err
	}
	return p, nil
}

// read passes on what the program says until it ends.
func (p *process) read(logs io.Reader, line func(string)) {
	r := bufio.NewReaderSize(logs, 64<<10)
	for {
		b, _, err := r.ReadLine() // longer lines come in parts
		if err != nil {
			return
		}
		text := string(b)
		if p.url == "" {
			if p.url = address.FindString(text); p.url != "" {
				close(p.listens)
			}
		}
		p.mu.Lock()
		p.last = text
		p.mu.Unlock()
		line(text)
	}
}

func (p *process) lastLine() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop ends the program and waits for it.
func (p *process) stop() {
	p.guard.ask(p.cmd)
	t := time.NewTimer(stopTimeout)
	defer t.Stop()
	select {
	case <-p.ended:
	case <-t.C:
		_ = p.cmd.Process.Kill()
	}
	p.done.Wait()
}
