package pipeline_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

const (
	inFlight = 32      // API requests, and uploads
	fileSize = 4 << 10 // bytes
)

// sizes are the numbers of items to measure with: l, and a hundred thousand and a
// million, which take minutes, when -bench names them ("100k", "1000k").
func sizes(l ...int) []int {
	for _, n := range []int{100_000, 1_000_000} {
		if f := flag.Lookup("test.bench"); f != nil && strings.Contains(f.Value.String(), "/"+sizeName(n)) {
			l = append(l, n)
		}
	}
	return l
}

func sizeName(n int) string { return strconv.Itoa(n/1000) + "k" }

// BenchmarkDecide is the decision alone: what a plan costs once all is known.
func BenchmarkDecide(b *testing.B) {
	item := itemOf(7)
	base := pipeline.Facts{
		Start: time.Now(), Owner: "bench", Rules: updateRules, RemoteRead: true, Refs: pipeline.Refs{DivisionID: emulator.DivisionMarketing, Languages: []string{"en"}},
	}
	base.Info, _ = generated{}.Stat(b.Context(), pathOf(7))
	rec := func(description string) *state.Record {
		return &state.Record{
			ExternalID: item.ExternalID, Op: state.Create, Status: state.Done, Owner: "bench", AssetID: "a7", Size: fileSize, ModTime: base.Info.ModTime.UnixNano(),
			MD5: "0123456789abcdef0123456789abcdef",
			Fields: map[string]state.Base{
				"description": {Sent: []byte(strconv.Quote(description))}, "languages": {Sent: []byte(`["en"]`)},
				"name": {Sent: []byte(strconv.Quote(pathOf(7)))}, "externalId": {Sent: []byte(strconv.Quote(item.ExternalID))},
			},
		}
	}
	known := showpad.Asset{ID: "a7", ExternalID: item.ExternalID, Status: showpad.StatusActive, Checksum: "0123456789abcdef0123456789abcdef", Size: new(int64(fileSize))}
	known.Division.ID = emulator.DivisionMarketing
	known.Raw = showpad.ObjectOf(map[string]json.RawMessage{
		"description": []byte(`"before"`), "languages": []byte(`[{"code":"en"}]`), "name": []byte(strconv.Quote(pathOf(7))), "externalId": []byte(strconv.Quote(item.ExternalID)),
	})
	fresh, done, moved := base, base, base
	done.Record = rec(descriptionOf(7))
	moved.Record, moved.Remote = rec("before"), []showpad.Asset{known}
	for _, c := range []struct {
		want  pipeline.Action
		facts pipeline.Facts
	}{{pipeline.ActionCreate, fresh}, {pipeline.ActionUnchanged, done}, {pipeline.ActionUpdate, moved}} {
		b.Run(string(c.want), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := pipeline.Decide(&item, &c.facts); d.Row.Action != c.want {
					b.Fatalf("%s (%s), want %s", d.Row.Action, d.Row.Detail, c.want)
				}
			}
		})
	}
}

// BenchmarkPlan plans against a service in memory: a library that is all new,
// and one that is all there.
func BenchmarkPlan(b *testing.B) {
	for _, n := range sizes(1_000, 10_000) {
		b.Run("new/"+sizeName(n), func(b *testing.B) { benchmarkPlan(b, n, pipeline.ActionCreate) })
		b.Run("done/"+sizeName(n), func(b *testing.B) { benchmarkPlan(b, n, pipeline.ActionUnchanged) })
	}
}

func benchmarkPlan(b *testing.B, n int, want pipeline.Action) {
	tenant, err := emulator.New(emulator.Options{})
	if err != nil {
		b.Fatal(err)
	}
	v4, v3 := tenant.URLs()
	client, err := showpad.New(showpad.Config{
		APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken), Base: tenant, Storage: tenant, Gate: showpad.NewGate(inFlight),
	})
	if err != nil {
		b.Fatal(err)
	}
	st := openState(b, filepath.Join(b.TempDir(), "plan.state.db"), true)
	in := benchInput(n, client, st)
	if want == pipeline.ActionUnchanged {
		out, err := pipeline.Run(b.Context(), pipeline.RunInput{Input: in, Store: st, ID: "run-1"})
		if err != nil || out.Code != 0 {
			b.Fatalf("run: %s, %v, %v", out.Sentence, out.Err, err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := pipeline.Plan(b.Context(), in, func(pipeline.Row) error { return nil })
		if err != nil || s.Actions[want] != n {
			b.Fatalf("%v, %v", s, err)
		}
	}
	perItem(b, n)
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRun is a whole run against a service behind loopback HTTP, with a
// durable state. Beside it, in the same process and turn about, go the bare
// calls: bare-ratio is their time divided by the run's, 1 when all that a run does beyond
// them costs nothing. cpu-ratio is the same of the processor time of both
// processes, which other work on the machine hardly moves; us/item and
// service-us/item are ours of the run, bare- those of the bare calls.
func BenchmarkRun(b *testing.B) {
	for _, n := range sizes(1_000, 3_000, 10_000) {
		b.Run(sizeName(n), func(b *testing.B) { benchmarkRun(b, n, 0) })
	}
}

// BenchmarkRunLatency is [BenchmarkRun] with a service that takes 50 ms for
// every answer, as one that is far away.
func BenchmarkRunLatency(b *testing.B) {
	for _, n := range sizes(1_000, 3_000, 10_000) {
		b.Run(sizeName(n), func(b *testing.B) { benchmarkRun(b, n, 50*time.Millisecond) })
	}
}

func benchmarkRun(b *testing.B, n int, latency time.Duration) {
	b.ReportAllocs()
	var bareCost, runCost cost
	peak := 0.0
	for b.Loop() {
		b.StopTimer()
		url, stop := service(b, latency)
		calls := newBare(b, url)
		done := measure(&bareCost)
		if err := calls.move(b.Context(), n); err != nil {
			b.Fatal(err)
		}
		done(stop())

		url, stop = service(b, latency)
		api, storage := transports(b)
		client, err := showpad.New(showpad.Config{
			APIURL: url + "/v4", V3URL: url + "/api/v3", Token: showpad.StaticToken(emulator.DefaultToken), Base: api, Storage: storage, Gate: showpad.NewGate(inFlight),
		})
		if err != nil {
			b.Fatal(err)
		}
		st := openState(b, filepath.Join(b.TempDir(), "run.state.db"), false)
		in := benchInput(n, client, st)
		memory := watchMemory()
		done = measure(&runCost)
		b.StartTimer()
		out, err := pipeline.Run(b.Context(), pipeline.RunInput{Input: in, Store: st, ID: "run-1"})
		b.StopTimer()
		done(stop())
		peak = max(peak, memory())
		if err != nil || out.Code != 0 || out.Status["done"] != n {
			b.Fatalf("run: %s, %v, %v", out.Sentence, out.Err, err)
		}
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	items := float64(b.N) * float64(n)
	b.ReportMetric(items/runCost.wall.Seconds(), "items/s")
	b.ReportMetric(items/bareCost.wall.Seconds(), "bare-items/s")
	b.ReportMetric(bareCost.wall.Seconds()/runCost.wall.Seconds(), "bare-ratio")
	b.ReportMetric(peak, "peak-MB")
	if runCost.ours > 0 {
		b.ReportMetric((bareCost.ours+bareCost.service).Seconds()/(runCost.ours+runCost.service).Seconds(), "cpu-ratio")
		b.ReportMetric(runCost.ours.Seconds()*1e6/items, "us/item")
		b.ReportMetric(runCost.service.Seconds()*1e6/items, "service-us/item")
		b.ReportMetric(bareCost.ours.Seconds()*1e6/items, "bare-us/item")
		b.ReportMetric(bareCost.service.Seconds()*1e6/items, "bare-service-us/item")
	}
}

// cost is what runs took: on the clock, and of the processors here and in the
// service.
type cost struct{ wall, ours, service time.Duration }

// measure adds to c what happens until done is called, and what the service took
// in its life. The clock stands when stop is called, before done.
func measure(c *cost) (done func(end serviceEnd)) {
	runtime.GC() // of what came before
	begin, used := time.Now(), cpuTime()
	return func(end serviceEnd) {
		c.wall += end.at.Sub(begin)
		c.ours += end.ours - used
		c.service += end.cpu
	}
}

// perItem reports the time of one item.
func perItem(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
}

// watchMemory samples, until it is asked, what the runtime holds and has not
// given back: the peak, in MB. bbolt's mapping is not in it.
func watchMemory() (peak func() float64) {
	runtime.GC()
	debug.FreeOSMemory()
	var most uint64
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(samples)
			most = max(most, samples[0].Value.Uint64()-samples[1].Value.Uint64())
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() float64 {
		close(done)
		watching.Wait()
		return float64(most) / 1e6
	}
}

func openState(b *testing.B, path string, noSync bool) *state.Store {
	st, err := state.Open(b.Context(), path, state.Options{Tenant: "acme", NoSync: noSync})
	if err != nil {
		b.Fatal(err)
	}
	return st
}

var updateRules = manifest.Update{Tags: "add", Metadata: "manifest", File: "changed", Conflicts: "skip"}

// benchInput is a library of n items that nobody holds: items and bytes are made
// when they are asked for.
func benchInput(n int, api pipeline.API, st *state.Store) pipeline.Input {
	return pipeline.Input{
		Manifest: &manifest.Manifest{Path: "bench.yaml", ID: "bench", Division: "Marketing", CreateTags: manifest.CreateAllTags, Update: updateRules},
		Items: func(context.Context) iter.Seq2[manifest.Item, error] {
			return func(yield func(manifest.Item, error) bool) {
				for i := range n {
					if !yield(itemOf(i), nil) {
						return
					}
				}
			}
		},
		Sources: map[string]source.Source{"": generated{}},
		API:     api, State: st, Start: time.Now(), Log: zerolog.Nop(),
		Observe: func(pipeline.Event) {},
		Options: pipeline.Options{Requests: inFlight, Uploads: inFlight},
	}
}

func idOf(i int) string   { return fmt.Sprintf("SP-%07d", i) }
func pathOf(i int) string { return fmt.Sprintf("%07d.bin", i) }
func descriptionOf(i int) string {
	return fmt.Sprintf("What file %d is about, in a sentence or two.", i)
}

func itemOf(i int) manifest.Item {
	item := manifest.Item{
		ExternalID: idOf(i), File: pathOf(i), Location: manifest.Location{Path: pathOf(i)}, Division: "Marketing",
		Pos: manifest.Pos{File: "bench.yaml", Line: i + 3, Column: 5},
	}
	item.Fields.Description = manifest.Some(descriptionOf(i))
	item.Fields.Languages = manifest.Some([]string{"en"})
	return item
}

// generated is a source of files whose bytes are a function of their name.
type generated struct{}

var longAgo = time.Now().Add(-time.Hour).Round(0)

func (generated) Stat(_ context.Context, path string) (source.Info, error) {
	return source.Info{Path: path, Size: fileSize, ModTime: longAgo}, nil
}

func (g generated) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	i, err := strconv.Atoi(strings.TrimSuffix(path, ".bin"))
	if err != nil {
		return nil, source.Info{}, &source.Error{Op: "open", Path: path, Err: source.ErrNotExist}
	}
	info, err := g.Stat(ctx, path)
	return io.NopCloser(newBytes(i)), info, err
}

// fileBytes are the bytes of one file: its number over and over.
type fileBytes struct {
	word [8]byte
	at   int
}

func newBytes(i int) *fileBytes {
	f := &fileBytes{}
	binary.BigEndian.PutUint64(f.word[:], uint64(i))
	return f
}

func (f *fileBytes) Read(p []byte) (int, error) {
	if f.at == fileSize {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && f.at < fileSize {
		k := copy(p[n:min(len(p), n+fileSize-f.at)], f.word[f.at%8:])
		n, f.at = n+k, f.at+k
	}
	return n, nil
}
