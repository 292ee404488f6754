// Release builds what people download: for each platform an archive with the static
// binary, the guide, completions and the licences of all that is in it; and
// SHA256SUMS over the archives. The same commit and the same Go make the same bytes.
//
// make release calls it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// program is what is built, and its name without the ending of Windows.
const (
	program = "migrate"
	command = "./cmd/migrate"
)

// shells are those that have completions, with the names that they look for.
var shells = map[string]string{"bash": "migrate.bash", "zsh": "_migrate", "fish": "migrate.fish", "powershell": "migrate.ps1"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one call of the program.
type release struct {
	version string
	at      time.Time // of everything in the archives
	out     string
	work    string // for what is on its way into an archive
}

func run(ctx context.Context, args []string) (err error) {
	fs := flag.NewFlagSet("release", flag.ContinueOnError)
	version := fs.String("version", "", "what the binaries call themselves (default: of git describe)")
	targets := fs.String("targets", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64", "platforms, by commas")
	out := fs.String("out", "dist", "folder, made anew")
	if err := fs.Parse(args); err != nil {
		return err
	}
	r := &release{version: *version, out: *out}
	if r.version == "" {
		if r.version, err = output(ctx, nil, "git", "describe", "--tags", "--always", "--dirty"); err != nil {
			return fmt.Errorf("%w (name one with -version)", err)
		}
	}
	if r.at, err = moment(ctx, os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "release-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.work)) }()
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	return r.make(ctx, strings.FieldsFunc(*targets, func(c rune) bool { return c == ',' || c == ' ' }))
}

// moment is the time that everything in the archives has: the one given, in seconds
// since 1970, else that of the commit.
func moment(ctx context.Context, given string) (time.Time, error) {
	if given == "" {
		var err error
		if given, err = output(ctx, nil, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, fmt.Errorf("%w (set SOURCE_DATE_EPOCH)", err)
		}
	}
	seconds, err := strconv.ParseInt(given, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", given)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func (r *release) make(ctx context.Context, targets []string) error {
	common, err := guide(".")
	if err != nil {
		return err
	}
	completions, err := r.completions(ctx)
	if err != nil {
		return err
	}
	common = append(common, completions...)
	var names []string
	for _, target := range targets {
		goos, goarch, ok := strings.Cut(target, "/")
		if !ok {
			return fmt.Errorf("%q is no platform (write linux/amd64)", target)
		}
		name, err := r.archive(ctx, goos, goarch, common)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		names = append(names, name)
		fmt.Println(filepath.Join(r.out, name))
	}
	slices.Sort(names)
	sums, err := sums(r.out, names)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), sums, 0o644)
}

// archive makes the archive of one platform.
func (r *release) archive(ctx context.Context, goos, goarch string, common []entry) (string, error) {
	binary, ending := program, ".tar.gz"
	if goos == "windows" {
		binary, ending = program+".exe", ".zip"
	}
	built := filepath.Join(r.work, goos+"-"+goarch, binary)
	if err := r.build(ctx, goos, goarch, built); err != nil {
		return "", err
	}
	content, err := os.ReadFile(built)
	if err != nil {
		return "", err
	}
	licences, err := licences(ctx, goos, goarch)
	if err != nil {
		return "", err
	}
	entries := append([]entry{{name: binary, content: content, program: true}, {name: "THIRD-PARTY-LICENCES.txt", content: licences}}, common...)
	folder := strings.Join([]string{program, r.version, goos, goarch}, "-")
	pack := packTar
	if ending == ".zip" {
		pack = packZip
	}
	var b bytes.Buffer
	if err := pack(&b, folder, r.at, entries); err != nil {
		return "", err
	}
	return folder + ending, os.WriteFile(filepath.Join(r.out, folder+ending), b.Bytes(), 0o644)
}

// build builds one binary. Where it was built, and by what checkout, is not in it.
func (r *release) build(ctx context.Context, goos, goarch, path string) error {
	env := []string{"CGO_ENABLED=0", "GOOS=" + goos, "GOARCH=" + goarch, "GOFLAGS=-mod=readonly"}
	_, err := output(ctx, env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.buildVersion="+r.version, "-o", path, command)
	return err
}

// completions are what shells load, written by the program itself.
func (r *release) completions(ctx context.Context) ([]entry, error) {
	path := filepath.Join(r.work, "host", program)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if err := r.build(ctx, runtime.GOOS, runtime.GOARCH, path); err != nil {
		return nil, err
	}
	var entries []entry
	for shell, name := range shells {
		text, err := output(ctx, nil, path, "completion", shell)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name: "completions/" + name, content: []byte(text + "\n")})
	}
	return entries, nil
}

// output is what a command prints, without white space around it. env is added to ours.
func output(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, problem.Bytes())
	}
	return strings.TrimSpace(out.String()), nil
}
