package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// Level is how bad a finding is.
type Level string

// Levels of findings.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning" // works, or may matter
	LevelFailed  Level = "failed"  // something will not work
	LevelSkipped Level = "skipped" // was not looked at; the text says why
)

// Finding is one line of a doctor's report.
type Finding struct {
	Check   string  `json:"check"` // stable: what was looked at, or the id of an assumption
	Level   Level   `json:"level"`
	Verdict Verdict `json:"verdict,omitempty"` // of an assumption
	Text    string  `json:"text"`
	Remedy  string  `json:"remedy,omitempty"` // the way on; "" when there is nothing to do
}

// DoctorAPI is what a doctor asks of the service. *showpad.Client has it.
type DoctorAPI interface {
	API
	Me(ctx context.Context) (showpad.Me, error)
	Call(ctx context.Context, r showpad.RawCall) (showpad.RawAnswer, error)
	QueryAssets(ctx context.Context, q showpad.AssetQuery) iter.Seq2[showpad.Asset, error]
}

// Doctor looks at a tenant for one account. Its zero members mean the default.
type Doctor struct {
	API      DoctorAPI      // required
	Observe  func(Finding)  // each finding, as soon as it is there; required
	Calls    *Calls         // requests that were sent, for the counters; nil: not counted
	Division string         // by name or id: that it exists, and for the probe; "": not asked for, the first one
	Scopes   []string       // of the access token; nil: not told
	Renewal  func() Renewal // what is known of the refresh token; nil: there is none that could be

	SettleTime time.Duration // 0 is 60 s
	Wait       time.Duration // of the probe for processing; 0 is 5 min
	Key        string        // of the probe, 16 hex digits; "": random

	me        showpad.Me
	meSent    int // requests that had been sent when me came
	divisions []showpad.Division
}

// Renewal is what is known of a refresh token.
type Renewal struct {
	Has             bool // there is one
	Replaced, Known bool // see [showpad.SavedToken.Rotation]
}

// Diagnose asks the service what it can tell without being written to: about ten
// requests. What is wrong is a finding; the error is the end of the context, or a
// credential that is refused.
func (d *Doctor) Diagnose(ctx context.Context) error {
	var asset string
	for _, look := range []func(context.Context) error{
		d.account,
		func(ctx context.Context) (err error) { asset, err = d.content(ctx); return err },
		d.namedDivisions,
		d.exports,
		d.writing,
		func(ctx context.Context) error { return d.storage(ctx, asset) },
		d.counters,
	} {
		if err := look(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *Doctor) tell(check string, level Level, remedy, format string, args ...any) {
	d.Observe(Finding{Check: check, Level: level, Remedy: remedy, Text: fmt.Sprintf(format, args...)})
}

// grave is an error that no further request would be without; else nil.
func grave(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, showpad.ErrNotSignedIn) || errors.Is(err, showpad.ErrPaused) || errors.Is(err, showpad.ErrBudget) {
		return err
	}
	return nil
}

// fail tells of an error, unless it ends everything.
func (d *Doctor) fail(ctx context.Context, check, what string, err error) error {
	if stop := grave(ctx, err); stop != nil {
		return stop
	}
	d.tell(check, LevelFailed, "", "%s: %v", what, err)
	return nil
}

// mostSkew is how far two clocks may be apart without a word.
const mostSkew = time.Minute

func (d *Doctor) account(ctx context.Context) error {
	me, err := d.API.Me(ctx)
	if err != nil {
		return d.fail(ctx, "account", "who is signed in cannot be read", err)
	}
	d.me, d.meSent = me, d.sent()
	d.tell("account", LevelOK, "", "%s (id %s); users can be read", me.Email, me.ID)
	switch skew := me.Skew.Abs(); {
	case me.ServerTime.IsZero():
		d.tell("clock", LevelSkipped, "", "the service does not tell its time")
	case skew > mostSkew:
		d.tell("clock", LevelWarning, "set this machine's clock: times in states and evidence, and relative dates, follow it", "this machine's clock is %s %s the service's", skew.Round(time.Second), map[bool]string{true: "behind", false: "ahead of"}[me.Skew > 0])
	default:
		d.tell("clock", LevelOK, "", "this machine's clock and the service's agree within %s", max(skew, time.Second).Round(time.Second))
	}
	return nil
}

// content reads one asset, and tells its id where it has bytes.
func (d *Doctor) content(ctx context.Context) (string, error) {
	a, err := d.API.Call(ctx, showpad.RawCall{Method: http.MethodGet, Path: "/assets?limit=1"})
	if err != nil {
		return "", d.fail(ctx, "content", "assets cannot be read", err)
	}
	var page struct {
		Count int             `json:"count"`
		Items []showpad.Asset `json:"items"`
	}
	if err := json.Unmarshal(a.Body, &page); err != nil {
		d.tell("content", LevelWarning, "", "assets can be read, but not this answer: %v", err)
		return "", nil
	}
	d.tell("content", LevelOK, "", "assets can be read: %d of them", page.Count)
	if len(page.Items) == 0 || page.Items[0].CurrentFile == nil {
		return "", nil
	}
	return page.Items[0].ID, nil
}

func (d *Doctor) namedDivisions(ctx context.Context) error {
	var names []string
	for div, err := range d.API.Divisions(ctx) {
		if err != nil {
			return d.fail(ctx, "divisions", "Divisions cannot be read", err)
		}
		d.divisions = append(d.divisions, div)
		names = append(names, div.Name)
	}
	slices.Sort(names)
	shown := strings.Join(names[:min(len(names), 10)], ", ")
	if len(names) > 10 {
		shown += fmt.Sprintf(" and %d more", len(names)-10)
	}
	switch {
	case len(names) == 0:
		d.tell("divisions", LevelFailed, "an administrator gives the account rights on a Division", "the account sees no Division")
	case d.Division != "" && d.division().ID == "":
		d.tell("divisions", LevelFailed, "correct the name, or ask for rights on it", "there is no Division %q for this account; it sees %s", d.Division, shown)
	default:
		d.tell("divisions", LevelOK, "", "%d can be read: %s; which of them may be written to only a write tells (--probe)", len(names), shown)
	}
	return nil
}

// Target is the Division that [Doctor.Probe] writes to, once Diagnose has read them; the
// zero value when there is none.
func (d *Doctor) Target() showpad.Division { return d.division() }

// division is the one that was asked for, or the first by name; the zero value when
// there is none.
func (d *Doctor) division() (found showpad.Division) {
	for _, div := range d.divisions {
		switch {
		case d.Division != "":
			if div.ID == d.Division || strings.EqualFold(div.Name, d.Division) {
				return div
			}
		case found.ID == "" || div.Name < found.Name:
			found = div
		}
	}
	return found
}

func (d *Doctor) exports(ctx context.Context) error {
	_, err := d.API.Call(ctx, showpad.RawCall{Method: http.MethodGet, Path: "/api/v3/exports/assets.json?limit=1"})
	if err != nil {
		return d.fail(ctx, "exports", "exports of v3 cannot be read (runs do without; big plans take more requests)", err)
	}
	d.tell("exports", LevelOK, "", "exports of v3 can be read")
	return nil
}

// writing is what is known of write rights without a write.
func (d *Doctor) writing(context.Context) error {
	run, mine := showpad.ScopesToRun()
	if d.Scopes == nil {
		d.tell("scopes", LevelSkipped, "", "the service does not tell the token's scopes; to write takes %s (--probe tries)", strings.Join(run, " and "))
	} else {
		var missing []string
		for _, scope := range slices.Concat(showpad.ScopesToRead(), run) {
			if !slices.Contains(d.Scopes, scope) {
				missing = append(missing, scope)
			}
		}
		switch {
		case len(missing) > 0:
			d.tell("scopes", LevelFailed, "an administrator adds them to the OAuth client; then run migrate auth login", "the token has no %s", strings.Join(missing, ", "))
		case !slices.Contains(d.Scopes, mine[0]):
			d.tell("scopes", LevelOK, "", "all but %s, which only My Files need", mine[0])
		default:
			d.tell("scopes", LevelOK, "", "all that are needed")
		}
	}
	if d.Renewal == nil {
		return nil
	}
	if r := d.Renewal(); !r.Has {
		d.tell("renewal", LevelFailed, "an administrator adds the scope "+showpad.ScopeRefresh+" to the OAuth client; then run migrate auth login", "there is no refresh token: the sign-in ends with its access token, after an hour at most")
	} else {
		d.tell("renewal", LevelOK, "", "there is a refresh token")
	}
	return nil
}

// storage reads the beginning of an asset's bytes.
func (d *Doctor) storage(ctx context.Context, asset string) error {
	if asset == "" {
		d.tell("storage", LevelSkipped, "", "there is no file to read here; --probe sends one")
		return nil
	}
	link, err := d.API.Download(ctx, asset)
	if errors.Is(err, showpad.ErrNotDownloadable) {
		d.tell("storage", LevelSkipped, "", "the asset that was looked at has no download link; --probe sends a file")
		return nil
	}
	if err == nil {
		var body io.ReadCloser
		if body, err = d.API.Fetch(ctx, link); err == nil {
			_, err = io.CopyN(io.Discard, body, 1)
			if errors.Is(err, io.EOF) {
				err = nil // an empty file
			}
			err = errors.Join(err, body.Close())
		}
	}
	if err != nil {
		if stop := grave(ctx, err); stop != nil {
			return stop
		}
		if refused, ok := errors.AsType[*showpad.Error](err); ok {
			d.tell("storage", LevelWarning, "--probe sends a file and reads it back", "storage answers, and has not the bytes that were asked for: %v", refused)
			return nil
		}
		d.tell("storage", LevelFailed, "the storage of files (Amazon S3) has to be reachable too: HTTPS_PROXY names a proxy, --ca-file its certificate", "bytes cannot be read: %v", err)
		return nil
	}
	d.tell("storage", LevelOK, "", "bytes can be read; whether they can be sent --probe tells")
	return nil
}

// sent is how many requests went to the API.
func (d *Doctor) sent() (n int) {
	if d.Calls == nil {
		return 0
	}
	for _, k := range d.Calls.Snapshot() {
		n += k
	}
	return n
}

// counters compares the request counter with what was sent.
func (d *Doctor) counters(ctx context.Context) error {
	if d.me.ID == "" {
		d.tell("budget", LevelSkipped, "", "the counters come with the account, which cannot be read")
		return nil
	}
	before, sentBefore := d.me, d.meSent
	me, err := d.API.Me(ctx)
	if err != nil {
		return d.fail(ctx, "budget", "the request counters cannot be read", err)
	}
	ours := d.sent() - sentBefore
	d.me, d.meSent = me, d.sent()
	switch {
	case me.Remaining < 0 || me.RateLimit == 0:
		d.tell("budget", LevelSkipped, "", "the service tells no request counters")
		return nil
	case me.Remaining*10 < me.RateLimit:
		d.tell("budget", LevelWarning, "wait, or do with what is left: a new asset takes two requests", "%s", d.budget(before, ours))
	default:
		d.tell("budget", LevelOK, "", "%s", d.budget(before, ours))
	}
	return nil
}

func (d *Doctor) budget(before showpad.Me, ours int) string {
	text := fmt.Sprintf("%d of %d requests are left", d.me.Remaining, d.me.RateLimit)
	if d.me.Window > 0 {
		text += fmt.Sprintf(", in %s", d.me.Window)
	}
	switch moved := before.Remaining - d.me.Remaining; {
	case before.Remaining < 0 || ours <= 0:
	case moved == 0:
		text += fmt.Sprintf("; the counter did not move for %d requests of ours", ours)
	default:
		text += fmt.Sprintf("; the counter moved by %d for %d requests of ours", moved, ours)
	}
	return text
}
