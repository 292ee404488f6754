package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// ticketWatch watches the tickets of a run together: one list of what is unfinished,
// and a read of each that has left it. It looks no more often than the service asks
// for, over restarts too: the record of what is watched is written before each look,
// and its time is when somebody looked last.
type ticketWatch struct {
	r *runner

	mu       sync.Mutex
	tickets  []*watchedTicket
	complete bool          // nothing more comes
	news     chan struct{} // one is waiting when anything above changed

	due   time.Time // of the next look; zero while there was no ticket
	moved time.Time // when a ticket last got further, or came
	told  bool
}

// longestTicketPause is the longest pause between two looks at tickets: each is a
// request of the tenant's budget.
const longestTicketPause = 5 * time.Minute

// watchedTicket is one that the service works on.
type watchedTicket struct {
	w      *extraWork
	status string // as last seen
}

func newTicketWatch(r *runner) *ticketWatch {
	return &ticketWatch{r: r, news: make(chan struct{}, 1), moved: time.Now()}
}

// add watches a ticket, from now on. The first look is due 30 seconds after the first
// ticket was accepted, or after an earlier run may have looked.
func (t *ticketWatch) add(w *extraWork) {
	pause := showpad.TicketPause
	resumed := w.Row.Action == ActionResume
	if resumed {
		pause = min(max(pause-t.r.in.now().Sub(w.rec.Updated), 0), pause)
	}
	t.mu.Lock()
	t.tickets, t.moved = append(t.tickets, &watchedTicket{w: w}), time.Now()
	if due := t.moved.Add(pause); t.due.IsZero() || resumed && due.After(t.due) {
		t.due = due
	}
	t.mu.Unlock()
	t.wake()
}

// last says that no further ticket comes.
func (t *ticketWatch) last() {
	t.mu.Lock()
	t.complete, t.moved = true, time.Now()
	t.mu.Unlock()
	t.wake()
}

func (t *ticketWatch) wake() {
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// now is what is watched, and whether more may come.
func (t *ticketWatch) now() (all []*watchedTicket, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.tickets), t.complete
}

// run ends when nothing is left to watch, when the service does not get further for
// longer than the run waits, or at a stop, which leaves the tickets for the next run.
func (t *ticketWatch) run(ctx context.Context) error {
	for {
		tickets, complete := t.now()
		if t.r.stopped() || len(tickets) == 0 && complete {
			return nil
		}
		pause := time.Hour // until there is one
		if len(tickets) > 0 {
			pause = t.untilDue()
			wait := t.patience(pause)
			if complete && wait <= 0 {
				t.leave(tickets)
				return nil
			}
			if pause <= 0 {
				on, err := t.look(ctx)
				if err != nil || !on {
					return err
				}
				continue
			}
			if complete {
				t.tell(len(tickets), wait)
				pause = min(pause, wait)
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-t.news:
		case <-t.r.stopping:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
	}
}

// untilDue is how long to leave until the next look.
func (t *ticketWatch) untilDue() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.due)
}

// patience is how long the run still waits for a service that does not get further;
// pause is until the next look.
func (t *ticketWatch) patience(pause time.Duration) time.Duration {
	wait := t.r.in.Options.Wait
	if wait == 0 {
		wait = 30 * time.Minute
	}
	if wait < 0 { // it does not wait; a look that is due is had
		if pause <= 0 {
			return time.Second
		}
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.moved.Add(wait))
}

// tell says once that the run waits.
func (t *ticketWatch) tell(waiting int, wait time.Duration) {
	if !t.told {
		t.told = true
		t.r.emit(Waiting{For: "processing", Text: fmt.Sprintf("personal files that the service is processing: %d", waiting), Until: time.Now().Add(wait)})
	}
}

// leave ends the run's part in tickets: the service works on, and the next run looks.
func (t *ticketWatch) leave(tickets []*watchedTicket) {
	for _, k := range tickets {
		k.w.Row.Reason = ReasonStillProcesses
		t.r.finishExtra(k.w, string(state.ExtraTicket), nil)
	}
}

// look asks for all tickets once. It reports whether to go on watching.
func (t *ticketWatch) look(ctx context.Context) (on bool, err error) {
	tickets, _ := t.now()
	// Whoever comes next sees when this was.
	if err := t.r.putExtra(ctx, tickets[0].w, func(*state.Extra) {}); err != nil {
		return false, err
	}
	t.mu.Lock()
	// The longer nothing has moved, the less there is to see.
	t.due = time.Now().Add(min(max(time.Since(t.moved)/10, showpad.TicketPause), longestTicketPause))
	t.mu.Unlock()
	unfinished := map[string]showpad.Ticket{}
	for k, err := range t.r.in.API.Tickets(ctx, true) {
		if err == nil {
			unfinished[k.ID] = k
			continue
		}
		if isRefusal(err) { // each is asked for singly then
			break
		}
		return t.unread(ctx, err)
	}
	var left []*watchedTicket
	for _, k := range tickets {
		if now, ok := unfinished[k.w.rec.Ticket]; ok {
			if err := t.unfinished(ctx, k, now); err != nil {
				return false, err
			}
		} else {
			left = append(left, k)
		}
	}
	return t.lookSingly(ctx, left)
}

// lookSingly reads the tickets that the list does not have.
func (t *ticketWatch) lookSingly(ctx context.Context, tickets []*watchedTicket) (on bool, err error) {
	read := make([]showpad.Ticket, len(tickets))
	errs := make([]error, len(tickets))
	var eg errgroup.Group
	eg.SetLimit(orInt(t.r.in.Options.Requests, 8))
	for i, k := range tickets {
		eg.Go(func() error {
			read[i], errs[i] = t.r.in.API.Ticket(ctx, k.w.rec.Ticket)
			return nil
		})
	}
	_ = eg.Wait() // each has its own error
	var failed error
	for i, k := range tickets {
		switch err := errs[i]; {
		case err == nil:
			if err := t.conclude(ctx, k, read[i]); err != nil {
				return false, err
			}
		case errors.Is(err, showpad.ErrNotFound):
			if err := t.gone(ctx, k); err != nil {
				return false, err
			}
		default:
			failed = err
		}
	}
	if failed != nil {
		return t.unread(ctx, failed)
	}
	return true, nil
}

// unread is a look without an answer. The next one may have one, unless the service
// refuses: then the tickets are left.
func (t *ticketWatch) unread(ctx context.Context, err error) (on bool, _ error) {
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case showpad.Classify(showpad.KindRead, err) == showpad.Retry:
		return true, nil
	case isRefusal(err):
		tickets, _ := t.now()
		t.r.emit(Warned{Code: FailedRefused, Text: fmt.Sprintf("what became of %d personal files cannot be read: %v (tickets need the scope read_contentprofile_management)", len(tickets), err)})
		t.leave(tickets)
		return false, nil
	}
	return false, t.r.readFailed(err)
}

// drop ends the watch over one.
func (t *ticketWatch) drop(k *watchedTicket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tickets = slices.DeleteFunc(t.tickets, func(o *watchedTicket) bool { return o == k })
	t.moved = time.Now()
}

// unfinished notes how far a ticket is, and gives it up after the processing timeout.
func (t *ticketWatch) unfinished(ctx context.Context, k *watchedTicket, now showpad.Ticket) error {
	if now.Status != k.status {
		k.status = now.Status
		t.mu.Lock()
		t.moved = time.Now()
		t.mu.Unlock()
	}
	limit := t.r.in.Options.ProcessingTimeout
	if limit == 0 {
		limit = 24 * time.Hour
	}
	sent := k.w.myFileData().SentAt
	if sent.IsZero() || t.r.in.now().Sub(sent) <= limit {
		return nil
	}
	t.drop(k)
	return t.r.failExtra(ctx, k.w, FailedTimeout, fmt.Errorf("the service has not processed it since %s: ticket %s (a run with --retry-failed looks at it again)", sent.Format(time.RFC3339), k.w.rec.Ticket))
}

// conclude takes a ticket that was read by itself to its end, if it has one.
func (t *ticketWatch) conclude(ctx context.Context, k *watchedTicket, now showpad.Ticket) error {
	failed := now.Status == showpad.TicketFailed || now.Status != showpad.TicketCompleted && !now.CompletedAt.IsZero()
	switch {
	case now.Status == showpad.TicketCompleted && now.AssetID != "":
		t.drop(k)
		return t.r.made(ctx, k.w, now.AssetID)
	case now.Status == showpad.TicketCompleted:
		t.drop(k)
		return t.r.failExtra(ctx, k.w, FailedProcessing, fmt.Errorf("its ticket %s is completed and names no asset", now.ID))
	case failed:
		t.drop(k)
		why := now.Reason
		if why == "" {
			why = "the service could not process it"
		}
		if now.Status != showpad.TicketFailed {
			why += " (" + now.Status + ")"
		}
		text := strings.TrimSuffix(why, ".") + ": ticket " + now.ID
		if now.CanBeForced {
			text += fmt.Sprintf("; it may be used as it is: migrate api POST /api/v3/tickets/%s/force-use, then run with --retry-failed", now.ID)
		}
		return t.r.failExtra(ctx, k.w, FailedProcessing, errors.New(text))
	}
	return t.unfinished(ctx, k, now) // it was between the two lists
}

// gone is a ticket that the service does not know, or not yet.
func (t *ticketWatch) gone(ctx context.Context, k *watchedTicket) error {
	if sent := k.w.myFileData().SentAt; t.r.in.now().Sub(sent) < t.r.settleTime {
		return nil
	}
	t.drop(k)
	return t.r.lostExtra(ctx, k.w, fmt.Errorf("the service has no ticket %s any more", k.w.rec.Ticket))
}
