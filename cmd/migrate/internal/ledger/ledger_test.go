package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ showpad.Budget     = (*Ledger)(nil)
	_ pipeline.Allowance = (*Ledger)(nil)
)

// fastDir is a folder of the test's, in memory where there is one: the tests write as
// often as a week of runs.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "migrate-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// machine is a machine with its clocks: the true time, which nobody knows, and a wall
// clock that people put.
type machine struct {
	dir    string
	truth  time.Duration // since the test began
	wrong  time.Duration // of the wall clock
	booted time.Duration
	boots  int
	spent  []time.Duration // the true times of all requests
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func (m *machine) now() Instant {
	return Instant{Wall: noon.Add(m.truth + m.wrong), Boot: fmt.Sprint("boot-", m.boots), Up: m.truth - m.booted}
}

func (m *machine) open(t testing.TB, limit string, change ...func(*Config)) *Ledger {
	t.Helper()
	cfg := Config{clock: m.now, Log: zerolog.Nop()}
	if limit != "" {
		var err error
		if cfg.Limit, err = ParseLimit(limit); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range change {
		c(&cfg)
	}
	l, err := Open(t.Context(), m.dir, "acme.json", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.kill() })
	return l
}

// kill leaves a ledger as a kill of its process does.
func (l *Ledger) kill() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.wg.Wait()
}

func (l *Ledger) end(t testing.TB) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// spend spends up to n requests and tells how many there were.
func (m *machine) spend(t testing.TB, l *Ledger, n int) int {
	t.Helper()
	for i := range n {
		err := l.Spend(t.Context())
		l.wg.Wait() // what it fetched ahead
		switch {
		case errors.Is(err, showpad.ErrBudget):
			return i
		case err != nil:
			t.Fatal(err)
		}
		m.spent = append(m.spent, m.truth)
	}
	return n
}

func (m *machine) wait(d time.Duration) { m.truth += d }

// most is the largest number of requests in any stretch of a window's length that
// ends with the last one.
func (m *machine) lately(window time.Duration) (n int) {
	for _, at := range m.spent {
		if m.truth-at <= window {
			n++
		}
	}
	return n
}

func TestABudgetIsSpentOnceAndComesBack(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "1000/24h")
	if n := m.spend(t, l, 1200); n != 1000 {
		t.Errorf("%d requests of 1000", n)
	}
	if n, limited := l.Left(); n != 0 || !limited {
		t.Errorf("left %d, %v", n, limited)
	}
	l.end(t)
	m.wait(23*time.Hour + 59*time.Minute)
	l = m.open(t, "1000/24h")
	if n := m.spend(t, l, 1); n != 0 {
		t.Error("a request a minute before the window is over")
	}
	l.end(t)
	m.wait(3 * time.Minute)
	l = m.open(t, "1000/24h")
	if n := m.spend(t, l, 1200); n != 1000 {
		t.Errorf("%d requests of 1000 in the next window", n)
	}
	l.end(t)
}

func TestTheReserveIsLeft(t *testing.T) {
	for reserve, want := range map[string]int{"": 100, "0": 0, "7": 7, "25%": 250, "5000": 1000} {
		m := &machine{dir: fastDir(t)}
		l := m.open(t, "1000/24h", func(c *Config) {
			if reserve != "" {
				c.Reserve = must(ParseReserve(reserve))
			}
		})
		m.spend(t, l, 3)
		if n, _ := l.Left(); n != max(1000-3-want, 0) {
			t.Errorf("reserve %q: %d left", reserve, n)
		}
		l.end(t)
	}
	for limit, want := range map[int]int{5000: 500, 500: 50, 200: 50, 60: 30, 1: 0} {
		if n := (Reserve{}).Of(limit); n != want {
			t.Errorf("of %d: %d, want %d", limit, n, want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAKilledProcessCostsWhatItsLeasesHad(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "1000/24h")
	m.spend(t, l, 5)
	l.kill()
	l = m.open(t, "1000/24h")
	if n := m.spend(t, l, 1200); n != 975 {
		t.Errorf("%d requests after a kill that left a lease of 25 with 5 spent", n)
	}
	l.end(t)

	// What a clean end leaves is there.
	m = &machine{dir: fastDir(t)}
	l = m.open(t, "1000/24h")
	m.spend(t, l, 5)
	l.end(t)
	l = m.open(t, "1000/24h")
	if n := m.spend(t, l, 1200); n != 995 {
		t.Errorf("%d requests after a clean end with 5 spent", n)
	}
	l.end(t)
}

func TestALeaseIsOnDiskBeforeItsFirstRequest(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "1000/24h")
	path := l.Path()
	for range 200 {
		m.spend(t, l, 1)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		on, _ := d.spent(m.now(), 24*time.Hour, func(string) bool { return false })
		if on < len(m.spent) {
			t.Fatalf("%d requests are spent and the file knows of %d", len(m.spent), on)
		}
	}
	l.end(t)
}

func TestTwoProcessesShareABudget(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	a, b := m.open(t, "500/24h"), m.open(t, "500/24h")
	n := 0
	for {
		k := m.spend(t, a, 7) + m.spend(t, b, 11)
		if n += k; k == 0 {
			break
		}
	}
	if n > 500 || n < 450 {
		t.Errorf("together %d of 500", n)
	}
	a.end(t)
	b.end(t)
	c := m.open(t, "500/24h")
	if n += m.spend(t, c, 100); n != 500 {
		t.Errorf("with what they gave back: %d of 500", n)
	}
	c.end(t)
}

func TestWithoutABudgetRequestsAreCountedAndNeverRefused(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "")
	if n := m.spend(t, l, 3000); n != 3000 {
		t.Fatalf("%d requests went", n)
	}
	if _, limited := l.Left(); limited {
		t.Error("limited by nothing")
	}
	if s := l.Standing(); s.Spent != 3000 {
		t.Errorf("%d counted", s.Spent)
	}
	l.end(t)
	// A budget that is given later knows of them.
	l = m.open(t, "3100/24h")
	if n := m.spend(t, l, 200); n != 100 {
		t.Errorf("%d of 3100 after 3000", n)
	}
	l.end(t)
}

func TestCountingIsCheap(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "")
	writes, before := 0, ""
	for range 20_000 {
		m.spend(t, l, 1)
		if l.leases[len(l.leases)-1].id != before {
			before = l.leases[len(l.leases)-1].id
			writes++
		}
	}
	if writes > 40 {
		t.Errorf("%d writes for 20,000 requests without a budget", writes)
	}
	l.end(t)
}

func TestAFolderThatCannotBeWrittenToFailsNoRunWithoutABudget(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		return // rights do not bind
	}
	m := &machine{dir: fastDir(t)}
	free, bound := m.open(t, ""), m.open(t, "1000/24h")
	if err := os.Chmod(m.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if n := m.spend(t, free, 200); n != 200 {
		t.Errorf("%d of 200 without a budget", n)
	}
	if n := m.spend(t, bound, 200); n != 0 {
		t.Errorf("%d requests that nobody could count", n)
	}
	if err := os.Chmod(m.dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatIsAFolderIsTold(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	if err := os.Mkdir(filepath.Join(m.dir, "acme.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := m.open(t, "1000/24h")
	if err := l.Spend(t.Context()); !errors.Is(err, showpad.ErrBudget) || !strings.Contains(err.Error(), "cannot be kept") {
		t.Errorf("error %v", err)
	}
	l.kill()
	l = m.open(t, "")
	if n := m.spend(t, l, 100); n != 100 {
		t.Errorf("%d of 100 without a budget", n)
	}
	l.kill()
}

func TestADamagedLedgerCountsAsSpent(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "1000/1h")
	m.spend(t, l, 30)
	l.end(t)
	if err := os.WriteFile(l.Path(), []byte(`{"version":1,"entries":[{"n":-4}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(l.Path(), noon, noon); err != nil {
		t.Fatal(err)
	}
	m.wait(10 * time.Minute)
	var told []string
	l = m.open(t, "1000/1h", func(c *Config) { c.Tell = func(line string) { told = append(told, line) } })
	if n, _ := l.Left(); n != 0 {
		t.Errorf("%d left before it was looked at", n)
	}
	if n := m.spend(t, l, 1); n != 0 {
		t.Error("a request that may be one too many")
	}
	if len(told) != 1 || !strings.Contains(told[0], "damaged") || !strings.Contains(told[0], "remove") {
		t.Errorf("told %q", told)
	}
	l.end(t)
	if _, err := os.Stat(l.Path() + ".damaged"); err != nil {
		t.Error(err)
	}
	m.wait(62 * time.Minute) // what it may have known was spent before it was last written, or little later
	l = m.open(t, "1000/1h")
	if n := m.spend(t, l, 1); n != 1 {
		t.Error("it counts for ever")
	}
	l.end(t)
}

// TestWhatIsNotKnownIsFreeWhenItIsSaidToBe: of a damaged file, as of a killed process,
// requests may have been spent later than it was written.
func TestWhatIsNotKnownIsFreeWhenItIsSaidToBe(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "1000/1h")
	m.spend(t, l, 30)
	l.end(t)
	if err := os.WriteFile(l.Path(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(l.Path(), noon, noon); err != nil {
		t.Fatal(err)
	}
	l = m.open(t, "1000/1h")
	m.spend(t, l, 1)
	at, n := l.Opens()
	l.end(t)
	m.wait(at.Sub(m.now().Wall) + time.Second)
	l = m.open(t, "1000/1h")
	if k := m.spend(t, l, 1000); n != 900 || k < n {
		t.Errorf("%d were to be free at %s, and %d are", n, at, k)
	}
	l.end(t)
}

// TestAFileThatSaysNothingIsDamaged: nothing in it is not nothing spent.
func TestAFileThatSaysNothingIsDamaged(t *testing.T) {
	for _, text := range []string{"null", "{}", "", "\x00\x00\x00"} {
		m := &machine{dir: fastDir(t)}
		if err := os.WriteFile(filepath.Join(m.dir, "acme.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := m.open(t, "1000/1h")
		if n, _ := l.Left(); n != 0 {
			t.Errorf("%q: %d left", text, n)
		}
		if n := m.spend(t, l, 1); n != 0 {
			t.Errorf("%q: a request that may be one too many", text)
		}
		l.end(t)
	}
}

func TestWhatIsLeftOfABudgetThatIsUsedUp(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "40/1h", func(c *Config) { c.Reserve = must(ParseReserve("10")) })
	if n := l.Most(); n != 30 {
		t.Errorf("at most %d", n)
	}
	for _, c := range []struct{ spend, left, there int }{{25, 5, 15}, {11, 0, 4}, {4, 0, 0}} {
		m.spend(t, l, c.spend)
		if s := l.Standing(); s.Left != c.left || s.There != c.there {
			t.Errorf("%d before the reserve, %d with it; want %d, %d", s.Left, s.There, c.left, c.there)
		}
	}
	l.end(t)
}

func TestAFileOfALaterVersionIsLeftAlone(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	path, text := filepath.Join(m.dir, "acme.json"), `{"version":2,"what":"else"}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), m.dir, "acme.json", Config{Limit: Limit{N: 10, Window: time.Hour}}); err == nil {
		t.Error("a budget without its ledger")
	}
	l := m.open(t, "")
	m.spend(t, l, 100)
	l.end(t)
	if b, err := os.ReadFile(path); string(b) != text || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestOnlyTheOwnerReadsIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // rights there are those of the profile folder
	}
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "10/1h")
	m.spend(t, l, 1)
	l.end(t)
	info, err := os.Stat(l.Path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestTheClockIsPut(t *testing.T) {
	for name, step := range map[string]time.Duration{"back": -7 * time.Hour, "forward": 30 * time.Hour, "years back": -50 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			m := &machine{dir: fastDir(t)}
			l := m.open(t, "100/24h")
			m.spend(t, l, 100)
			l.end(t)
			m.wrong = step
			l = m.open(t, "100/24h")
			if n := m.spend(t, l, 1); n != 0 {
				t.Error("the clock made a request free")
			}
			l.end(t)
			m.wait(24*time.Hour + 2*time.Minute)
			l = m.open(t, "100/24h")
			if n := m.spend(t, l, 200); n != 100 {
				t.Errorf("%d requests of 100 a day later", n)
			}
			l.end(t)
		})
	}
	// After another start of the system only the wall clock tells: put back, it costs
	// time, and a day at most.
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "100/24h")
	m.spend(t, l, 100)
	l.end(t)
	m.boots, m.booted, m.wrong = 1, m.truth, -7*time.Hour
	l = m.open(t, "100/24h")
	if n := m.spend(t, l, 1); n != 0 {
		t.Error("the clock made a request free")
	}
	l.end(t)
	m.wait(24*time.Hour + 2*time.Minute)
	l = m.open(t, "100/24h")
	if n := m.spend(t, l, 200); n != 100 {
		t.Errorf("%d requests of 100 a day later", n)
	}
	l.end(t)
}

func TestWhatOthersSpendIsTakenIntoAccount(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "")
	m.spend(t, l, 40)
	l.Heard(5000, 4000, 24*time.Hour)
	if n, limited := l.Left(); n != 3500 || !limited {
		t.Errorf("left %d, %v: want 4000 but for the reserve of 500", n, limited)
	}
	m.spend(t, l, 60)
	if n, _ := l.Left(); n != 3440 {
		t.Errorf("left %d after 60 more", n)
	}
	l.Heard(5000, 600, 24*time.Hour)
	m.spend(t, l, 10)
	if n, _ := l.Left(); n != 90 {
		t.Errorf("left %d, after others took many", n)
	}
	l.end(t)
	// The next process knows.
	l = m.open(t, "")
	if n, limited := l.Left(); n != 90 || !limited {
		t.Errorf("left %d, %v in the next process", n, limited)
	}
	if s := l.Standing(); !s.Service || s.Limit != 5000 || s.Reserve != 500 || s.Left != 90 {
		t.Errorf("standing %+v", s)
	}
	l.end(t)
	// A budget that was given is never more than the service has left, nor more than it is.
	l = m.open(t, "200/24h", func(c *Config) { c.Reserve = must(ParseReserve("0")) })
	if n, _ := l.Left(); n != 90 {
		t.Errorf("left %d: 110 of 200 are spent, 590 are left there", n)
	}
	l.Heard(5000, 20, 24*time.Hour)
	if n, _ := l.Left(); n != 20 {
		t.Errorf("left %d of 20", n)
	}
	l.end(t)
	// What is old tells nothing.
	m.wait(25 * time.Hour)
	l = m.open(t, "")
	if _, limited := l.Left(); limited {
		t.Error("limited by yesterday")
	}
	l.end(t)
}

func TestWhenItOpens(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	l := m.open(t, "1000/24h")
	m.spend(t, l, 450)
	m.wait(2 * time.Hour)
	m.spend(t, l, 450)
	at, n := l.Opens()
	// Half of the 900 that a run may use are free a day after the first 450 went.
	if want := noon.Add(24*time.Hour + time.Minute); at.Sub(want).Abs() > time.Minute || n != 450 {
		t.Errorf("%d at %v, want 450 at %v", n, at, want)
	}
	m.spend(t, l, 100)
	if err := l.Spend(t.Context()); err == nil || !strings.Contains(err.Error(), "1000 of 1000 requests in 24h") || !strings.Contains(err.Error(), "free from") {
		t.Errorf("error %v", err)
	}
	l.end(t)
}

func TestManyGoroutines(t *testing.T) {
	l := must(Open(t.Context(), fastDir(t), "acme.json", Config{Limit: Limit{N: 1000, Window: time.Hour}, Log: zerolog.Nop()}))
	var mu sync.Mutex
	n := 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for l.Spend(t.Context()) == nil {
				mu.Lock()
				n++
				mu.Unlock()
				l.Left()
			}
		})
	}
	wg.Wait()
	if n != 1000 {
		t.Errorf("%d of 1000", n)
	}
	l.end(t)
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	l := must(Open(t.Context(), fastDir(t), "acme.json", Config{Limit: Limit{N: 1000, Window: time.Hour}, Log: zerolog.Nop()}))
	l.mu.Lock()
	l.fetch = &fetch{done: make(chan struct{})} // that never comes
	l.mu.Unlock()
	why := errors.New("interrupt")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := l.Spend(ctx); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	l.kill()
}

// TestNoWindowEverGoesOver lets processes come and go, be killed, share a ledger, and
// people put the clock: no stretch of a window's length sees more than the budget.
func TestNoWindowEverGoesOver(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 7))
		m := &machine{dir: fastDir(t)}
		limits := []string{"30/1h", "200/1h", "1000/24h", "60/30s"}
		limit := limits[seed%4]
		lim := must(ParseLimit(limit))
		forward := rng.IntN(2) == 0 // with a clock that is put forward nobody restarts the machine
		var open []*Ledger
		for range 120 {
			switch k := rng.IntN(20); {
			case k < 3 || len(open) == 0:
				if len(open) < 4 {
					open = append(open, m.open(t, limit))
				}
			case k < 11:
				m.spend(t, open[rng.IntN(len(open))], 1+rng.IntN(max(lim.N/6, 2)))
				if n := m.lately(lim.Window); n > lim.N {
					t.Fatalf("seed %d: %d requests within %s, of %d", seed, n, lim.Window, lim.N)
				}
			case k < 15:
				m.wait(time.Duration(rng.Int64N(int64(lim.Window) / 3)))
			case k < 17:
				i := rng.IntN(len(open))
				open[i].end(t)
				open = append(open[:i], open[i+1:]...)
			case k < 18:
				i := rng.IntN(len(open))
				open[i].kill()
				open = append(open[:i], open[i+1:]...)
			case k < 19:
				step := time.Duration(rng.Int64N(int64(3 * lim.Window)))
				if !forward {
					step = -step
				}
				m.wrong += step
			case !forward:
				for _, l := range open {
					l.kill()
				}
				open = nil
				m.boots++
				m.booted = m.truth
			}
		}
		for _, l := range open {
			l.end(t)
		}
	}
}

// TestLittleOfABudgetIsLost: who runs again and again uses nearly all of it.
func TestLittleOfABudgetIsLost(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	n := 0
	const days = 4
	for range days * 12 {
		l := m.open(t, "1000/24h")
		n += m.spend(t, l, 120)
		l.end(t)
		m.wait(2 * time.Hour)
	}
	if n < days*1000*95/100 {
		t.Errorf("%d requests in %d days of 1000", n, days)
	}
	b, err := os.ReadFile(filepath.Join(m.dir, "acme.json"))
	if err != nil || len(b) > 64<<10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestTheBookStaysSmall(t *testing.T) {
	m := &machine{dir: fastDir(t)}
	d := &book{Version: version}
	for range 6_000 {
		m.wait(12 * time.Second)
		d.Entries = append(d.Entries, entry{N: 75, Begun: m.now(), Ended: m.now()})
		d.clean(m.now())
		if len(d.Entries) > most+1 {
			t.Fatalf("%d entries", len(d.Entries))
		}
	}
	n, _ := d.spent(m.now(), 12*time.Hour, func(string) bool { return false })
	if want := 12 * 900 * 25; n < want || n > want*102/100 {
		t.Errorf("%d in twelve hours, want %d and little more", n, want)
	}
}

func TestForms(t *testing.T) {
	for text, want := range map[string]string{
		"5000/24h": "5000/24h", "5000/day": "5000/24h", "5,000/d": "5000/24h", "200/h": "200/1h", "90000/30d": "90000/720h", "10/90s": "10/1m30s", "7/min": "7/1m",
	} {
		l, err := ParseLimit(text)
		if err != nil || l.String() != want {
			t.Errorf("%s: %s, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "5000", "0/24h", "-5/h", "5000/", "5000/0s", "5000/400d", "x/h", "5000/fortnight", "5/1ms"} {
		if l, err := ParseLimit(text); err == nil {
			t.Errorf("%q is %s", text, l)
		}
	}
	for text, want := range map[string]string{"500": "500", "0": "0", "10%": "10%", "2.5%": "2.5%"} {
		if r, err := ParseReserve(text); err != nil || r.String() != want {
			t.Errorf("%s: %s, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "-1", "100%", "many", "%"} {
		if r, err := ParseReserve(text); err == nil {
			t.Errorf("%q is %s", text, r)
		}
	}
	if a, b := Name("acme", "one"), Name("acme", "two"); a == b || !strings.HasPrefix(a, "acme-") || strings.Contains(a, "one") {
		t.Errorf("%s, %s", a, b)
	}
}

// BenchmarkSpend is what a request costs in the path of all of them.
func BenchmarkSpend(b *testing.B) {
	for name, limit := range map[string]Limit{"counted": {}, "limited": {N: 1 << 30, Window: 24 * time.Hour}} {
		b.Run(name, func(b *testing.B) {
			l := must(Open(b.Context(), fastDir(b), "acme.json", Config{Limit: limit, Log: zerolog.Nop()}))
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Spend(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			l.end(b)
		})
	}
}
