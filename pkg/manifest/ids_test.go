package manifest

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func places(n int, id func(int) string) iter.Seq2[IDPlace, error] {
	return func(yield func(IDPlace, error) bool) {
		for i := range n {
			if !yield(IDPlace{ExternalID: id(i), Pos: Pos{"m.yaml", i + 1, 1}}, nil) {
				return
			}
		}
	}
}

func confirm(t testing.TB, n int, id func(int) string) []Problem {
	t.Helper()
	var s IDs
	for i := range n {
		s.Add(id(i))
	}
	var got []Problem
	if err := s.Confirm(t.Context(), places(n, id), func(p Problem) { got = append(got, p) }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestIDsUsedTwice(t *testing.T) {
	ids := []string{"a", "B", "a", "c", "a", "b", "caf\u00e9", "cafe\u0301", "CAFÉ", "ß", "SS", "x", "B"}
	got := lines(confirm(t, len(ids), func(i int) string { return ids[i] }))
	want := []string{
		`3:1: M021: external ID "a" is used twice, also at 1:1 (give one of the items another ID, or remove it)`,
		`5:1: M021: external ID "a" is used twice, also at 1:1 (give one of the items another ID, or remove it)`,
		`6:1: M022: external ID "b" differs from "B" only in upper and lower case, also at 2:1 (rename one of them, or remove it)`,
		"8:1: M022: external ID \"cafe\u0301\" differs from \"caf\u00e9\" only in how accented letters are stored, also at 7:1 (rename one of them, or remove it)",
		`9:1: M022: external ID "CAFÉ" differs from "café" only in upper and lower case, also at 7:1 (rename one of them, or remove it)`,
		`11:1: M022: external ID "SS" differs from "ß" only in upper and lower case, also at 10:1 (rename one of them, or remove it)`,
		`13:1: M021: external ID "B" is used twice, also at 2:1 (give one of the items another ID, or remove it)`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAssetsLinkedTwice(t *testing.T) {
	ids := []string{"a1", "A1", "b2", "a1", "b2", "b2"}
	stream := func(yield func(IDPlace, error) bool) {
		for i, id := range ids {
			if !yield(IDPlace{ExternalID: fmt.Sprint("item-", i), Link: id, Pos: Pos{"m.yaml", i + 1, 1}}, nil) {
				return
			}
		}
	}
	s := IDs{Links: true}
	for _, id := range ids {
		s.Add(id)
	}
	var got []string
	err := s.Confirm(t.Context(), stream, func(p Problem) { got = append(got, p.ExternalID+" "+p.String()) })
	want := []string{
		`item-3 m.yaml:4:1: M029: asset "a1" is linked twice, also at m.yaml:1:1 (take id: out of one of the items)`,
		`item-4 m.yaml:5:1: M029: asset "b2" is linked twice, also at m.yaml:3:1 (take id: out of one of the items)`,
		`item-5 m.yaml:6:1: M029: asset "b2" is linked twice, also at m.yaml:3:1 (take id: out of one of the items)`,
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestTooManyDuplicatesAreCounted(t *testing.T) {
	const groups = maxSuspects + 7
	got := confirm(t, 2*groups, func(i int) string { return fmt.Sprint(i % groups) })
	if len(got) != maxSuspects+1 {
		t.Fatalf("%d problems, want %d", len(got), maxSuspects+1)
	}
	if want := "7 more external IDs are used more than once"; got[maxSuspects].What != want {
		t.Errorf("%q, want %q", got[maxSuspects].What, want)
	}
}

func TestWithoutSuspectsNothingIsReadAgain(t *testing.T) {
	var s IDs
	s.Add("a")
	s.Add("b")
	err := s.Confirm(t.Context(), func(func(IDPlace, error) bool) { t.Error("read again") }, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestErrorsOfTheSecondPassComeOut(t *testing.T) {
	var s IDs
	s.Add("a")
	s.Add("a")
	gone := errors.New("gone")
	err := s.Confirm(t.Context(), func(yield func(IDPlace, error) bool) { yield(IDPlace{}, gone) }, nil)
	if !errors.Is(err, gone) {
		t.Error(err)
	}
}

// A million IDs must stay below 40 MB.
func TestAMillionIDsInFlatMemory(t *testing.T) {
	const n = 1_000_000
	buf := []byte("sp-")
	id := func(i int) string { return string(strconv.AppendInt(buf[:3], int64(i%(n-1)), 10)) } // the last repeats the first
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var s IDs
	for i := range n {
		s.Add(id(i))
	}
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapSys) - int64(before.HeapSys); held > 40<<20 {
		t.Errorf("%d MB", held>>20)
	}
	found := 0
	if err := s.Confirm(t.Context(), places(n, id), func(Problem) { found++ }); err != nil || found != 1 {
		t.Errorf("%d duplicates, %v", found, err)
	}
}
