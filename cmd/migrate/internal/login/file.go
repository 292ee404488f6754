// Package login keeps the tokens of a sign-in between runs: one file for each tenant
// and OAuth client, in the way of package ownfile. It reads and writes that file and
// nothing else.
package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/ownfile"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// Folder of token files, below the program's own in the user's configuration folder.
const Folder = "tokens"

// File is the token file of one OAuth client at one tenant. It is a
// [showpad.TokenStore], and may be used by many goroutines and processes.
type File struct{ file *ownfile.File }

// Open names the file for a subdomain and client id below dir, and makes dir (0700)
// if need be. The file itself is made by the first Update that has something to keep.
func Open(dir, subdomain, clientID string) (*File, error) {
	if err := showpad.CheckSubdomain(subdomain); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(clientID))
	f, err := ownfile.Open(dir, subdomain+"-"+hex.EncodeToString(sum[:8])+".json")
	if err != nil {
		return nil, fmt.Errorf("token folder: %w", err)
	}
	return &File{f}, nil
}

// Path is where the tokens are kept, for messages.
func (f *File) Path() string { return f.file.Path() }

// Load reads what is kept, without waiting for a lock; nothing kept is the zero value.
func (f *File) Load() (showpad.SavedToken, error) {
	b, err := f.file.Read()
	if err != nil {
		return showpad.SavedToken{}, fmt.Errorf("token file: %w", err)
	}
	return f.parse(b)
}

// parse reads the content of the file, nil for none.
func (f *File) parse(b []byte) (showpad.SavedToken, error) {
	if b == nil {
		return showpad.SavedToken{}, nil
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		// encoding/json's own words may quote the content.
		return showpad.SavedToken{}, fmt.Errorf("token file %s: damaged (delete it and sign in again)", f.Path())
	}
	if d.Version != version {
		return showpad.SavedToken{}, fmt.Errorf("token file %s: version %d is not known to this release (use a newer one, or delete the file and sign in again)", f.Path(), d.Version)
	}
	return d.token(), nil
}

// Update gives what is kept to change and keeps what it returns, on disk, before
// returning. Other processes wait; ctx ends that wait with its cause.
func (f *File) Update(ctx context.Context, change func(showpad.SavedToken) (showpad.SavedToken, error)) error {
	var refused error
	err := f.file.Update(ctx, func(kept []byte) ([]byte, error) {
		saved, err := f.parse(kept)
		var next showpad.SavedToken
		if err == nil {
			next, err = change(saved)
		}
		if refused = err; err != nil || next.Equal(saved) {
			return kept, err
		}
		return marshal(next)
	})
	switch {
	case err == nil, refused != nil, ctx.Err() != nil:
		return err
	}
	return fmt.Errorf("token file: %w (its folder must be writable: a spent refresh token cannot be used again)", err)
}

// Remove forgets the tokens, and reports whether there were any. It does not read
// them: a damaged file goes too.
func (f *File) Remove(ctx context.Context) (there bool, err error) {
	there, err = f.file.Remove(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("token file: %w", err)
	}
	return there, err
}

// version of the file's form.
const version = 1

// document is the file. Its members are plain text on purpose: the file is the one
// place where tokens are written down.
type document struct {
	Version      int       `json:"version"`
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Obtained     time.Time `json:"obtained"`
	Expiry       time.Time `json:"expiry"`
	User         string    `json:"user,omitempty"`
	Scope        string    `json:"scope,omitempty"`
	RefreshEnd   time.Time `json:"refresh_expiry,omitzero"`
	DescendsFrom []string  `json:"descends_from,omitempty"` // SHA-256 of spent refresh tokens, oldest first
}

func (d document) token() showpad.SavedToken {
	return showpad.SavedToken{
		Access: showpad.Secret(d.AccessToken), Refresh: showpad.Secret(d.RefreshToken),
		Obtained: d.Obtained, Expiry: d.Expiry, User: d.User, Ancestors: d.DescendsFrom,
		Scope: d.Scope, RefreshExpiry: d.RefreshEnd,
	}
}

func marshal(t showpad.SavedToken) ([]byte, error) {
	b, err := json.MarshalIndent(document{
		Version: version, AccessToken: t.Access.Reveal(), RefreshToken: t.Refresh.Reveal(),
		Obtained: t.Obtained, Expiry: t.Expiry, User: t.User, DescendsFrom: t.Ancestors,
		Scope: t.Scope, RefreshEnd: t.RefreshExpiry,
	}, "", "  ")
	return append(b, '\n'), err
}
