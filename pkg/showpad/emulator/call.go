package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call is a request on its way through the server, whatever it came by.
type call struct {
	ctx    context.Context
	method string
	url    *url.URL // path and query as they were sent
	host   string
	scheme string
	remote string // host:port of the caller; "" in memory
	header http.Header

	length  int64 // of the body; -1: not told
	chunked bool
	src     io.Reader // the body as it comes
	body    []byte    // the body of an API call once it has been read

	params  map[string]string // from the path
	caller  *token
	early   bool      // the answer does not depend on the body
	dry     bool      // an operation stops before its commit
	commits bool      // it has reached its commit
	done    bool      // it has changed something
	isLate  bool      // it is executed late, by another request
	due     time.Time // when that should have been

	whole func() *answer // takes in a large body; an answer ends the call. nil: the body is read
	form  *received      // of an upload into My Files, once it has been read

	// For uploads, set by faults.
	stopAfter int64         // reset after so many bytes; -1: no
	late      time.Duration // commit so much later; 0: at once
	outcome   *Fault        // processing fails or is stuck
}

// at is the moment at which the operation takes place: now, or when it was due.
// What it makes is listed from then on, although a later request had to find it.
func (c *call) at(now time.Time) time.Time {
	if c.isLate && c.due.Before(now) {
		return c.due
	}
	return now
}

// commit says whether the operation may change the state now. It is called by
// every operation that writes, after all of its checks.
func (c *call) commit() bool {
	c.commits = true
	return !c.dry
}

// readBody reads the body of an API call, which is small, into memory.
func (c *call) readBody() error {
	if c.body != nil || c.src == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(c.src, maxBody+1))
	if err != nil {
		return err
	}
	c.body = b
	return nil
}

// maxBody is the largest body of an API call, in bytes. Source: ASSUME.
const maxBody = 1 << 20

// drain reads what is left of the body, up to a limit, so that a caller that
// writes first and reads later gets to see an early answer. One that waits for
// "100 Continue" sends nothing before that.
func (c *call) drain() {
	c.early = true
	if c.src == nil || strings.EqualFold(c.header.Get("Expect"), "100-continue") {
		return
	}
	io.Copy(io.Discard, io.LimitReader(c.src, 16<<20)) // the answer matters, not what is left of the body
}

// answer is what goes back, or the lack of it.
type answer struct {
	status int
	header http.Header // nil: none besides the content type
	ctype  string
	value  any    // written as JSON
	body   []byte // when value is nil

	open func() (io.ReadCloser, error) // the bytes of a version, instead of body
	size int64                         // of what is sent, in bytes; finish sets it for a body

	abort abort         // the connection breaks instead
	cutAt int64         // >0: break the connection after so many bytes of the body
	slow  time.Duration // >0: the body comes in eighths, so long apart
}

// abort is how a connection ends without an answer.
type abort int

const (
	abortNone  abort = iota
	abortReset       // before the work was done
	abortLost        // after it
)

func jsonAnswer(status int, v any) answer {
	return answer{status: status, ctype: "application/json", value: v}
}

func noContent() answer { return answer{status: http.StatusNoContent} }

// finish turns the value into bytes; it needs no lock.
func (a *answer) finish() {
	if a.value == nil {
		if a.open == nil && a.size == 0 {
			a.size = int64(len(a.body))
		}
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a.value); err != nil {
		panic("emulator: an answer that is no JSON: " + err.Error()) // our own types only
	}
	a.body, a.value = bytes.TrimRight(b.Bytes(), "\n"), nil
	a.size = int64(len(a.body))
}

// content opens what is sent.
func (a *answer) content() (io.ReadCloser, error) {
	if a.open != nil {
		return a.open()
	}
	return io.NopCloser(bytes.NewReader(a.body)), nil
}

func (a *answer) set(name, value string) {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(name, value)
}

// wait ends after d or with the call's context.
func (c *call) wait(d time.Duration) error {
	if d <= 0 {
		return c.ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}
