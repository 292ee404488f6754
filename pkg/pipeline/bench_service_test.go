package pipeline_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// serveVariable turns the test binary into a service; its value is the latency.
const serveVariable = "MIGRATE_TEST_SERVE"

// profileVariable names a folder in which each service leaves a profile of where
// its processor time went.
const profileVariable = "MIGRATE_TEST_SERVE_PROFILE"

// serveEmulator serves an empty tenant on loopback: it writes its address as a
// line, and ends with its input.
func serveEmulator(in io.Reader, out io.Writer) error {
	latency, err := time.ParseDuration(os.Getenv(serveVariable))
	if err != nil {
		return err
	}
	if dir := os.Getenv(profileVariable); dir != "" {
		f, err := os.CreateTemp(dir, "service-*.cpu")
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	s, err := emulator.New(emulator.Options{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: late(latency, s)}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	if _, err := fmt.Fprintf(out, "http://%s\n", l.Addr()); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if err := errors.Join(srv.Close(), s.Close()); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// late answers every request d later.
func late(d time.Duration, h http.Handler) http.Handler {
	if d == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// service starts an empty tenant in a process of its own, so that neither its
// memory nor its garbage counts as ours. It returns its address, and what ends it.
func service(b *testing.B, latency time.Duration) (url string, stop func() serviceEnd) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self)
	cmd.Env = append(os.Environ(), serveVariable+"="+latency.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line), func() serviceEnd {
		end := serviceEnd{at: time.Now(), ours: cpuTime()}
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			b.Error(err)
		}
		end.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		return end
	}
}

// serviceEnd is when a service was told to end, what this process had used of the
// processor until then, and what the service used in its whole life.
type serviceEnd struct {
	at        time.Time
	ours, cpu time.Duration
}
