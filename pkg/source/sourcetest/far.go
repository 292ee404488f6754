package sourcetest

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Far stands between a source and an HTTP server that it reads from, as a proxy
// or as a part of the server, and makes that server misbehave. The zero value
// lets everything through.
type Far struct {
	mu sync.Mutex
	do func(r *http.Request, n int) Fault
	n  int
}

// Fault is what becomes of one request. The zero value lets it through; of
// several faults the first one counts.
type Fault struct {
	Refuse bool // the connection breaks before there is an answer
	Hang   bool // there is no answer, until whoever asks goes away
	Status int  // this is the answer, with Header and a short text; the server is not asked
	Header http.Header

	// These are about answers with a body of more than After bytes; others are
	// let through.
	Cut   bool  // the connection breaks after so many bytes
	Stall bool  // nothing comes after so many bytes, until whoever asks goes away
	Short bool  // the answer says that it has only so many bytes, and has no more
	After int64 // bytes of the body that come through

	// Then, when set, is called when the answer hangs or stalls.
	Then func()
}

func (f *Fault) then() {
	if f.Then != nil {
		f.Then()
	}
}

// Do sets what becomes of the requests that follow: do is asked with each one
// and its number from 1, and may be called concurrently. Nil lets all through.
func (f *Far) Do(do func(r *http.Request, n int) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.do, f.n = do, 0
}

// Always is for Do: the same for every request.
func Always(f Fault) func(*http.Request, int) Fault {
	return func(*http.Request, int) Fault { return f }
}

// Once is for Do: the first GET of a path that ends in name.
func Once(name string, f Fault) func(*http.Request, int) Fault {
	var done atomic.Bool
	return func(r *http.Request, _ int) Fault {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, name) && done.CompareAndSwap(false, true) {
			return f
		}
		return Fault{}
	}
}

// Wrap is a handler that passes requests on to h, but for their faults. For a
// server in another process h is a httputil.ReverseProxy that keeps the Host.
func (f *Far) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.n++
		do, n := f.do, f.n
		f.mu.Unlock()
		if do == nil {
			h.ServeHTTP(w, r)
			return
		}
		switch fault := do(r, n); {
		case fault.Refuse:
			panic(http.ErrAbortHandler)
		case fault.Hang:
			fault.then()
			<-r.Context().Done()
		case fault.Status != 0:
			maps.Copy(w.Header(), fault.Header)
			http.Error(w, "as the test wants it", fault.Status)
		case fault.Cut || fault.Stall || fault.Short:
			h.ServeHTTP(&faulty{ResponseWriter: w, r: r, fault: fault}, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// faulty is an answer that goes wrong in its body.
type faulty struct {
	http.ResponseWriter
	r     *http.Request
	fault Fault
	n     int64 // bytes written
	begun bool
	hit   bool // the body is long enough
}

// Unwrap lets a http.ResponseController flush.
func (w *faulty) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *faulty) WriteHeader(status int) {
	if status >= 200 {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *faulty) begin() {
	if w.begun {
		return
	}
	w.begun = true
	size, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	w.hit = err != nil || size > w.fault.After
	if w.fault.Short && w.hit && err == nil && w.r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.FormatInt(w.fault.After, 10))
	}
}

func (w *faulty) Write(b []byte) (int, error) {
	w.begin()
	if !w.hit || w.n+int64(len(b)) <= w.fault.After {
		n, err := w.ResponseWriter.Write(b)
		w.n += int64(n)
		return n, err
	}
	keep := b[:max(w.fault.After-w.n, 0)]
	if len(keep) > 0 {
		if _, err := w.ResponseWriter.Write(keep); err != nil {
			return 0, err
		}
		w.n += int64(len(keep))
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush() // else the bytes before the fault may never leave
	switch {
	case w.fault.Stall:
		w.fault.then()
		<-w.r.Context().Done()
		panic(http.ErrAbortHandler)
	case w.fault.Short:
		return len(b), nil
	}
	panic(http.ErrAbortHandler)
}
