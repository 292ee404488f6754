package state

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const crashEnv = "STATE_TEST_CRASH"

// crashChild puts records for ever and says each ID once its Put returned.
func crashChild(path, round string) {
	s, err := Open(context.Background(), path, Options{Tenant: "acme"})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				w := rec(fmt.Sprintf("%s-%d-%d", round, g, i), Create, Registering)
				w.Event, w.Record.Source = "step", strings.Repeat("x", i%500)
				if err := s.Queue(context.Background(), w); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				w.Record.Status = Registered
				if err := s.Put(context.Background(), w); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println("put", w.Record.ExternalID)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	r := rand.New(rand.NewPCG(3, 4))
	acknowledged := map[string]bool{}
	const kills = 20
	for round := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashEnv+"="+path+"|"+fmt.Sprint(round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := r.IntN(200) // puts, then a moment of any length
		var timer *time.Timer
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			id, ok := strings.CutPrefix(lines.Text(), "put ")
			if !ok {
				t.Errorf("round %d: %s", round, lines.Text())
				continue
			}
			acknowledged[id] = true
			if n == after {
				timer = time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
		}
		if timer == nil {
			_ = cmd.Process.Kill()
			t.Errorf("round %d ended by itself", round)
		}
		_ = cmd.Wait() // killed
		if t.Failed() {
			return
		}
	}
	s := openAt(t, path)
	ids := make([]string, 0, len(acknowledged))
	for id := range acknowledged {
		ids = append(ids, id)
	}
	got, err := s.Get(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if got[id].Status != Registered {
			t.Errorf("%s was acknowledged and is %q", id, got[id].Status)
		}
		if ev, err := s.Events(t.Context(), id); err != nil || len(ev) != 2 {
			t.Errorf("%s has events %v, %v", id, ev, err)
		}
	}
	t.Logf("%d records acknowledged in %d lives", len(ids), kills)
}
