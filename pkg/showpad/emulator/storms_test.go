package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func TestAStormLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, emulator.Options{})
		s.Fail(emulator.Fault{Op: "getTags", Kind: emulator.KindTooMany, Nth: 2, For: emulator.Duration(time.Minute), Advice: emulator.AdviceNone})
		var got []int
		for range 5 { // at 0, 25, 50, 75 and 100 s
			got = append(got, statusAt(t, s, "/v4/tags"))
			<-time.After(25 * time.Second)
		}
		if fmt.Sprint(got) != "[200 429 429 429 200]" {
			t.Errorf("answers %v", got)
		}
		if statusAt(t, s, "/v4/users") != 200 {
			t.Error("another operation is hit")
		}
	})
}

// statusAt is the status of a read, whatever it is.
func statusAt(t *testing.T, s *emulator.Server, path string) int {
	t.Helper()
	r, err := send(t, s, "GET", path, "")
	if err != nil {
		t.Fatal(err)
	}
	return r.status
}

func TestStuckProcessingGoesOn(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: emulator.OpPut, Kind: emulator.KindProcessingStuck, Delay: emulator.Duration(3 * time.Hour)})
	id := create(t, s, "a.pdf", "A", "")
	upload(t, s, id, "x")
	s.Advance(3*time.Hour - time.Second)
	if got := statusOf(t, s, id); got != "processing" {
		t.Errorf("status %s", got)
	}
	s.Advance(time.Second)
	if got := statusOf(t, s, id); got != "active" {
		t.Errorf("status %s", got)
	}
}

func TestCommitsWithoutAnAnswerAreCounted(t *testing.T) {
	for kind, n := range map[emulator.Kind]int{
		emulator.KindLost: 1, emulator.KindStatusAfter: 1, emulator.KindTruncated: 1, emulator.KindCut: 1, emulator.KindLate: 1,
		emulator.KindDuplicate: 1, emulator.KindNoURL: 1,
		emulator.KindStatus: 0, emulator.KindReset: 0, emulator.KindTooMany: 0, emulator.KindHTML: 0, emulator.KindSlow: 0,
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, emulator.Options{})
				id := create(t, s, "a.pdf", "A", "")
				s.Fail(emulator.Fault{Op: "postAssetFiles", Kind: kind}, emulator.Fault{Op: "getAsset", Kind: kind})
				_, _ = send(t, s, "POST", "/v4/assets/"+id+"/files", "")
				_, _ = send(t, s, "POST", "/v4/assets/"+id+"/files", `{"nonsense":1}`)
				_, _ = send(t, s, "GET", "/v4/assets/"+id, "")
				s.Advance(time.Minute)
				b := s.Books()
				if b.Unanswered["postAssetFiles"] != n || len(b.Unanswered) > n {
					t.Errorf("unanswered %v", b.Unanswered)
				}
				answered := 0 // duplicate: one of two
				if kind == emulator.KindSlow || kind == emulator.KindDuplicate {
					answered = 1
				}
				if b.FileVersions[id] != n+answered || b.Uploaded[id] != 0 {
					t.Errorf("versions %v", b.FileVersions)
				}
			})
		})
	}
	for kind, n := range map[emulator.Kind]int{emulator.KindLost: 1, emulator.KindStatusAfter: 1, emulator.KindLate: 1, emulator.KindResetMid: 0} {
		s := newServer(t, emulator.Options{})
		id := create(t, s, "a.pdf", "A", "")
		k := ask(t, s, id, "hello")
		s.Fail(emulator.Fault{Op: emulator.OpPut, Kind: kind})
		_, _ = send(t, s, "PUT", k.url, "hello", k.header...)
		s.Advance(time.Minute)
		if b := s.Books(); b.Unanswered["put"] != n || b.Uploaded[id] != n || b.FileVersions[id] != 1 {
			t.Errorf("%s: unanswered %v, %v of %v", kind, b.Unanswered, b.Uploaded, b.FileVersions)
		}
	}
}

func TestChaosOfProcessingAndDuplicates(t *testing.T) {
	s := newServer(t, emulator.Options{})
	s.Chaos(1, emulator.Rates{Duplicate: 0.3, StorageLate: 0.2, ProcessingFails: 0.3, ProcessingStuck: 0.3})
	for i := range 40 {
		id := create(t, s, fmt.Sprintf("%d.pdf", i), "A", "")
		k := ask(t, s, id, "hello")
		_, _ = send(t, s, "PUT", k.url, "hello", k.header...)
	}
	for _, kind := range []emulator.Kind{emulator.KindDuplicate, emulator.KindLate, emulator.KindProcessingFails, emulator.KindProcessingStuck} {
		if s.Books().Faults[kind] < 2 {
			t.Errorf("no %s: %v", kind, s.Books().Faults)
		}
	}
	count := func() string {
		n := map[string]int{}
		for _, a := range s.Assets() {
			n[a.Status]++
		}
		return fmt.Sprint(n)
	}
	s.Advance(time.Minute)
	if early := count(); !strings.Contains(early, "queued") && !strings.Contains(early, "processing") || !strings.Contains(early, "failed") {
		t.Errorf("after a minute: %s", early)
	}
	s.Advance(8 * time.Hour)
	if late := count(); strings.Contains(late, "queued") || strings.Contains(late, "processing") {
		t.Errorf("after eight hours: %s", late)
	}
}

// TestTheClockOfTheServiceMayBeAnother: its signatures, its dates and its ends of
// things go by its own.
func TestTheClockOfTheServiceMayBeAnother(t *testing.T) {
	for _, off := range []time.Duration{-5 * time.Hour, 7 * time.Hour} {
		s := newServer(t, emulator.Options{KeepBytes: true})
		s.Advance(off)
		id := create(t, s, "a.pdf", "A", "")
		upload(t, s, id, "hello")
		short, _ := links(t, s, id)
		want(t, 200, s, "GET", short, "")
		rt, url := serve(t, s)
		for name, r := range map[string]reply{"memory": want(t, 200, s, "GET", "/v4/tags", ""), "socket": want(t, 200, rt, "GET", url+"/v4/tags", "")} {
			at, err := time.Parse(time.RFC1123, r.header.Get("Date"))
			if d := time.Until(at) - off; err != nil || d < -time.Minute || d > time.Minute {
				t.Errorf("%s: %v %v", name, at, err)
			}
		}
	}
}
