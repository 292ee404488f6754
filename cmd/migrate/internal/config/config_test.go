package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

var known = []string{"uploads", "settle-time", "yes", "recreate", "state", "strict"}

func flags() (*pflag.FlagSet, *int, *time.Duration, *bool) {
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Bool("yes", false, "")
	return fs, fs.Int("uploads", 8, ""), fs.Duration("settle-time", time.Minute, ""), fs.Bool("strict", false, "")
}

func getenv(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestPrecedence(t *testing.T) {
	file, err := ReadFile(strings.NewReader("uploads: 2\nsettle-time: 2s\nstrict: true\n"), "migrate.yaml", known)
	if err != nil {
		t.Fatal(err)
	}
	fs, uploads, settle, strict := flags()
	if err := fs.Parse([]string{"--uploads=4"}); err != nil {
		t.Fatal(err)
	}
	origins, err := Fill(fs, getenv(map[string]string{"MIGRATE_UPLOADS": "3", "MIGRATE_SETTLE_TIME": "5s"}), file)
	if err != nil {
		t.Fatal(err)
	}
	if *uploads != 4 || *settle != 5*time.Second || !*strict {
		t.Errorf("got uploads %d, settle-time %v, strict %v; want 4, 5s, true", *uploads, *settle, *strict)
	}
	for flag, want := range map[string]string{"uploads": "flag", "settle-time": "env MIGRATE_SETTLE_TIME", "strict": "migrate.yaml:3:1", "yes": "default"} {
		if origins[flag] != want {
			t.Errorf("origin of %s: got %q, want %q", flag, origins[flag], want)
		}
	}
}

func TestBadValuesAreReportedTogetherWithTheirOrigin(t *testing.T) {
	file, err := ReadFile(strings.NewReader("settle-time: soon\n"), "migrate.yaml", known)
	if err != nil {
		t.Fatal(err)
	}
	fs, _, _, _ := flags()
	_, err = Fill(fs, getenv(map[string]string{"MIGRATE_UPLOADS": "many"}), file)
	if err == nil {
		t.Fatal("bad values were taken")
	}
	for _, want := range []string{`migrate.yaml:1:1: --settle-time does not take "soon"`, `env MIGRATE_UPLOADS: --uploads does not take "many"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to say %q", err, want)
		}
	}
}

func TestYesComesFromTheCommandLineAlone(t *testing.T) {
	fs, _, _, _ := flags()
	_, err := Fill(fs, getenv(map[string]string{"MIGRATE_YES": "true"}), File{})
	if err == nil || !strings.Contains(err.Error(), "command line alone") {
		t.Errorf("got %v, want a refusal", err)
	}
	if yes, _ := fs.GetBool("yes"); yes {
		t.Error("--yes was set from the environment")
	}
}

func TestReadFileRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown, with a suggestion", "setle-time: 2s\n", `migrate.yaml:1:1: C003: unknown setting "setle-time" (did you mean "settle-time"?)`},
		{"unknown", "# x\ncolour: red\n", `migrate.yaml:2:1: C003: unknown setting "colour" (take it out`},
		{"token", "token: abc\n", `migrate.yaml:1:1: C005: "token" may not stand in a file (set SHOWPAD_TOKEN`},
		{"yes", "yes: true\n", `C005: "yes" may not stand in a file (give --yes on the command line)`},
		{"recreate", "recreate: SP-1\n", `C005: "recreate" may not stand in a file`},
		{"a host elsewhere", "api-url: https://evil.example.com/v4\n", `C005: "api-url" in a file must be a loopback address`},
		{"a host that looks like loopback", "api-url: http://127.0.0.1.example.com/v4\n", `C005: "api-url" in a file must be`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadFile(strings.NewReader(tt.text), "migrate.yaml", known)
			var problems manifest.Problems
			if !errors.As(err, &problems) || len(problems) != 1 {
				t.Fatalf("got %v, want one problem", err)
			}
			if !strings.Contains(problems[0].String(), tt.want) {
				t.Errorf("got %q, want it to contain %q", problems[0], tt.want)
			}
		})
	}
}

func TestHostsFromAFile(t *testing.T) {
	file, err := ReadFile(strings.NewReader("api-url: http://127.0.0.1:8080/v4\nv3-url: http://[::1]:8080/api/v3\n"), "migrate.yaml", known)
	if err != nil {
		t.Fatal(err)
	}
	s := ServiceFrom(getenv(nil), file)
	if s.APIURL != "http://127.0.0.1:8080/v4" || s.V3URL != "http://[::1]:8080/api/v3" {
		t.Errorf("got %q and %q", s.APIURL, s.V3URL)
	}
	// One host from the environment and the other from a file could send a
	// token to two places that do not belong together.
	s = ServiceFrom(getenv(map[string]string{"SHOWPAD_API_URL": "http://127.0.0.1:9090/v4"}), file)
	if s.V3URL != "" {
		t.Errorf("v3 host from the file beside a v4 host from the environment: %q", s.V3URL)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s := NewSecret("hunter22")
	b, err := json.Marshal(struct{ S Secret }{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%+v", Service{Token: s}), string(b)} {
		if strings.Contains(got, "hunter22") {
			t.Errorf("printed: %s", got)
		}
	}
}

func TestRedactor(t *testing.T) {
	r := NewRedactor(NewSecret("sandbox-token-not-a-secret"), NewSecret("abc"))
	in := `Authorization: Bearer eyJhbGciOi.x-y then sandbox-token-not-a-secret, abc, https://s3/x?X-Amz-Signature=0011aa&X-Amz-Credential=AK%2F1&x=1`
	want := `Authorization: Bearer [redacted] then [redacted], abc, https://s3/x?X-Amz-Signature=[redacted]&X-Amz-Credential=[redacted]&x=1`
	if got := r.Text(in); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRedactorLearns(t *testing.T) {
	r := NewRedactor(NewSecret("first-secret"))
	before := r
	r.Add(NewSecret("second-secret"), NewSecret("short"))
	for _, x := range []Redactor{r, before} {
		if got := x.Text("first-secret second-secret short"); got != "[redacted] [redacted] short" {
			t.Errorf("%q", got)
		}
	}
}

// A settings file may come with a manifest of somebody else's, and must not
// say which program runs.
func TestAProgramIsNamedByThePersonAlone(t *testing.T) {
	_, err := ReadFile(strings.NewReader("rclone: ./evil\n"), "migrate.yaml", append(known, "rclone"))
	if err == nil || !strings.Contains(err.Error(), `"rclone" may not stand in a file: it names a program`) || !strings.Contains(err.Error(), "MIGRATE_RCLONE") {
		t.Errorf("%v", err)
	}
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	rclone := fs.String("rclone", "", "")
	if _, err := Fill(fs, getenv(map[string]string{"MIGRATE_RCLONE": "/opt/rclone"}), File{}); err != nil || *rclone != "/opt/rclone" {
		t.Errorf("%q, %v", *rclone, err)
	}
}
