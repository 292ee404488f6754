package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// leftIn are the names in the folder of path.
func leftIn(t testing.TB, path string) string {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func mustBackup(t *testing.T, path, dst string) {
	t.Helper()
	if err := Backup(t.Context(), path, dst); err != nil {
		t.Fatal(err)
	}
}

func TestABackupIsTheState(t *testing.T) {
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "state.db"), filepath.Join(dir, "backup.db")
	goldenState(t, path)
	mustBackup(t, path, dst)
	if d := cmp.Diff(dump(t, path), dump(t, dst)); d != "" {
		t.Error(d)
	}
	if st, err := os.Stat(dst); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if got := leftIn(t, dst); got != "backup.db state.db" {
		t.Errorf("left: %s", got)
	}
	openAt(t, dst)
}

// One of an older schema stays what it is.
func TestABackupIsNotAMigration(t *testing.T) {
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "state.db"), filepath.Join(dir, "backup.db")
	undump(t, golden(t, 1), path)
	mustBackup(t, path, dst)
	if d := cmp.Diff(golden(t, 1), dump(t, dst)); d != "" {
		t.Error(d)
	}
}

func TestABackupOfALiveStateIsOneMomentOfIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	s := openAt(t, path, noSync)
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 2000)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				// A pair in one commit: a copy has both or neither.
				a, b := rec(fmt.Sprintf("a-%d-%d", g, i), Create, Registering), rec(fmt.Sprintf("b-%d-%d", g, i), Create, Done)
				a.Event, b.Event = "made", "made"
				if err := s.Put(context.Background(), a, b); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 5 {
		c, err := s.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dst := filepath.Join(dir, fmt.Sprintf("backup-%d.db", n))
		mustBackup(t, path, dst) // checks its pages, checksums and counts
		r, holder := openReader(t, dst)
		got, err := r.Counts(t.Context())
		if err != nil || holder != nil || got.Total < c.Total || got.Total%2 != 0 {
			t.Errorf("%d records, %v; there were %d before", got.Total, err, c.Total)
		}
		if at := fmt.Sprintf("backup-%d.db ", n); !strings.Contains(leftIn(t, dst)+" ", at) || strings.Contains(leftIn(t, dst), ".backup") {
			t.Errorf("left: %s", leftIn(t, dst))
		}
	}
	cancel()
	wg.Wait()
}

func TestABackupOverwritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	goldenState(t, path)
	before := dump(t, path)
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []string{path, file, link, dir} {
		if err := Backup(t.Context(), path, dst); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), dst) {
			t.Errorf("%s: %v", dst, err)
		}
		if err := publish(path, dst); !errors.Is(err, fs.ErrExist) { // made meanwhile
			t.Errorf("%s: %v", dst, err)
		}
	}
	if b, err := os.ReadFile(file); string(b) != "mine" || err != nil {
		t.Errorf("%s, %v", b, err)
	}
	if d := cmp.Diff(before, dump(t, path)); d != "" {
		t.Error(d)
	}
	if got := leftIn(t, file); got != "link mine.txt" {
		t.Errorf("left: %s", got)
	}
}

func TestABackupThatCannotBeMadeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	dst := filepath.Join(dir, "backup.db")
	if err := Backup(t.Context(), filepath.Join(dir, "none.db"), dst); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none.db") {
		t.Errorf("no state: %v", err)
	}
	if err := Backup(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "no", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	file, _ := sound(t)
	file = bytes.ReplaceAll(file, []byte("yyyyyyyy"), []byte("zzzzzzzz")) // its long record
	broken := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(broken, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), broken, dst); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), broken) {
		t.Errorf("damaged: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Backup(ctx, broken, dst); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if got := leftIn(t, dst); got != "" {
		t.Errorf("left: %s", got)
	}
}

// What the run has open may have been damaged behind its back.
func TestADamagedStateGivesNoBackup(t *testing.T) {
	file, _ := sound(t)
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path)
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.ReplaceAll(file, []byte("yyyyyyyy"), []byte("zzzzzzzz")), 0); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "backup.db")
	err = Backup(t.Context(), path, dst)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), dst) {
		t.Errorf("%v", err)
	}
	if got := leftIn(t, dst); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestAHolderThatDoesNotServeGivesNoBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openNew(t, noSync)
		defer s.Close()
		if err := Backup(t.Context(), s.Path(), filepath.Join(t.TempDir(), "backup.db")); !errors.Is(err, ErrLocked) {
			t.Errorf("%v", err)
		}
	})
}

// The run ends in the middle of handing its copy out: what it handed out does
// not count, and the file is read.
func TestABackupSurvivesTheEndOfTheRun(t *testing.T) {
	dir := t.TempDir()
	path, dst := filepath.Join(dir, "state.db"), filepath.Join(dir, "backup.db")
	s := openAt(t, path)
	fill(t, s, 100)
	asked := 0
	addr := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set(protocolHeader, protocol)
		w.Header().Set("Content-Type", fileType)
		w.Header().Set("Content-Length", "100000000")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})})
	if err := s.lock.serving(addr); err != nil {
		t.Fatal(err)
	}
	mustBackup(t, path, dst)
	if d := cmp.Diff(dump(t, path), dump(t, dst)); d != "" || asked != 1 {
		t.Errorf("asked %d times; %s", asked, d)
	}
}

// slowBody gives a byte every twenty seconds, until its request ends.
type slowBody struct {
	left int
	done <-chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(20 * time.Second):
		b.left--
		return copy(p, "x"), nil
	case <-b.done:
		return 0, context.Canceled
	}
}

func (*slowBody) Close() error { return nil }

func TestACopyMayBeSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(lockContent{Holder: Holder{Addr: "127.0.0.1:1"}})
		c.http.Transport = answering(func(r *http.Request) *http.Response {
			return &http.Response{
				StatusCode: http.StatusOK, Body: &slowBody{10, r.Context().Done()},
				Header: http.Header{protocolHeader: {protocol}, "Content-Type": {fileType}},
			}
		})
		var got bytes.Buffer
		if err := c.backup(t.Context(), &got); err != nil || got.Len() != 10 {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	})
}

type answering func(*http.Request) *http.Response

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// A holder that stands still does not hold up who asks it, nor the other way round.
func TestACopyThatStandsStillEnds(t *testing.T) {
	s := openNew(t, noSync)
	s.giveIdle = 50 * time.Millisecond
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	w := rec("big", Create, Registering)
	w.Record.Source = strings.Repeat("x", 20<<20) // more than a socket takes
	mustPut(t, s, w)

	conn, err := net.Dial("tcp", s.lock.content.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"method":"backup"}`
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", s.lock.content.Key, len(body), body)
	if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	for range 200 { // reads that end by themselves once the holder hung up
		if s.db.Stats().OpenTxN == 0 {
			break
		}
		<-time.After(25 * time.Millisecond)
	}
	if n := s.db.Stats().OpenTxN; n != 0 {
		t.Errorf("%d transactions are open for somebody who does not read", n)
	}

	stop := make(chan struct{})
	defer close(stop)
	addr := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(protocolHeader, protocol)
		w.Header().Set("Content-Type", fileType)
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("x"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})})
	c := newClient(lockContent{Holder: Holder{PID: 7, Host: "here", Addr: addr}})
	defer c.Close()
	c.idle = 50 * time.Millisecond
	if err := c.backup(t.Context(), io.Discard); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "process 7 on here") {
		t.Errorf("%v", err)
	}
}
