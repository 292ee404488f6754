// Package login keeps the tokens of a sign-in between runs: one file for each tenant
// and OAuth client, readable by its owner alone, replaced in one step and guarded by a
// lock that processes share. It reads and writes that file and nothing else.
package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// Dir is the default folder of token files, in the user's configuration folder.
func Dir() (string, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("token file: %w (set HOME, or XDG_CONFIG_HOME)", err)
	}
	return filepath.Join(base, "migrate", "tokens"), nil
}

// File is the token file of one OAuth client at one tenant. It is a
// [showpad.TokenStore], and may be used by many goroutines and processes.
type File struct{ path string }

// Open names the file for a subdomain and client id below dir, and makes dir (0700)
// if need be. The file itself is made by the first Update that has something to keep.
func Open(dir, subdomain, clientID string) (*File, error) {
	if err := showpad.CheckSubdomain(subdomain); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("token folder: %w", err)
	}
	if err := tighten(dir, 0o700); err != nil {
		return nil, fmt.Errorf("token folder: %w", err)
	}
	sum := sha256.Sum256([]byte(clientID))
	return &File{path: filepath.Join(dir, subdomain+"-"+hex.EncodeToString(sum[:8])+".json")}, nil
}

// Path is where the tokens are kept, for messages.
func (f *File) Path() string { return f.path }

// Load reads what is kept, without waiting for a lock; nothing kept is the zero value.
func (f *File) Load() (showpad.SavedToken, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return showpad.SavedToken{}, nil
	}
	if err != nil {
		return showpad.SavedToken{}, fmt.Errorf("token file: %w", err)
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		// encoding/json's own words may quote the content.
		return showpad.SavedToken{}, fmt.Errorf("token file %s: damaged (delete it and sign in again)", f.path)
	}
	if d.Version != version {
		return showpad.SavedToken{}, fmt.Errorf("token file %s: version %d is not known to this release (use a newer one, or delete the file and sign in again)", f.path, d.Version)
	}
	return d.token(), nil
}

// Update gives what is kept to change and keeps what it returns, on disk, before
// returning. Other processes wait; ctx ends that wait with its cause.
func (f *File) Update(ctx context.Context, change func(showpad.SavedToken) (showpad.SavedToken, error)) (err error) {
	unlock, err := lock(ctx, f.path+".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := tighten(f.path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("token file: %w", err)
	}
	saved, err := f.Load()
	if err != nil {
		return err
	}
	next, err := change(saved)
	if err != nil || next.Equal(saved) {
		return err
	}
	return f.save(next)
}

// tighten takes away what others may do with path beyond perm. Windows has no such
// bits; there the profile folder's own rights guard it.
func tighten(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&^perm == 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&perm)
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
	DescendsFrom []string  `json:"descends_from,omitempty"` // SHA-256 of spent refresh tokens, oldest first
}

func (d document) token() showpad.SavedToken {
	return showpad.SavedToken{
		Access: showpad.Secret(d.AccessToken), Refresh: showpad.Secret(d.RefreshToken),
		Obtained: d.Obtained, Expiry: d.Expiry, User: d.User, Ancestors: d.DescendsFrom,
	}
}

func (f *File) save(t showpad.SavedToken) error {
	b, err := json.MarshalIndent(document{
		Version: version, AccessToken: t.Access.Reveal(), RefreshToken: t.Refresh.Reveal(),
		Obtained: t.Obtained, Expiry: t.Expiry, User: t.User, DescendsFrom: t.Ancestors,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	if err := replace(f.path, append(b, '\n')); err != nil {
		return fmt.Errorf("token file: %w (its folder must be writable: a spent refresh token cannot be used again)", err)
	}
	return nil
}

// replace puts content (0600) in the place of path in one step: after a crash there
// is the old content or the new one.
func replace(path string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".token-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
