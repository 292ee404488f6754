package rclone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// maxOdd is how many files of another size than listed are remembered.
const maxOdd = 10_000

// oddSizes remembers files of which other bytes came than are listed.
type oddSizes struct {
	mu sync.Mutex
	m  map[string]source.Info // as listed, by path
}

func (o *oddSizes) note(p string, i source.Info) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.m == nil || len(o.m) >= maxOdd {
		o.m = map[string]source.Info{} // each costs another reading
	}
	o.m[p] = i
}

// has reports whether the file at a path is one of them, and listed as it was then.
func (o *oddSizes) has(p string, i source.Info) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, ok := o.m[p]
	return ok && was.Same(i)
}

// whole reads a file to the disk whose remote lists another size than it delivers:
// the remote control promises the listed size and breaks off there, and rclone's
// command cat does not. That the bytes are all is known from the far end's own
// answer: OneDrive and SharePoint answer over HTTP, and rclone's command fails
// when a body ends early. The caller releases.
//
// Source: https://rclone.org/onedrive/ ("Unexpected file size/hash differences on
// Sharepoint"); how the command ends was tried with v1.60.
func (s *Source) whole(ctx context.Context, name, p string, i source.Info) (*spooled, error) {
	f, err := s.fill(ctx, name, p, i.Size)
	if errors.Is(err, spool.ErrGrew) { // wait for the room
		f, err = s.fill(ctx, name, p, source.UnknownSize)
	}
	if err != nil {
		return nil, err
	}
	r := s.newReader(ctx, name, p, i)
	switch err = r.unchanged(); {
	case err == nil && f.Size == 0:
		err = r.changed(fmt.Sprintf("%d bytes are listed, and none came", i.Size))
	case err == nil:
		return &spooled{f, i}, nil
	}
	f.Release()
	return nil, err
}

func (s *Source) fill(ctx context.Context, name, p string, size int64) (*spool.File, error) {
	r, err := s.rc.cat(ctx, s.address(p))
	if err != nil {
		return nil, s.failure(ctx, "read", name, err)
	}
	f, err := s.rc.spool.Put(ctx, name, r, size)
	r.Close()
	if _, ok := errors.AsType[*failure](err); ok {
		err = s.failure(ctx, "read", name, err)
	}
	return f, err
}

// address is a file as a command of rclone has it.
func (s *Source) address(p string) string {
	at := s.fs
	if !strings.HasSuffix(at, ":") && !strings.HasSuffix(at, "/") {
		at += "/"
	}
	return at + s.prefix + p
}

// catArguments make the program write one file to its standard output, all of it
// and nothing else, whatever the user's settings are. By --no-traverse it does not
// list the file's folder for that.
var catArguments = []string{
	"cat", "--no-traverse", "--offset=0", "--count=-1", "--head=0", "--tail=0", "--discard=false", "--progress=false",
	"--use-json-log", "--log-level=NOTICE", "--ask-password=false", "--",
}

// cat runs the program to read one file as the far end delivers it. Reading ends
// with io.EOF when the program did so without an error, else with a *failure or
// the context's. The caller closes.
func (s *server) cat(ctx context.Context, address string) (io.ReadCloser, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(s.path, append(catArguments[:len(catArguments):len(catArguments)], address), s.env, w, s.line)
	w.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("rclone cannot be run: %w", err)
	}
	o := &output{ctx: ctx, s: s, p: p, r: r}
	o.done.Go(func() {
		select {
		case <-ctx.Done():
			p.stop()
		case <-p.ended:
		}
	})
	return o, nil
}

// output is what a command of the program writes.
type output struct {
	ctx  context.Context // of cat: reading is part of what was asked for
	s    *server
	p    *process
	r    *os.File
	done sync.WaitGroup
}

func (o *output) Read(b []byte) (int, error) {
	n, err := o.r.Read(b)
	if n > 0 || err == nil {
		return n, nil
	}
	<-o.p.ended // its output is over, and it is stopped with the context
	switch {
	case o.ctx.Err() != nil:
		return 0, context.Cause(o.ctx)
	case err == io.EOF && o.p.exit == nil:
		return 0, io.EOF
	case err == io.EOF:
		err = o.p.exit
	}
	text := o.s.clean(message(o.p.lastLine()))
	if text == "" {
		text = err.Error()
	}
	return 0, &failure{text: text}
}

// message is the text of a line of the program's log.
func message(line string) string {
	var l struct{ Msg string }
	if json.Unmarshal([]byte(line), &l) == nil && l.Msg != "" {
		return l.Msg
	}
	return line
}

// Close ends the program and waits for it.
func (o *output) Close() error {
	err := o.r.Close()
	o.p.stop()
	o.done.Wait()
	return err
}
