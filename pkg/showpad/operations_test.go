package showpad

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type operation struct{ id, method, path string }

// operations reads the list that the client and the emulator are held to.
func operations(t *testing.T) map[string]operation {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "operations.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string]operation{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			t.Fatalf("operations.txt: %q does not have the form: api operation METHOD path", line)
		}
		id := f[0] + " " + f[1]
		ops[id] = operation{id, f[2], f[3]}
	}
	return ops
}

func TestEveryOperationIsNamedInTheCodeAndOnTheList(t *testing.T) {
	var named []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^// API: (\S+ \S+)$`).FindAllStringSubmatch(string(b), -1) {
			named = append(named, m[1])
		}
	}
	var listed []string
	for id := range operations(t) {
		listed = append(listed, id)
	}
	slices.Sort(named)
	slices.Sort(listed)
	if !slices.Equal(named, listed) {
		t.Errorf("the code names  %q\nthe list names  %q", named, listed)
	}
}

func TestEveryMethodSendsWhatTheListSays(t *testing.T) {
	ops := operations(t)
	for id, op := range ops {
		api, _, _ := strings.Cut(id, " ")
		if api != "v3" && api != "v4" {
			continue // the token endpoint and storage have tests of their own
		}
		ex, ok := exercises[id]
		if !ok {
			t.Errorf("%s: no exercise", id)
			continue
		}
		t.Run(id, func(t *testing.T) {
			s := newScript(says(http.StatusNoContent, ""))
			if ex.answer != "" {
				s = newScript(says(http.StatusOK, fixture(t, ex.answer)))
			}
			if err := ex.call(t.Context(), newClient(t, s)); err != nil {
				t.Fatal(err)
			}
			if s.count() != 1 {
				t.Fatalf("%d requests, want 1", s.count())
			}
			r := s.seen[0]
			base := "/v4"
			if api == "v3" {
				base = "/api/v3"
			}
			want := regexp.MustCompile(`^` + base + regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(op.path), `[^/]+`) + `$`)
			if r.Method != op.method || !want.MatchString(r.URL.Path) {
				t.Errorf("sent %s %s, want %s %s", r.Method, r.URL.Path, op.method, op.path)
			}
			if got := r.Header.Get("Authorization"); got != "Bearer "+testToken {
				t.Errorf("Authorization %q", got)
			}
		})
	}
	for id := range exercises {
		if _, ok := ops[id]; !ok {
			t.Errorf("exercise %s is not on the list", id)
		}
	}
}
