package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// sandboxFlags describe the tenant that `migrate sandbox` serves.
type sandboxFlags struct {
	addr       string
	dir        string
	subdomain  string
	divisions  []string
	users      []string
	processing time.Duration
	listLag    time.Duration
	seed       uint64
	faults     string
	rate       rateFlag
	burst      int
	advice     string
	budget     budgetFlag
}

func newSandbox(a *app) *cobra.Command {
	var f sandboxFlags
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Serve a stand-in for the service on this machine",
		Long: `Sandbox serves an emulator of the service on a loopback address until Ctrl-C, and
prints the environment that makes other commands use it. With --dir it keeps what
it is given; without, everything ends with it, and the bytes of files are dropped
at once: verify --deep and --keep-replaced need --dir. --faults makes requests fail at random, the same ones for the same
--seed. Rates (0 to 1): 5xx, reset, lost, late, 429, html, truncated, slow,
storage (503), storage-reset, storage-lost, storage-expired.

GET /_emulator/books on its address tells what it saw.`,
		Example: "  migrate sandbox --addr 127.0.0.1:8080 --faults 5xx=0.05,lost=0.02",
		Args:    argsOf(cobra.NoArgs),
	}
	fs := cmd.Flags()
	fs.StringVar(&f.addr, "addr", "127.0.0.1:8080", "loopback address to listen on; port 0 takes a free one")
	fs.StringVar(&f.dir, "dir", "", "keep everything in this folder (default: in memory, and no bytes of files)")
	fs.StringVar(&f.subdomain, "subdomain", emulator.DefaultSubdomain, "name of the tenant")
	fs.StringArrayVar(&f.divisions, "division", nil, "a further Division (repeatable)")
	fs.StringArrayVar(&f.users, "user", nil, "e-mail address of a further user (repeatable)")
	fs.DurationVar(&f.processing, "processing", 0, "how long a file is processed")
	fs.DurationVar(&f.listLag, "list-lag", 0, "how long a new asset is missing from lists")
	fs.Uint64Var(&f.seed, "seed", 1, "of ids and faults")
	fs.StringVar(&f.faults, "faults", "", "rates of faults, such as 5xx=0.05,reset=0.03,lost=0.02,429=0.02")
	fs.Var(&f.rate, "rate", "requests above this rate are answered 429, such as 7/s or 420/m (default: none are)")
	fs.IntVar(&f.burst, "burst", 0, "requests of --rate that may come at once; 0 is those of a second, at least 1")
	fs.StringVar(&f.advice, "advice", "seconds", "what a 429 says of how long to wait: seconds, date or none")
	f.budget.bare = true
	fs.Var(&f.budget, "budget", "requests that it answers in such a time: 500/1h, or a number a day (default: no limit)")
	cmd.RunE = a.action(noManifest, func(ctx context.Context, _ []string) (int, error) { return exitOK, a.sandbox(ctx, f) })
	return cmd
}

// checkAddress refuses what cannot be listened on: it must be a host and a port.
func checkAddress(flag, address string) error {
	const form = "write a host and a port from 0 to 65535, such as 127.0.0.1:8080; port 0 takes a free one"
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		return usagef("--%s: %q is no address (write 127.0.0.1:%s)", flag, address, address)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return usagef("--%s: %q is no address (%s)", flag, address, form)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return usagef("--%s %q: %q is no port (%s)", flag, address, port, form)
	}
	return nil
}

// listenError says why an address could not be listened on.
func listenError(flag, address string, err error) error {
	var sys *net.OpError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return usagef("--%s %s: %v (take another port: 0 takes a free one)", flag, address, err)
}

// parseRates reads "5xx=0.05,reset=0.03".
func parseRates(text string) (emulator.Rates, error) {
	var r emulator.Rates
	names := map[string]*float64{
		"5xx": &r.Status5xx, "5xx-after": &r.Status5xxAfter, "reset": &r.ResetBefore, "lost": &r.LostAfter, "late": &r.Late, "429": &r.TooMany,
		"html": &r.HTML, "truncated": &r.Truncated, "slow": &r.Slow, "storage": &r.Storage503, "storage-reset": &r.StorageReset,
		"storage-lost": &r.StorageLost, "storage-expired": &r.StorageExpired, "storage-500": &r.Storage500,
	}
	for entry := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		name, value, _ := strings.Cut(entry, "=")
		rate := names[strings.TrimSpace(name)]
		if rate == nil {
			known := make([]string, 0, len(names))
			for n := range names {
				known = append(known, n)
			}
			slices.Sort(known)
			return r, usagef("--faults: unknown fault %q (one of %s)", name, strings.Join(known, ", "))
		}
		p, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(p >= 0 && p <= 1) {
			return r, usagef("--faults: %s=%s is no rate (a number from 0 to 1, such as 0.05)", name, value)
		}
		*rate = p
	}
	return r, nil
}

func (a *app) sandbox(ctx context.Context, f sandboxFlags) error {
	rates, err := parseRates(f.faults)
	if err != nil {
		return err
	}
	if err := checkAddress("addr", f.addr); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(f.addr) // checked
	if !config.Loopback("http://" + net.JoinHostPort(host, "1")) {
		return usagef("--addr %s: a sandbox listens on this machine only (such as 127.0.0.1:8080)", f.addr)
	}
	if f.processing < 0 || f.listLag < 0 {
		return usagef("--processing and --list-lag must not be negative")
	}
	if f.burst < 0 || f.burst > 0 && f.rate.perSecond == 0 {
		return usagef("--burst must be 0 or more, and goes with --rate")
	}
	advice := map[string]emulator.Advice{"seconds": emulator.AdviceSeconds, "date": emulator.AdviceDate, "none": emulator.AdviceNone}
	if _, ok := advice[f.advice]; !ok {
		return usagef("--advice %q: use seconds, date or none", f.advice)
	}
	o := sandboxOptions(f.subdomain)
	o.Dir, o.Processing, o.ListLag, o.Seed, o.Admin = f.dir, f.processing, f.listLag, f.seed, true
	o.Switches.Rate, o.Switches.Burst = f.rate.perSecond, f.burst
	o.Budget = emulator.Budget{Limit: f.budget.N, Window: f.budget.Window, Advice: advice[f.advice]}
	for _, d := range f.divisions {
		addDivision(&o, d)
	}
	for _, u := range f.users {
		addUser(&o, u)
	}
	emu, err := emulator.New(o)
	if err != nil {
		return sandboxError(f.dir, err)
	}
	emu.Chaos(f.seed, rates)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.addr)
	if err != nil {
		return errors.Join(listenError("addr", f.addr, err), emu.Close())
	}
	server := &http.Server{Handler: emu, ReadHeaderTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	err = a.invite(o.Subdomain, listener.Addr().String())
	if err == nil {
		select {
		case <-ctx.Done(): // Ctrl-C is how a sandbox ends
		case err = <-served:
		}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if server.Shutdown(closing) != nil {
		_ = server.Close() // somebody still sends: they lose the connection
	}
	return errors.Join(err, emu.Close())
}

// invite prints how to use the sandbox at addr.
func (a *app) invite(subdomain, addr string) error {
	vars := [][2]string{
		{"SHOWPAD_API_URL", "http://" + addr + "/v4"},
		{"SHOWPAD_V3_URL", "http://" + addr + "/api/v3"},
		{"SHOWPAD_SUBDOMAIN", subdomain},
		{"SHOWPAD_TOKEN", emulator.DefaultToken},
	}
	if a.json {
		env := map[string]string{}
		for _, v := range vars {
			env[v[0]] = v[1]
		}
		return view.WriteJSON(a.out, struct {
			Version int               `json:"version"`
			Type    string            `json:"type"`
			Addr    string            `json:"addr"`
			Env     map[string]string `json:"env"`
		}{1, "sandbox", addr, env})
	}
	for _, v := range vars {
		if _, err := fmt.Fprintf(a.out, "export %s=%s\n", v[0], v[1]); err != nil {
			return err
		}
	}
	say(a.err, "a sandbox listens on %s; Ctrl-C ends it", addr)
	say(a.err, "its OAuth client, for auth login: SHOWPAD_CLIENT_ID=%s SHOWPAD_CLIENT_SECRET=%s, without SHOWPAD_TOKEN", emulator.DefaultClientID, emulator.DefaultClientSecret)
	return nil
}

// sandboxError says why a sandbox cannot be opened.
func sandboxError(dir string, err error) error {
	switch {
	case errors.Is(err, emulator.ErrInUse):
		return &lockedSandbox{dir: dir, err: err}
	case dir != "" && !errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the sandbox in %s cannot be opened: %w (remove the folder to begin with an empty one)", dir, err)
	default:
		return fmt.Errorf("the sandbox cannot be opened: %w", err)
	}
}

// lockedSandbox is a sandbox that another process has: it counts as a locked state.
type lockedSandbox struct {
	dir string
	err error
}

func (e *lockedSandbox) Error() string {
	return fmt.Sprintf("%s: the sandbox is in use by another command (wait for it, or stop it)", e.dir)
}

func (e *lockedSandbox) Unwrap() error { return e.err }
