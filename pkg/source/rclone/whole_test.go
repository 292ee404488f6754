package rclone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/rs/zerolog"

	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/sourcetest"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// odd is OneDrive with the file "a.pptx", of which "abcdef" is listed, and what
// the command cat reads.
func odd(t *testing.T, delivered io.Reader) (*fake, *Rclone) {
	f, r := newFake(t, map[string]sourcetest.File{"a.pptx": text("abcdef")})
	f.drive = true
	f.broken = func(call string, _ int, resp *http.Response) *http.Response {
		if call != "get" {
			return nil
		}
		resp.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
		return resp
	}
	r.cat = func(_ context.Context, address string) (io.ReadCloser, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls["cat "+address]++
		return io.NopCloser(delivered), nil
	}
	return f, r
}

// Of a file of OneDrive that is another one than it lists, all bytes come, with
// both sizes: when it is opened again.
func TestOneDriveListsOneSizeAndDeliversAnother(t *testing.T) {
	for _, keep := range []bool{false, true} {
		for _, all := range []string{"abc", "abcdefghi"} {
			f, r := odd(t, strings.NewReader(all))
			s := root(t, r, "mem:")
			open := s.Open
			if keep {
				open = s.Keep
			}
			if b, i, err := read(t, s, "a.pptx"); !errors.Is(err, source.ErrChanged) {
				t.Errorf("%q, %+v, %v", b, i, err)
			}
			body, i, err := open(t.Context(), "a.pptx")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			if string(got) != all || err != nil || i.Size != int64(len(all)) || i.Listed != 6 || !i.ModTime.Equal(when) {
				t.Errorf("%q, %+v, %v", got, i, err)
			}
			body.Close()
			if st, err := s.Stat(t.Context(), "a.pptx"); err != nil || st.Size != 6 || st.Listed != 0 || !st.Inexact || i.Inexact || !st.Same(i) {
				t.Errorf("%+v, %v", st, err)
			}
			if keep {
				s.Release("a.pptx")
			}
			if n := f.called("cat mem:a.pptx"); n != 1 {
				t.Errorf("read %d times", n)
			}
			// Another file in its place is read as any other.
			f.set("a.pptx", fakeFile{data: []byte("another"), when: when.Add(time.Hour)})
			f.broken = nil
			if b, i, err := read(t, s, "a.pptx"); b != "another" || i.Listed != 0 || err != nil {
				t.Errorf("%q, %+v, %v", b, i, err)
			}
			if held := r.spool.Held(); held != 0 {
				t.Errorf("%d bytes are held", held)
			}
		}
	}
}

func TestBytesThatMayNotBeAllAreNotTaken(t *testing.T) {
	t.Run("cut short", func(t *testing.T) {
		_, r := odd(t, io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(&failure{text: "unexpected EOF"})))
		s := root(t, r, "mem:")
		_, _, _ = read(t, s, "a.pptx")
		if _, _, err := read(t, s, "a.pptx"); !errors.Is(err, source.ErrUnreadable) || !strings.HasPrefix(err.Error(), "a.pptx: ") || !strings.Contains(err.Error(), "rclone says: unexpected EOF") {
			t.Error(err)
		}
	})
	t.Run("none", func(t *testing.T) {
		_, r := odd(t, strings.NewReader(""))
		s := root(t, r, "mem:")
		_, _, _ = read(t, s, "a.pptx")
		if _, _, err := read(t, s, "a.pptx"); !errors.Is(err, source.ErrChanged) || !strings.Contains(err.Error(), "6 bytes are listed, and none came") {
			t.Error(err)
		}
	})
	t.Run("changed meanwhile", func(t *testing.T) {
		f, r := odd(t, nil)
		s := root(t, r, "mem:")
		_, _, _ = read(t, s, "a.pptx")
		r.cat = func(context.Context, string) (io.ReadCloser, error) {
			f.set("a.pptx", fakeFile{data: []byte("abcdeg"), when: when.Add(time.Hour)})
			return io.NopCloser(strings.NewReader("abc")), nil
		}
		if _, _, err := read(t, s, "a.pptx"); !errors.Is(err, source.ErrChanged) {
			t.Error(err)
		}
	})
	t.Run("more than the spool holds", func(t *testing.T) {
		_, r := odd(t, io.LimitReader(endless{}, 1<<40))
		s := root(t, r, "mem:")
		_, _, _ = read(t, s, "a.pptx")
		if _, _, err := read(t, s, "a.pptx"); !errors.Is(err, spool.ErrTooLarge) {
			t.Error(err)
		}
		if held := r.spool.Held(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
	t.Run("another kind of remote", func(t *testing.T) {
		f, r := odd(t, strings.NewReader("abc"))
		f.drive = false
		s := root(t, r, "mem:")
		for range 3 {
			if _, _, err := read(t, s, "a.pptx"); !errors.Is(err, source.ErrChanged) {
				t.Error(err)
			}
		}
		if n := f.called("cat mem:a.pptx"); n != 0 {
			t.Errorf("read %d times", n)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWhatIsRememberedOfOddSizesIsBounded(t *testing.T) {
	var o oddSizes
	for i := range maxOdd + 1 {
		o.note(fmt.Sprint(i), source.Info{Size: 1})
	}
	if len(o.m) != 1 || !o.has(fmt.Sprint(maxOdd), source.Info{Size: 1}) || o.has("x", source.Info{}) {
		t.Errorf("%d", len(o.m))
	}
}

func TestACommandReadsAFile(t *testing.T) {
	for _, c := range []struct{ mode, want, says string }{
		{"cat", "all of it", ""},
		{"cat, cut short", "all", `rclone says: Failed to send to output: password="[redacted]", unexpected EOF`},
	} {
		r := program(t, c.mode, zerolog.Nop())
		body, err := r.cat(t.Context(), "od:q3/a b.pptx")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(body)
		if string(b) != c.want || c.says == "" && err != nil || c.says != "" && (err == nil || err.Error() != c.says) {
			t.Errorf("%s: %q, %v", c.mode, b, err)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	r := New(Options{Path: "no-such-program-as-this"})
	defer r.Close()
	if _, err := r.cat(t.Context(), "od:a"); err == nil || !strings.Contains(err.Error(), "rclone cannot be run") {
		t.Error(err)
	}
}

func TestACommandEndsWithTheContextAndWhenItIsClosed(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	body, err := program(t, "cat, stalled", zerolog.Nop()).cat(ctx, "od:a")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := io.ReadFull(body, b); err != nil || !bytes.Equal(b, []byte("all")) {
		t.Errorf("%q, %v", b, err)
	}
	why := errors.New("that is why")
	cancel(why)
	if _, err := body.Read(b); err != why {
		t.Error(err)
	}
	body.Close()
	endless, err := program(t, "cat, without end", zerolog.Nop()).cat(t.Context(), "od:a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(endless, b); err != nil {
		t.Error(err)
	}
	endless.Close()
	if o := endless.(*output); !o.p.over() {
		t.Error("the program outlived its reader")
	}
}

func TestAddressesOfCommands(t *testing.T) {
	for place, want := range map[string]string{
		"od:": "od:q3/a.pptx", "od:our library": "od:our library/q3/a.pptx", "od:/": "od:/q3/a.pptx", "od:x [1]": "od:x [1]/q3/a.pptx", "od:/x]/": "od:/x]/q3/a.pptx",
	} {
		if got := newSource(nil, place).address("q3/a.pptx"); got != want {
			t.Errorf("%s: %s, want %s", place, got, want)
		}
	}
}
