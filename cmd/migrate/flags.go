package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// serviceFlags say which service is talked to and how.
type serviceFlags struct {
	subdomain string
	sandbox   bool
	caFile    string
	requests  int
	retries   int
	budget    budgetFlag
	reserve   reserveFlag
	counters  func(showpad.Counters) // is told what the service says of its own count of requests; nil: nobody
	rate      rateFlag
	begins    bool // nothing is sent while the budget does not suffice to begin anything
}

func (f *serviceFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.subdomain, "subdomain", "", "tenant: the first part of acme.showpad.com (default: SHOWPAD_SUBDOMAIN, or the manifest's)")
	fs.BoolVar(&f.sandbox, "sandbox", false, "use a stand-in for the service, kept beside the manifest; needs no account")
	fs.StringVar(&f.caFile, "ca-file", "", "PEM file of certificates to trust beside the system's")
	fs.IntVar(&f.requests, "requests", 8, "API requests in flight, 1 to 256")
	f.addRate(fs)
	fs.IntVar(&f.retries, "retries", 6, "further attempts of a request that may go through later")
	f.addBudget(fs)
	fs.Var(&f.reserve, "reserve", "requests of a budget that a run leaves to others: a number, or a share of it (default 10%, at least 50, at most half)")
}

// addLive adds the flags of commands that have no manifest and no sandbox.
func (f *serviceFlags) addLive(fs *pflag.FlagSet) {
	f.requests = 8
	f.addRate(fs)
	fs.StringVar(&f.subdomain, "subdomain", "", "tenant: the first part of acme.showpad.com (default: SHOWPAD_SUBDOMAIN)")
	fs.StringVar(&f.caFile, "ca-file", "", "PEM file of certificates to trust beside the system's")
	fs.IntVar(&f.retries, "retries", 6, "further attempts of a request that may go through later")
	f.addBudget(fs)
}

// selectFlags narrow what a command looks at.
type selectFlags struct {
	only     []string
	division string
	limit    int
	picks    *picks // of only, once it is read; nil: everything
}

func (f *selectFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.only, "only", nil, "items whose external ID matches this pattern (* and ?), or is in @FILE: IDs one a line, or a CSV file or workbook such as failures.csv")
	fs.StringVar(&f.division, "division", "", "items of this Division, by name or id as the manifest has it")
	fs.IntVar(&f.limit, "limit", 0, "the first N items only; 0 is all")
}

// stateFlag names another state than the one beside the manifest.
type stateFlag struct{ path string }

func (f *stateFlag) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.path, "state", "", "state file (default: MANIFEST.state.db beside the manifest)")
}

// runFlags are how a run goes on.
type runFlags struct {
	strict            bool
	fullCheck         bool
	exports           bool
	retryFailed       bool
	recreate          []string
	recreated         *picks // see recreates
	keepReplaced      string
	maxPrune          pruneLimit
	allowDelete       bool
	uploads           int
	bandwidth         bandwidth
	settleTime        time.Duration
	lookupMaxAge      time.Duration
	wait              time.Duration
	processingTimeout time.Duration
	drain             time.Duration
	maxFailures       int
}

// addDecisions adds the flags that change what a plan decides: plan and run
// take the same.
func (f *runFlags) addDecisions(fs *pflag.FlagSet) {
	fs.BoolVar(&f.strict, "strict", false, "problems that block a row stop everything")
	fs.BoolVar(&f.fullCheck, "full-check", false, "look at every known asset before deciding: fields, status, checksum and size")
	fs.BoolVar(&f.exports, "exports", true, "read an export of v3 where that takes fewer requests than looking assets up; =false looks each one up")
	fs.BoolVar(&f.retryFailed, "retry-failed", false, "start failed items again")
	f.addKeep(fs)
	fs.Var(&f.maxPrune, "max-prune", "prune nothing when more assets than this have left the manifest: a number, or a share of all such as 5%, which is at least 10 (default 5%)")
	fs.BoolVar(&f.allowDelete, "allow-delete", false, "let prune: delete remove assets for good")
	fs.StringArrayVar(&f.recreate, "recreate", nil, "external ID of an item that may be made again although its asset is gone, or key of a share or personal file of which nobody knows whether it was made (repeatable)")
}

func (f *runFlags) addKeep(fs *pflag.FlagSet) {
	fs.StringVar(&f.keepReplaced, "keep-replaced", "", "folder to keep the bytes in that a new version replaces, so that a rollback can put them back")
}

func (f *runFlags) add(fs *pflag.FlagSet) {
	f.addDecisions(fs)
	fs.DurationVar(&f.lookupMaxAge, "lookup-max-age", 15*time.Minute, "how old the look-up before a create may be")
	f.addPace(fs)
}

// addPace adds the flags that say how a run waits and when it ends.
func (f *runFlags) addPace(fs *pflag.FlagSet) {
	fs.IntVar(&f.uploads, "uploads", 8, "uploads in flight, at most, 1 to 256: a run begins with half of them, and goes by what storage takes")
	fs.Var(&f.bandwidth, "bandwidth", "what all uploads may use together, such as 20MiB/s, 20MB/s or 100Mbit/s; 0 is no limit")
	addSettleTime(fs, &f.settleTime)
	fs.DurationVar(&f.wait, "wait", 30*time.Minute, "how long to wait for processing that does not advance; 0 does not wait")
	fs.DurationVar(&f.processingTimeout, "processing-timeout", 24*time.Hour, "when an upload that is still not processed has failed")
	fs.DurationVar(&f.drain, "drain", time.Minute, "how long uploads in flight may take after a Ctrl-C")
	fs.IntVar(&f.maxFailures, "max-failures", 0, "stop after this many failed items; 0 is no limit")
}

// addForecast adds the flags of a run that a plan's forecast depends on.
func (f *runFlags) addForecast(fs *pflag.FlagSet) {
	fs.IntVar(&f.uploads, "uploads", 8, "for the forecast: uploads in flight")
	fs.Var(&f.bandwidth, "bandwidth", "for the forecast: what all uploads may use together, such as 20MiB/s, 20MB/s or 100Mbit/s")
}

func addSettleTime(fs *pflag.FlagSet, d *time.Duration) {
	fs.DurationVar(d, "settle-time", time.Minute, "how long the service's lists may take to show a new asset")
}

// tiny stands for "none" where a zero duration would mean the default.
const tiny = time.Nanosecond

func orTiny(d time.Duration) time.Duration { return max(d, tiny) }

// options are the settings in the pipeline's terms.
func (f *runFlags) options(s serviceFlags) pipeline.Options {
	o := pipeline.Options{
		Strict: f.strict, FullCheck: f.fullCheck, LookUpsOnly: !f.exports, RetryFailed: f.retryFailed,
		Uploads: f.uploads, Bandwidth: int64(f.bandwidth), Requests: s.requests, Retries: s.retries,
		SettleTime: orTiny(f.settleTime), LookupMaxAge: orTiny(f.lookupMaxAge),
		MaxPrune: f.maxPrune.PruneLimit, AllowDelete: f.allowDelete,
		Wait: f.wait, ProcessingTimeout: orTiny(f.processingTimeout), Drain: orTiny(f.drain), MaxFailures: f.maxFailures,
	}
	if f.keepReplaced != "" {
		o.KeepReplaced = realPath(f.keepReplaced)
	}
	if f.wait == 0 {
		o.Wait = -1
	}
	if s.retries == 0 {
		o.Retries = -1
	}
	if len(f.recreate) > 0 {
		o.Recreate = f.recreates().has
	}
	return o
}

// recreates are the items that --recreate names; nil when it names none.
func (f *runFlags) recreates() *picks {
	if f.recreated == nil && len(f.recreate) > 0 {
		f.recreated = &picks{ids: map[string]bool{}}
		for _, id := range f.recreate {
			f.recreated.ids[id] = false
		}
	}
	return f.recreated
}

// checkNumbers reports all numbers that make no sense, at once. Each entry is
// the flag, its value and the least that it may be.
func checkNumbers(numbers ...number) error {
	var errs []error
	for _, n := range numbers {
		switch most := mostOf[n.flag]; {
		case n.value < n.least:
			errs = append(errs, fmt.Errorf("--%s must be %d or more", n.flag, n.least))
		case most > 0 && n.value > most:
			errs = append(errs, fmt.Errorf("--%s must be %d at most: more at once only makes each slower", n.flag, most))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return usagef("%v", err)
	}
	return nil
}

// mostAtOnce is how much can be under way at once: each takes a connection and a file.
const mostAtOnce = 256

// mostOf is the most that a number may be, by its flag.
var mostOf = map[string]int64{"requests": mostAtOnce, "uploads": mostAtOnce, "downloads": mostAtOnce}

type number struct {
	flag  string
	value int64
	least int64
}

func (f *serviceFlags) numbers() []number {
	return []number{{"requests", int64(f.requests), 1}, {"retries", int64(f.retries), 0}}
}

func (f *selectFlags) numbers() []number { return []number{{"limit", int64(f.limit), 0}} }

func (f *runFlags) numbers() []number {
	return []number{
		{"uploads", int64(f.uploads), 1}, {"max-failures", int64(f.maxFailures), 0}, {"settle-time", int64(f.settleTime), 0},
		{"lookup-max-age", int64(f.lookupMaxAge), 0}, {"wait", int64(f.wait), 0}, {"processing-timeout", int64(f.processingTimeout), 0}, {"drain", int64(f.drain), 0},
	}
}

// pruneLimit is a --max-prune.
type pruneLimit struct{ pipeline.PruneLimit }

// Set takes a number or a share.
func (l *pruneLimit) Set(text string) (err error) {
	l.PruneLimit, err = pipeline.ParsePruneLimit(text)
	return err
}

// Type is shown in the help.
func (*pruneLimit) Type() string { return "number|share%" }

// separator is a --csv-separator.
type separator rune

func (s *separator) String() string {
	switch *s {
	case '\t':
		return "tab"
	case 0:
		return ","
	}
	return string(*s)
}

// Set takes a comma, a semicolon or a tab (also by the word).
func (s *separator) Set(text string) error {
	switch text {
	case ",", ";", "\t":
		*s = separator(text[0])
	case "tab", `\t`:
		*s = '\t'
	default:
		return errors.New("use a comma, a semicolon or tab")
	}
	return nil
}

// Type is shown in the help.
func (*separator) Type() string { return "separator" }

func addSeparator(fs *pflag.FlagSet) *separator {
	s := separator(',')
	fs.Var(&s, "csv-separator", "between the cells of CSV files: a comma, a semicolon or tab")
	return &s
}
