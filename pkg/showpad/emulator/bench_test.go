package emulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

func BenchmarkCreate(b *testing.B) {
	for _, dir := range []string{"", b.TempDir()} {
		name := "memory"
		if dir != "" {
			name = "folder"
		}
		b.Run(name, func(b *testing.B) {
			s := newServer(b, emulator.Options{Dir: dir})
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				do(b, s, "POST", "/v4/assets", createBody("a.pdf", fmt.Sprint("SP-", i), ""))
			}
		})
	}
}

// BenchmarkList asks for a hundred assets out of many, by the filters that a run
// uses.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		s := newServer(b, emulator.Options{})
		var external, ids []string
		for i := range n {
			id := create(b, s, "a.pdf", fmt.Sprint("SP-", i), "")
			if i%(n/100) == 0 {
				external, ids = append(external, fmt.Sprint("SP-", i)), append(ids, id)
			}
		}
		for filter, values := range map[string][]string{"externalIds": external, "ids": ids} {
			b.Run(fmt.Sprintf("%s/%d", filter, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					do(b, s, "GET", "/v4/assets"+queryOf(filter, strings.Join(values, ","), "limit", "1000"), "")
				}
			})
		}
	}
}

func do(b *testing.B, s *emulator.Server, method, path, body string) {
	req, err := http.NewRequestWithContext(b.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.RoundTrip(req)
	if err != nil || res.StatusCode > 201 {
		b.Fatal(res, err)
	}
	io.Copy(io.Discard, res.Body)
}
