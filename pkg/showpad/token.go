package showpad

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// SavedToken is what a [TokenStore] keeps of a sign-in. The zero value is none.
type SavedToken struct {
	Access   Secret
	Refresh  Secret    // "" when the service gave none
	Obtained time.Time // of Access, by our clock
	Expiry   time.Time // of Access
	User     string    // who signed in with a password; "" otherwise
	Scope    string    // of Access, blanks between; "" when the service did not tell

	// RefreshExpiry is the end of Refresh, when the service told it; zero otherwise:
	// then it probably is [RefreshLife] after Obtained.
	RefreshExpiry time.Time
	// Ancestors are SHA-256 hashes (hex) of refresh tokens that this one descends
	// from, oldest first, at most 256. A refresh token from the environment that is
	// among them is stale.
	Ancestors []string
}

// Equal reports whether t and o say the same.
func (t SavedToken) Equal(o SavedToken) bool {
	return t.Access == o.Access && t.Refresh == o.Refresh && t.User == o.User &&
		t.Scope == o.Scope && t.RefreshExpiry.Equal(o.RefreshExpiry) &&
		t.Obtained.Equal(o.Obtained) && t.Expiry.Equal(o.Expiry) && slices.Equal(t.Ancestors, o.Ancestors)
}

// RefreshLife is how long a refresh token works that nobody uses, unless the OAuth
// client says otherwise. Source: developer portal, Authentication.
const RefreshLife = 14 * 24 * time.Hour

// Rotation says what renewing did to the refresh token: replaced when each renewal
// gave another one, known when there was a renewal to tell by.
func (t SavedToken) Rotation() (replaced, known bool) {
	if t.Refresh == "" || len(t.Ancestors) == 0 {
		return false, false
	}
	return !t.descendsFrom(t.Refresh), true
}

// maxAncestors is some eight days of hourly renewals.
const maxAncestors = 256

// descend is the ancestors of a token that came of spending used. The first one is
// the token that a person set, which stays there longest: it is always kept.
func (t SavedToken) descend(used Secret) []string {
	h := hash(used)
	list := slices.Clone(t.Ancestors)
	if !slices.Contains(list, h) {
		list = append(list, h)
	}
	if len(list) > maxAncestors {
		list = slices.Delete(list, 1, 1+len(list)-maxAncestors)
	}
	return list
}

func (t SavedToken) descendsFrom(seed Secret) bool { return slices.Contains(t.Ancestors, hash(seed)) }

// valid reports whether the access token has not expired.
func (t SavedToken) valid(now time.Time) bool { return t.Access != "" && now.Before(t.Expiry) }

// young reports whether the access token is in the first three quarters of its life.
func (t SavedToken) young(now time.Time) bool {
	return t.valid(now) && now.Before(t.Obtained.Add(t.Expiry.Sub(t.Obtained)*3/4))
}

func hash(s Secret) string {
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:])
}

// TokenStore keeps the tokens of one OAuth client at one tenant between processes.
type TokenStore interface {
	// Update calls f with what is kept, and keeps what f returns, durably, before it
	// returns itself; equal values need not be written. No other process is inside
	// Update meanwhile. When f fails nothing is written and its error is returned.
	Update(ctx context.Context, f func(SavedToken) (SavedToken, error)) error
}

// memoryStore forgets with the process.
type memoryStore struct {
	mu sync.Mutex
	t  SavedToken
}

func (m *memoryStore) Update(_ context.Context, f func(SavedToken) (SavedToken, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := f(m.t)
	if err == nil {
		m.t = next
	}
	return err
}
