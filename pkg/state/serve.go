package state

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// The protocol between a holder and its readers: POST / with a question, over
// loopback, with the key of the lock file as bearer token. Both ends are this
// package; another version of it answers with another protocol number.
const (
	protocolHeader = "Migrate-State"
	protocol       = "1"
	maxQuestion    = 8 << 20
	maxAnswer      = 256 << 20
)

// question names a method of Reader, "live" or "backup", and has its arguments.
// The answer to a backup is the file; only its refusal is an answer.
type question struct {
	Method string    `json:"method"`
	IDs    []string  `json:"ids,omitempty"`
	Name   string    `json:"name,omitempty"` // of a run, an item or a key
	After  string    `json:"after,omitempty"`
	Limit  int       `json:"limit,omitempty"`
	Kind   ExtraKind `json:"kind,omitempty"`
}

// answer has what the method returned.
type answer struct {
	IDs     []string        `json:"ids,omitempty"` // of Records, or of Changes
	Records []Record        `json:"records,omitempty"`
	Counts  *Counts         `json:"counts,omitempty"`
	Events  []Event         `json:"events,omitempty"`
	Runs    []Run           `json:"runs,omitempty"`
	Changes []Change        `json:"changes,omitempty"`
	Made    []MadeTag       `json:"made,omitempty"`
	Extras  []Extra         `json:"extras,omitempty"`
	Places  []string        `json:"places,omitempty"` // of Extras; IDs has what after is for each
	Value   string          `json:"value,omitempty"`
	Live    json.RawMessage `json:"live,omitempty"`
	Error   string          `json:"error,omitempty"`
	Damaged bool            `json:"damaged,omitempty"` // Error wraps ErrDamaged
}

// Serve answers readers of other processes over a loopback address, which it
// writes into the lock file, until Close. status is what Live returns to them,
// as JSON; it may be called at any time and concurrently, and may be nil. A
// later call only replaces status. Without Serve, readers of other processes
// get ErrLocked while this Store is open.
func (s *Store) Serve(status func() any) error {
	s.serving.Lock()
	defer s.serving.Unlock()
	s.status = status
	if s.server != nil {
		return nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("state: a loopback address for readers: %w", err)
	}
	s.server = &http.Server{
		Handler:           http.HandlerFunc(s.answer),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.opts.Log.Warn().Err(err).Msg("readers of the state are not answered any more")
		}
	}()
	if err := s.lock.serving(ln.Addr().String()); err != nil {
		return fmt.Errorf("state: lock file: %w", err)
	}
	return nil
}

// stopServing lets the answers under way finish for a moment, then ends.
func (s *Store) stopServing() {
	s.serving.Lock()
	server, served := s.server, s.served
	s.serving.Unlock()
	if server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // Close has no context
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
	<-served
}

func (s *Store) answer(w http.ResponseWriter, r *http.Request) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(key), []byte(s.lock.content.Key)) != 1 {
		http.Error(w, "not for you", http.StatusUnauthorized)
		return
	}
	var q question
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&q); err != nil || r.Method != http.MethodPost {
		http.Error(w, "not a question", http.StatusBadRequest)
		return
	}
	w.Header().Set(protocolHeader, protocol)
	if q.Method == methodBackup {
		s.stream(w, r)
		return
	}
	a, err := s.ask(r.Context(), q)
	if err != nil {
		a = answer{Error: err.Error(), Damaged: errors.Is(err, ErrDamaged)}
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(a) // the reader hangs up or sees a broken answer
}

func (s *Store) ask(ctx context.Context, q question) (a answer, err error) {
	limit := min(q.Limit, pageSize)
	switch q.Method {
	case "get":
		var found map[string]Record
		found, err = s.Get(ctx, q.IDs)
		for id, rec := range found {
			a.IDs, a.Records = append(a.IDs, id), append(a.Records, rec)
		}
	case "scan":
		a.Records, err = s.Scan(ctx, q.After, limit)
		a.IDs = idsOf(a.Records)
	case "unfinished":
		a.Records, err = s.Unfinished(ctx, q.After, limit)
		a.IDs = idsOf(a.Records)
	case "counts":
		var c Counts
		c, err = s.Counts(ctx)
		a.Counts = &c
	case "events":
		a.Events, err = s.Events(ctx, q.Name)
	case "runs":
		a.Runs, err = s.Runs(ctx)
	case "changes":
		a.IDs, a.Changes, err = s.Changes(ctx, q.Name, q.After, limit)
	case "made":
		a.Made, err = s.MadeTags(ctx, q.Name)
	case "extras":
		a.Extras, err = s.Extras(ctx, q.Kind, q.Name, q.After, limit)
		for i := range a.Extras {
			e := &a.Extras[i]
			a.Places, a.IDs = append(a.Places, e.Place()), append(a.IDs, e.Key)
			if q.Name == "" {
				a.IDs[i] = e.Place()
			}
		}
	case "meta":
		a.Value, err = s.Meta(ctx, q.Name)
	case "live":
		a.Live, err = s.live()
	default:
		err = fmt.Errorf("state: the running migrate does not know the question %q", q.Method)
	}
	return a, err
}

func (s *Store) live() (json.RawMessage, error) {
	s.serving.Lock()
	status := s.status
	s.serving.Unlock()
	if status == nil {
		return json.RawMessage("null"), nil
	}
	return json.Marshal(status())
}

func idsOf(recs []Record) []string {
	ids := make([]string, len(recs))
	for i, rec := range recs {
		ids[i] = rec.ExternalID
	}
	return ids
}
