package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// openLog makes the one logger from --log-level, --log-format and --log-file.
func (a *app) openLog() error {
	levels := []string{"trace", "debug", "info", "warn", "error"}
	if !slices.Contains(levels, a.logLevel) {
		return usagef("--log-level %q: use trace, debug, info, warn or error", a.logLevel)
	}
	level, err := zerolog.ParseLevel(a.logLevel)
	if err != nil {
		return usagef("--log-level: %v", err)
	}
	out := a.err
	colour := a.bars && a.logFile == ""
	if a.logFile != "" {
		f, err := os.OpenFile(a.logFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return usagef("--log-file: %v", err)
		}
		a.closers = append(a.closers, f.Close)
		out = f
	}
	out = redacting{out, a.redact}
	switch a.logFormat {
	case "json":
	case "text":
		form := time.TimeOnly
		if a.logFile != "" { // it grows over days
			form = time.DateTime
		}
		out = consoleWriter(out, colour, form)
	default:
		return usagef("--log-format %q: use text or json", a.logFormat)
	}
	a.log = zerolog.New(zerolog.SyncWriter(out)).Level(level).With().Timestamp().Logger()
	return nil
}

func consoleWriter(out io.Writer, colour bool, form string) io.Writer {
	return zerolog.ConsoleWriter{Out: out, NoColor: !colour, TimeFormat: form,
		FormatLevel: func(v any) string { return fmt.Sprintf("%-5v", v) }}
}
