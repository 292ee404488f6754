package pipeline_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// lister is a source that lists another size than it delivers.
type lister struct {
	source.Source
	size  int64  // listed
	md5   []byte // listed; nil: none
	opens bool   // opening tells the true size
	both  bool   // ... and the listed one, too
	n     int    // files that were opened
}

func (l *lister) Stat(ctx context.Context, path string) (source.Info, error) {
	info, err := l.Source.Stat(ctx, path)
	info.Size, info.MD5, info.Inexact = l.size, l.md5, l.both
	return info, err
}

func (l *lister) Open(ctx context.Context, path string) (io.ReadCloser, source.Info, error) {
	r, info, err := l.Source.Open(ctx, path)
	l.n++
	if l.both {
		info.Listed = l.size
	} else if !l.opens {
		info.Size, info.MD5 = l.size, l.md5
	}
	return r, info, err
}

func TestASizeThatIsNotTheOneListedIsAFailureOfTheSource(t *testing.T) {
	const content = "twelve bytes"
	sum := md5.Sum([]byte(content))
	for _, size := range []int64{11, 13} {
		for _, known := range [][]byte{nil, sum[:]} {
			for _, opens := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d bytes listed, MD5 known %v, told when opened %v", size, known != nil, opens), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, emulator.Options{})
						w.add("A", content)
						w.tenant.ResetBooks()
						out := w.runWith(func(in *pipeline.RunInput) {
							in.Sources = map[string]source.Source{"": &lister{Source: w.files, size: size, md5: known, opens: opens}}
						})
						w.want(out, 3)
						r := w.result("A")
						want := fmt.Sprintf("A.txt: its size is not the one that its place lists: %d bytes are listed and 12 came, each time (", size)
						if r.Status != "failed" || r.Error == nil || r.Error.Code != pipeline.FailedSource || !strings.HasPrefix(r.Error.Message, want) {
							t.Errorf("%s %+v, want %s", r.Status, r.Error, want)
						}
						if n := w.tenant.Books().Puts; n > 0 {
							t.Errorf("%d uploads", n)
						}
						// What it lists is mended.
						w.options.RetryFailed = true
						w.mustRun(0)
						w.check()
					})
				})
			}
		}
	}
}

// A source that knows that its place lists another size than it delivers says so,
// and the file is as steady as any other.
func TestASizeThatIsKnownNotToBeTheOneListed(t *testing.T) {
	for _, size := range []int64{11, 13} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, emulator.Options{})
				w.add("A", "twelve bytes")
				l := &lister{Source: w.files, size: size, both: true}
				w.places = map[string]source.Source{"": l}
				path, _, _ := w.save(pipeline.Choice{})
				w.mustCarry(0, path)
				if rec := w.record("A"); rec.Size != 12 || rec.Listed != size {
					t.Errorf("%+v", rec)
				}
				if story := w.story("A"); !strings.Contains(story, fmt.Sprintf("Storage has its 12 bytes. Its place lists %d and delivers 12.", size)) {
					t.Error(story)
				}
				w.tenant.ResetBooks()
				l.n = 0
				w.mustRun(0)
				w.planIsEmpty()
				if _, _, differences := w.verify(); len(differences) > 0 {
					t.Errorf("%+v", differences)
				}
				if n := w.tenant.Books().Puts; n > 0 || l.n > 0 {
					t.Errorf("%d uploads, read %d times", n, l.n)
				}
				// Its time alone is another one: reading it tells that it is the same.
				w.files.put("A.txt", "twelve bytes")
				<-time.After(time.Hour)
				w.mustRun(0)
				if n := w.tenant.Books().Puts; n > 0 || l.n == 0 {
					t.Errorf("%d uploads, read %d times", n, l.n)
				}
				l.n = 0
				w.mustRun(0)
				if _, _, differences := w.verify(); len(differences) > 0 || l.n > 0 {
					t.Errorf("%+v, read %d times", differences, l.n)
				}
				// Without a state, reading tells.
				w.mustRebuild()
				w.mustRun(0)
				if rec := w.record("A"); rec.Size != 12 || rec.Listed != size {
					t.Errorf("%+v", rec)
				}
				l.n = 0
				w.mustRun(0)
				w.planIsEmpty()
				if n := w.tenant.Books().Puts; n > 0 || l.n > 0 {
					t.Errorf("%d uploads, read %d times", n, l.n)
				}
				// Another size is listed: another file, whatever its time is.
				l.size = 20
				if s, _ := w.plan(); !s.Work() {
					t.Error("the plan is empty")
				}
			})
		})
	}
}
