package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/state"
)

// Show prints the evidence in dir for people. Of a run that is not closed it
// says what there is.
func Show(w io.Writer, dir string) error {
	var e Evidence
	if err := readJSON(dir, EvidenceFile, &e); err != nil {
		return fmt.Errorf("no evidence of a run: %w", err)
	}
	var s Summary
	err := readJSON(dir, SummaryFile, &s)
	open := errors.Is(err, fs.ErrNotExist)
	if err != nil && !open {
		return fmt.Errorf("evidence: %w", err)
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	line("run", "%s, %s", e.Run, where(e))
	if open {
		line("outcome", "none yet: it is under way, or was killed (the next run completes its evidence)")
		line("time", "since %s", e.Start.Format(time.DateTime+" -07:00"))
	} else {
		line("outcome", "%s (exit code %d)", s.Sentence, s.Code)
		line("time", "%s to %s, %s", e.Start.Format(time.DateTime+" -07:00"), e.End.Format(time.DateTime+" -07:00"),
			s.End.Sub(s.Start).Round(time.Millisecond))
	}
	if e.ServiceUser != "" {
		line("as", "%s at the service", e.ServiceUser)
	}
	line("by", "%s on %s", cmp.Or(e.Machine.User, "unknown"), cmp.Or(e.Machine.Host, "unknown"))
	line("manifest", "%s (SHA-256 %s)", e.Manifest.Path, e.Manifest.Digest)
	line("program", "%s", cmp.Or(e.Binary.Version, "unknown"))
	if !open {
		numbers(line, s)
	}
	if err := listFiles(line, dir); err != nil {
		return err
	}
	return t.Flush()
}

var extraNames = map[state.ExtraKind]string{state.TagCategory: "tag categories", state.MyFile: "My Files", state.Share: "shares"}

// where is the tenant as the first line of the run had it. A state's tenant has
// its class in front when it is not a real one.
func where(e Evidence) string {
	if e.Mode == "SANDBOX" {
		return e.Mode
	}
	_, name, classed := strings.Cut(e.Tenant, ":")
	if !classed {
		name = e.Tenant
	}
	return strings.TrimSpace(e.Mode + " " + name)
}

func numbers(line func(name, format string, args ...any), s Summary) {
	line("items", "%s: %s succeeded, %s failed, %s unfinished", humanize.Comma(int64(s.Items)), humanize.Comma(int64(s.Success)),
		humanize.Comma(int64(s.Failures)), humanize.Comma(int64(s.Unfinished)))
	for _, part := range []struct {
		name   string
		counts map[string]int
	}{{"statuses", s.Status}, {"actions", s.Actions}, {"failures", s.Codes}} {
		if len(part.counts) > 0 {
			line(part.name, "%s", counted(part.counts))
		}
	}
	for _, kind := range state.ExtraKinds() {
		if of := s.Extras[kind]; len(of) > 0 {
			line(extraNames[kind], "%s", counted(of))
		}
	}
	if s.Sent != nil {
		line("sent", "%s in %s uploads, %s API requests", humanize.IBytes(uint64(max(s.Sent.Bytes, 0))),
			humanize.Comma(int64(s.Sent.Puts)), humanize.Comma(int64(s.Sent.Requests)))
	}
	if len(s.Requests) > 0 {
		line("requests", "%s", counted(s.Requests))
	}
	if s.Durations.Slowest != "" {
		line("an item took", "%.3g s on average, %.3g s at most (%s)", s.Durations.ItemMean, s.Durations.ItemMax, s.Durations.Slowest)
	}
}

// counted is "300 done, 5 blocked": the largest first.
func counted(counts map[string]int) string {
	names := largest(counts)
	for i, name := range names {
		names[i] = humanize.Comma(int64(counts[name])) + " " + name
	}
	return strings.Join(names, ", ")
}

func listFiles(line func(name, format string, args ...any), dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, PageFile)); err == nil {
		line("to read", "%s, in a browser", filepath.Join(dir, PageFile))
	}
	line("files", "%s", filepath.Clean(dir))
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			line("", "%s, %s", e.Name(), humanize.IBytes(uint64(info.Size())))
		}
	}
	return nil
}

// printable keeps what comes from files from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
