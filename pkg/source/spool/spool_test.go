package spool

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/source"
)

func newSpool(t *testing.T, limit int64) *Spool {
	t.Helper()
	s, err := Open(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *Spool, text string, hint int64) *File {
	t.Helper()
	f, err := s.Put(t.Context(), "a", strings.NewReader(text), hint)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, f *File) string {
	t.Helper()
	r := f.Open()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestWhatIsPutIsRead(t *testing.T) {
	s := newSpool(t, 1<<20)
	large := strings.Repeat("0123456789", 70_000) // several buffers
	for _, text := range []string{"", "x", large} {
		for _, hint := range []int64{-1, 0, int64(len(text)), int64(len(text)) + 7} {
			f := put(t, s, text, hint)
			if sum := md5.Sum([]byte(text)); f.Size != int64(len(text)) || !bytes.Equal(f.MD5, sum[:]) {
				t.Errorf("%d bytes, hint %d: size %d, MD5 %x", len(text), hint, f.Size, f.MD5)
			}
			if s.room.used != f.Size || s.room.files != 1 {
				t.Errorf("hint %d: %d bytes in %d files are taken, want %d in 1", hint, s.room.used, s.room.files, f.Size)
			}
			for range 2 {
				if read(t, f) != text {
					t.Errorf("hint %d: other bytes are read", hint)
				}
			}
			f.Release()
			f.Release()
			if s.room.used != 0 || s.room.files != 0 {
				t.Errorf("hint %d: %d bytes in %d files stay taken", hint, s.room.used, s.room.files)
			}
		}
	}
}

func TestReadersAreIndependentAndOutliveTheRelease(t *testing.T) {
	s := newSpool(t, 10)
	f := put(t, s, "abcdef", 6)
	a, b := f.Open(), f.Open()
	two := make([]byte, 2)
	if _, err := io.ReadFull(a, two); err != nil || string(two) != "ab" {
		t.Errorf("%q, %v", two, err)
	}
	f.Release()
	if _, err := io.ReadAll(f.Open()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after the release: %v", err)
	}
	if rest, err := io.ReadAll(a); err != nil || string(rest) != "cdef" {
		t.Errorf("%q, %v", rest, err)
	}
	a.Close()
	a.Close() // counts once
	if all, err := io.ReadAll(b); err != nil || string(all) != "abcdef" || s.room.used != 6 {
		t.Errorf("%q, %v; %d bytes are taken", all, err, s.room.used)
	}
	b.Close()
	if s.room.used != 0 {
		t.Errorf("%d bytes stay taken", s.room.used)
	}
}

func TestPutWaitsForRoomInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpool(t, 10)
		first := put(t, s, "1234567", 7)
		var mu sync.Mutex
		var order []string
		files := map[string]*File{}
		var wg sync.WaitGroup
		later := func(text string, hint int64) {
			wg.Go(func() {
				f, err := s.Put(t.Context(), text, strings.NewReader(text), hint)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, text)
				files[text] = f
			})
			synctest.Wait()
		}
		later("abcdefgh", 8)
		later("ij", 2) // there is room for it, but it is not its turn
		if len(order) != 0 {
			t.Errorf("%q came in", order)
		}
		first.Release()
		wg.Wait()
		if len(order) != 2 || s.room.used != 10 {
			t.Errorf("%q came in, %d bytes are taken", order, s.room.used)
		}
		for _, f := range files {
			f.Release()
		}
	})
}

// Two files of unknown size that hold a part each would wait for each other.
func TestFilesOfUnknownSizeGrowOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpool(t, 10)
		var wg sync.WaitGroup
		for _, text := range []string{"abcdefgh", "ijklmnop", "qrstuvwx"} {
			wg.Go(func() {
				f, err := s.Put(t.Context(), text, iotest.OneByteReader(strings.NewReader(text)), -1)
				if err != nil {
					t.Error(err)
					return
				}
				<-time.After(time.Second) // it is sent meanwhile
				if got := read(t, f); got != text {
					t.Errorf("%q, want %q", got, text)
				}
				f.Release()
			})
		}
		wg.Wait()
		if s.room.used != 0 || s.room.files != 0 {
			t.Errorf("%d bytes in %d files stay taken", s.room.used, s.room.files)
		}
	})
}

// What grows goes before those who have not begun: they may need all the room.
func TestAFileThatGrowsGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpool(t, 10)
		held := put(t, s, "1234", 4)
		r, w := io.Pipe()
		var order []string
		var wg sync.WaitGroup
		wg.Go(func() {
			f, err := s.Put(t.Context(), "growing", r, -1)
			if err != nil {
				t.Error(err)
				return
			}
			order = append(order, "growing")
			<-time.After(time.Second)
			f.Release()
		})
		_, _ = io.WriteString(w, "abcd")
		synctest.Wait()
		wg.Go(func() {
			f, err := s.Put(t.Context(), "whole", strings.NewReader("0123456789"), 10)
			if err != nil {
				t.Error(err)
				return
			}
			order = append(order, "whole")
			f.Release()
		})
		synctest.Wait()
		wg.Go(func() {
			_, _ = io.WriteString(w, "efgh")
			w.Close()
		})
		synctest.Wait()
		held.Release()
		wg.Wait()
		if strings.Join(order, " ") != "growing whole" {
			t.Errorf("%q", order)
		}
	})
}

func TestTooManyFilesAtOnceWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpool(t, 10)
		s.room.maxFiles = 1
		f := put(t, s, "a", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Put(ctx, "b", strings.NewReader("b"), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		f.Release()
		put(t, s, "b", 1).Release()
	})
}

func TestWaitingEndsWithTheContextAndWithTheSpool(t *testing.T) {
	for _, hint := range []int64{8, -1} {
		synctest.Test(t, func(t *testing.T) {
			s := newSpool(t, 10)
			held := put(t, s, "1234567", 7)
			why := errors.New("stopped by hand")
			ctx, cancel := context.WithCancelCause(t.Context())
			errs := make(chan error)
			go func() {
				_, err := s.Put(ctx, "b", strings.NewReader("abcdefgh"), hint)
				errs <- err
			}()
			synctest.Wait()
			cancel(why)
			if err := <-errs; err != why {
				t.Errorf("hint %d: %v, want the context's cause as it is", hint, err)
			}
			if s.room.used != 7 || s.room.files != 1 || s.room.waiting.Len() != 0 {
				t.Errorf("hint %d: %d bytes in %d files are taken, and %d wait", hint, s.room.used, s.room.files, s.room.waiting.Len())
			}
			go func() {
				_, err := s.Put(t.Context(), "b", strings.NewReader("abcdefgh"), hint)
				errs <- err
			}()
			synctest.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := <-errs; !errors.Is(err, errClosed) {
				t.Errorf("hint %d: %v", hint, err)
			}
			if _, err := io.ReadAll(held.Open()); !errors.Is(err, os.ErrClosed) {
				t.Errorf("a file of a closed spool: %v", err)
			}
			held.Release()
			if _, err := s.Put(t.Context(), "c", strings.NewReader("c"), 1); !errors.Is(err, errClosed) {
				t.Errorf("put into a closed spool: %v", err)
			}
		})
	}
}

func TestAFileLargerThanTheSpoolIsRefused(t *testing.T) {
	s := newSpool(t, 10)
	for _, hint := range []int64{11, -1, 3} {
		_, err := s.Put(t.Context(), "sp:deck.pptx", strings.NewReader("0123456789!"), hint)
		e, ok := errors.AsType[*source.Error](err)
		if !ok || !errors.Is(err, ErrTooLarge) || e.Path != "sp:deck.pptx" || !strings.Contains(err.Error(), "10 B") || !strings.Contains(e.Hint, "--spool-size") {
			t.Errorf("hint %d: %v", hint, err)
		}
		if s.room.used != 0 || s.room.files != 0 {
			t.Errorf("hint %d: %d bytes in %d files stay taken", hint, s.room.used, s.room.files)
		}
	}
	put(t, s, "0123456789", -1).Release()
}

func TestMoreThanAnnouncedTakesWhatIsFreeAndDoesNotWait(t *testing.T) {
	s := newSpool(t, 10)
	put(t, s, "abcde", 2).Release()
	held := put(t, s, "1234567", 7)
	defer held.Release()
	if _, err := s.Put(t.Context(), "a", strings.NewReader("abcde"), 2); !errors.Is(err, ErrGrew) {
		t.Errorf("%v", err)
	}
	if s.room.used != 7 || s.room.files != 1 {
		t.Errorf("%d bytes in %d files are taken", s.room.used, s.room.files)
	}
}

func TestAnErrorOfTheReaderIsReturnedAsItIs(t *testing.T) {
	s := newSpool(t, 10)
	boom := &source.Error{Op: "read", Path: "a", Err: source.ErrChanged}
	_, err := s.Put(t.Context(), "a", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(boom)), 5)
	if err != boom || s.room.used != 0 || len(s.files) != 0 {
		t.Errorf("%v; %d bytes stay taken", err, s.room.used)
	}
}

func TestFilesAreTheUsersAloneAndLeaveNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "manifest.spool")
	s, err := Open(dir, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is there before a file is")
	}
	f := put(t, s, "secret", 6)
	if runtime.GOOS != "windows" {
		st, err := f.file.Stat()
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("file: %v, %v", st.Mode(), err)
		}
		if st, err = os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("folder: %v, %v", st.Mode(), err)
		}
		// A process that is killed now leaves the folder, and nothing in it.
		if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
			t.Errorf("%v, %v", names, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	f.Release()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is still there")
	}
}

func TestWhatACrashLeftIsRemovedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"migrate-123.spool", "notes.txt", "migrate-notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, 10)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", 1).Release()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}

// TestTwoSpoolsInOneFolder: the one that made the folder takes it away when it is
// closed, and the other one goes on.
func TestTwoSpoolsInOneFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	var spools []*Spool
	for range 2 {
		s, err := Open(dir, 100)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		spools = append(spools, s)
		f, err := s.Put(t.Context(), "a", strings.NewReader("text"), 4)
		if err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	if err := spools[0].Close(); err != nil {
		t.Fatal(err)
	}
	f, err := spools[1].Put(t.Context(), "b", strings.NewReader("text"), 4)
	if err != nil {
		t.Fatal(err)
	}
	f.Release()
}

func TestAFolderThatCannotBeMadeIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(file, "spool"), 10)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Put(t.Context(), "a", strings.NewReader("a"), 1)
	if e, ok := errors.AsType[*source.Error](err); !ok || !strings.Contains(e.Hint, "--spool-dir") || s.room.files != 0 {
		t.Errorf("%v", err)
	}
}

func TestTheDefaultLimitFollowsTheFreeSpace(t *testing.T) {
	dir := t.TempDir()
	free, ok := FreeSpace(dir)
	if !ok {
		t.Fatal("the free space is not known")
	}
	s, err := Open(filepath.Join(dir, "not", "there", "yet"), 0)
	if err != nil || s.Limit() <= 0 || s.Limit() > min(MaxLimit, free/9) {
		t.Errorf("%d of %d free, %v", s.Limit(), free, err)
	}
	if _, err := Open(dir, -1); err == nil {
		t.Error("a negative limit is taken")
	}
}
