package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestASecondOpenerIsToldWhoHasTheState(t *testing.T) {
	s := openNew(t)
	_, err := Open(t.Context(), s.Path(), Options{Tenant: "acme"})
	e, ok := errors.AsType[*LockedError](err)
	host, _ := os.Hostname()
	if !ok || !errors.Is(err, ErrLocked) || e.Holder.PID != os.Getpid() || e.Holder.Host != host || e.Holder.Program != "migrate test" {
		t.Fatalf("%+v", err)
	}
	if time.Since(e.Holder.Start) > time.Minute || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), "--state") {
		t.Errorf("%v", err)
	}
	s.Close()
	openAt(t, s.Path())
}

func TestTheLockFileIsForItsOwner(t *testing.T) {
	s := openNew(t)
	if err := s.Serve(nil); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(lockPath(s.Path()))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	b, err := os.ReadFile(lockPath(s.Path()))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"pid", "host", "start", "addr", "key"} {
		if m[key] == nil {
			t.Errorf("%s is missing in %s", key, b)
		}
	}
	if !strings.HasPrefix(m["addr"].(string), "127.0.0.1:") || len(m["key"].(string)) < 20 {
		t.Errorf("%s", b)
	}
	e := &LockedError{Path: "p", Holder: s.lock.content.Holder}
	if strings.Contains(fmt.Sprintf("%v %+v", e, e.Holder), m["key"].(string)) {
		t.Error("the key is printed")
	}
}

func TestALockFileThatIsLeftOverIsTakenOver(t *testing.T) {
	for name, content := range map[string]string{
		"of a dead process": `{"pid":999999,"host":"elsewhere","start":"2026-01-02T03:04:05Z","addr":"127.0.0.1:1","key":"k"}`,
		"empty":             "", "torn": `{"pid":12`, "long": strings.Repeat("x", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if err := os.WriteFile(lockPath(path), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			s := openAt(t, path)
			c, held := holding(path)
			if !held || c.PID != os.Getpid() {
				t.Errorf("%+v, %v", c, held)
			}
			s.Close()
		})
	}
}

func TestAHolderThatIsWritingItsNameIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state.db")
		f, err := os.OpenFile(lockPath(path), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := tryLock(f); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = Open(t.Context(), path, Options{Tenant: "acme"})
		if e, ok := errors.AsType[*LockedError](err); !ok || e.Holder.PID != 0 || time.Since(start) < 500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.AfterFunc(100*time.Millisecond, func() { _, _ = f.WriteAt([]byte(`{"pid":7,"host":"h"}`), 0) })
		_, err = Open(t.Context(), path, Options{Tenant: "acme"})
		if e, ok := errors.AsType[*LockedError](err); !ok || e.Holder.PID != 7 {
			t.Errorf("%v", err)
		}
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if _, err = Open(ctx, path, Options{Tenant: "acme"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestAFailedOpenLeavesNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte("not a state"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(t.Context(), path, Options{Tenant: "acme"}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
	}
	if _, err := os.Stat(lockPath(path)); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "state.db"), Options{Tenant: "acme"}); !os.IsNotExist(errors.Unwrap(err)) {
		t.Errorf("%v", err)
	}
}
