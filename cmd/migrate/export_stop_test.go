package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// stalled is a tenant whose nth download stops in the middle of the bytes.
type stalled struct {
	*emulator.Server
	mu      sync.Mutex
	nth     int // counts down; below 0: no more
	reached chan struct{}
}

func (s *stalled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.URL.RawQuery, "X-Amz-Signature=") {
		s.mu.Lock()
		s.nth--
		stop := s.nth == 0
		s.mu.Unlock()
		if stop {
			// More than what lies between two sockets: some of it is on the disk then.
			w.Header().Set("Content-Length", "1000000000")
			for range 32 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
			close(s.reached)
			<-r.Context().Done()
			return
		}
	}
	s.Server.ServeHTTP(w, r)
}

// TestAnExportThatIsStopped is killed, or interrupted, in the middle of a file: the
// files before it are whole, that one is not there, and the next export fetches it and
// those that follow, and nothing twice.
func TestAnExportThatIsStopped(t *testing.T) {
	for _, how := range []string{"killed", "interrupted"} {
		t.Run(how, func(t *testing.T) {
			server, err := emulator.New(emulator.Options{KeepBytes: true})
			if err != nil {
				t.Fatal(err)
			}
			stock(t, server, 20)
			const nth = 5
			s := &stalled{Server: server, nth: nth, reached: make(chan struct{})}
			web := httptest.NewServer(s)
			t.Cleanup(func() {
				web.Close()
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			})
			vars := map[string]string{
				"SHOWPAD_API_URL": web.URL + "/v4", "SHOWPAD_V3_URL": web.URL + "/api/v3",
				"SHOWPAD_SUBDOMAIN": emulator.DefaultSubdomain, "SHOWPAD_TOKEN": emulator.DefaultToken,
			}
			write(t, nil)
			if how == "killed" {
				kill(t, vars, s.reached, "export", "copy", "--downloads", "1")
			} else {
				p := newProcess(vars)
				code := make(chan int, 1)
				go func() { code <- p.run(t, "export", "copy", "--downloads", "1") }()
				<-s.reached
				p.signals <- os.Interrupt
				if c := <-code; c != exitInterrupted || !strings.Contains(p.err.String(), "run again to continue") {
					t.Fatalf("exit code %d\n%s", c, p.err)
				}
				if parts := below(t, "copy/.migrate-export/parts"); len(parts) > 0 {
					t.Errorf("left behind: %v", parts)
				}
			}
			if files := below(t, "copy/files"); len(files) != nth-1 {
				t.Errorf("%d files are there, want %d: %v", len(files), nth-1, files)
			}
			if _, err := os.Stat("copy/manifest.yaml"); err == nil {
				t.Error("there is a manifest already")
			}
			server.ResetBooks()
			expect(t, vars, exitOK, "export", "copy")
			files := below(t, "copy/files")
			if got := server.Books().Requests["get"]; got != len(files)-(nth-1) {
				t.Errorf("%d files fetched of %d", got, len(files))
			}
			expect(t, vars, exitOK, "lint", "copy/manifest.yaml")
		})
	}
}

// kill runs the program as a process of its own, and kills it when reached is closed.
func kill(t *testing.T, vars map[string]string, reached <-chan struct{}, args ...string) {
	t.Helper()
	cmd := exec.Command("migrate", args...)
	cmd.Env = os.Environ()
	for k, v := range vars {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-reached:
	case err := <-ended:
		t.Fatalf("it ended by itself: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// below are the files below a folder, but for empty ones.
func below(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > 0 {
			files = append(files, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}
