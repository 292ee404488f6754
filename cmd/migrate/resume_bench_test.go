package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// BenchmarkResume is the time from the start of a run, of the whole command, to the
// first bytes of an item that an earlier run began; "opens" is how many times longer
// that is than opening the state alone.
func BenchmarkResume(b *testing.B) {
	for _, rows := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			w := newBegun(b, rows)
			const path = "m.state.db"
			tenant := state.Options{Tenant: "loopback:" + emulator.DefaultSubdomain}
			fill(b, path, tenant, rows)
			w.vars["XDG_CONFIG_HOME"] = filepath.Join(b.TempDir(), "config")
			kept, err := os.ReadFile(path)
			if err != nil {
				b.Fatal(err)
			}
			var resume, open time.Duration
			for b.Loop() {
				b.StopTimer()
				// Without the note, which knows that this is an older copy.
				if err := errors.Join(os.WriteFile(path, kept, 0o600), os.RemoveAll(w.vars["XDG_CONFIG_HOME"])); err != nil {
					b.Fatal(err)
				}
				begin := time.Now()
				st, err := state.Open(b.Context(), path, tenant)
				if err != nil {
					b.Fatal(err)
				}
				open += time.Since(begin)
				if err := st.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				resume += w.timeToPut(b)
			}
			b.ReportMetric(float64(open.Microseconds())/1000/float64(b.N), "open-ms/op")
			b.ReportMetric(float64(resume.Microseconds())/1000/float64(b.N), "put-ms/op")
			b.ReportMetric(float64(resume)/float64(open), "opens")
		})
	}
}

// fill adds records of items that are done, until the state has one for each row.
func fill(b *testing.B, path string, tenant state.Options, rows int) {
	b.Helper()
	st, err := state.Open(b.Context(), path, tenant)
	if err != nil {
		b.Fatal(err)
	}
	writes := make([]state.Write, 0, 1000)
	for i := begunItems; i < rows; i++ {
		rec := state.Record{
			ExternalID: fmt.Sprintf("ID-%07d", i), Op: state.Create, Status: state.Done, Owner: "m", AssetID: fmt.Sprintf("%032x", i), FileID: fmt.Sprintf("%032x", i),
			Source: fmt.Sprintf("f%d.txt", i%begunItems), MD5: fmt.Sprintf("%032x", i), Size: 17, ModTime: 1,
			Fields: map[string]state.Base{"name": {Sent: fmt.Appendf(nil, `"f%d.txt"`, i%begunItems)}, "externalId": {Sent: fmt.Appendf(nil, `"ID-%07d"`, i)}},
			Run:    "20200101T000000Z-0000", CreateRun: "20200101T000000Z-0000", Attempts: 1,
		}
		if writes = append(writes, state.Write{Record: rec}); len(writes) == cap(writes) || i == rows-1 {
			if err := st.Put(b.Context(), writes...); err != nil {
				b.Fatal(err)
			}
			writes = writes[:0]
		}
	}
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
}

// timeToPut is how long a run takes until its first bytes come. It is left then.
func (w *begun) timeToPut(b *testing.B) time.Duration {
	b.Helper()
	select {
	case <-w.put:
	default:
	}
	p := newProcess(w.vars)
	code := make(chan int, 1)
	begin := time.Now()
	go func() { code <- run(b.Context(), []string{"run", "m.yaml"}, p.env); p.err.end() }()
	select {
	case <-w.put:
	case c := <-code:
		b.Fatalf("the run ended with %d before it sent anything:\n%s%s", c, p.out, p.err)
	}
	took := time.Since(begin)
	p.signals <- os.Interrupt
	if _, ok := p.err.await("stopping: "); ok {
		p.signals <- os.Interrupt
	}
	<-code
	return took
}
