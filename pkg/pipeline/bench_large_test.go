package pipeline_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/local"
)

// BenchmarkLargeFile is a whole run of one large file on disk. Beside it, in the same
// process and turn about, goes the least that has to happen: one pass for its MD5, and
// one PUT that streams it. The service throws the bytes away, but for their MD5.
// bare-ratio is the time of the bare calls divided by the run's. 2 GiB are measured
// only when -bench names them ("2GiB").
func BenchmarkLargeFile(b *testing.B) {
	b.Run("256MiB", func(b *testing.B) { benchmarkLargeFile(b, 256<<20) })
	if f := flag.Lookup("test.bench"); f != nil && strings.Contains(f.Value.String(), "2GiB") {
		b.Run("2GiB", func(b *testing.B) { benchmarkLargeFile(b, 2<<30) })
	}
}

func benchmarkLargeFile(b *testing.B, size int64) {
	dir := b.TempDir()
	path := filepath.Join(dir, "large.bin")
	if err := writeLarge(path, size); err != nil {
		b.Fatal(err)
	}
	src, err := local.New(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = src.Close() })
	b.SetBytes(size)
	var bareCost, runCost cost
	peak := 0.0
	for b.Loop() {
		b.StopTimer()
		url, stop := service(b, 0)
		calls := newBare(b, url)
		done := measure(&bareCost)
		if err := calls.moveLarge(b.Context(), path, size); err != nil {
			b.Fatal(err)
		}
		done(stop())

		url, stop = service(b, 0)
		api, storage := transports(b)
		client, err := showpad.New(showpad.Config{
			APIURL: url + "/v4", V3URL: url + "/api/v3", Token: showpad.StaticToken(emulator.DefaultToken), Base: api, Storage: storage, Gate: showpad.NewGate(inFlight),
		})
		if err != nil {
			b.Fatal(err)
		}
		st := openState(b, filepath.Join(b.TempDir(), "run.state.db"), false)
		in := benchInput(1, client, st)
		in.Sources = map[string]source.Source{"": src}
		in.Items = func(context.Context) iter.Seq2[manifest.Item, error] {
			return func(yield func(manifest.Item, error) bool) {
				item := itemOf(0)
				item.File, item.Location.Path = "large.bin", "large.bin"
				yield(item, nil)
			}
		}
		memory := watchMemory()
		done = measure(&runCost)
		b.StartTimer()
		out, err := pipeline.Run(b.Context(), pipeline.RunInput{Input: in, Store: st, ID: "run-1"})
		b.StopTimer()
		done(stop())
		peak = max(peak, memory())
		if err != nil || out.Code != 0 || out.Status["done"] != 1 || out.Bytes != size {
			b.Fatalf("run: %s, %v, %v", out.Sentence, out.Err, err)
		}
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	all := float64(b.N) * float64(size) / 1e6
	b.ReportMetric(all/bareCost.wall.Seconds(), "bare-MB/s")
	b.ReportMetric(bareCost.wall.Seconds()/runCost.wall.Seconds(), "bare-ratio")
	b.ReportMetric(peak, "peak-MB")
	if runCost.ours > 0 {
		b.ReportMetric((bareCost.ours+bareCost.service).Seconds()/(runCost.ours+runCost.service).Seconds(), "cpu-ratio")
		b.ReportMetric(runCost.ours.Seconds()/float64(b.N), "cpu-s")
		b.ReportMetric(bareCost.ours.Seconds()/float64(b.N), "bare-cpu-s")
	}
}

// writeLarge makes a file of so many bytes, no two parts of which are the same, and
// old enough for its time to tell.
func writeLarge(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	var word [8]byte
	for i := range uint64(size / 8) {
		binary.LittleEndian.PutUint64(word[:], i*0x9e3779b97f4a7c15)
		if _, err := w.Write(word[:]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	old := time.Now().Add(-time.Hour)
	return os.Chtimes(path, old, old)
}

// moveLarge is one pass for the MD5, two requests, and a PUT that streams the file.
func (s *bare) moveLarge(ctx context.Context, path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := md5.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 256<<10)); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := base64.StdEncoding.EncodeToString(h.Sum(nil))
	var asset struct {
		ID string `json:"id"`
	}
	err = s.call(ctx, "/v4/assets", map[string]any{
		"name": "large.bin", "externalId": idOf(0), "division": map[string]string{"id": emulator.DivisionMarketing},
	}, &asset)
	if err != nil {
		return err
	}
	return s.put(ctx, bareItem{0, asset.ID, sum}, "large.bin", f, size)
}
