package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// maxFixed is the size, in bytes, of the largest manifest that is repaired: all
// of it is in memory meanwhile. Larger ones are tables in disguise.
const maxFixed = 64 << 20

// fix repairs the manifest at path and writes it, once somebody has seen the
// change and agreed, with --yes or on a terminal. What it cannot read is lint's
// to tell.
func (a *app) fix(ctx context.Context, path string, yes bool) error {
	before, err := readUpTo(path, maxFixed)
	if errors.Is(err, errTooLarge) {
		return usagef("%s: %v (move its items into a table; tables are not repaired)", path, err)
	}
	if err != nil {
		return nil
	}
	after, repairs, err := manifest.Fix(ctx, before, path)
	if err != nil {
		return err
	}
	if len(repairs) == 0 {
		say(a.err, "%s: nothing that can be repaired without a doubt", view.Clean(path))
		return nil
	}
	out := a.out
	if a.json {
		out = a.err
	}
	if err := view.Diff(out, path, before, after); err != nil {
		return err
	}
	for _, r := range repairs {
		say(a.err, "%s: %s", view.Clean(r.Pos.String()), view.Clean(r.What))
	}
	switch {
	case yes:
	case !a.ask:
		say(a.err, "nothing was written; add --yes to write this change")
		return nil
	default:
		err := a.askYes(ctx, "This changes "+view.Clean(path)+".")
		if errors.Is(err, errDeclined) {
			say(a.err, "nothing was written")
			return nil
		}
		if err != nil {
			return err
		}
	}
	kept, err := rewrite(path, before, after)
	if err != nil {
		return err
	}
	say(a.err, "%s written: %s; as it was: %s", view.Plural(len(repairs), "repair", "repairs"), view.Clean(path), view.Clean(kept))
	return nil
}

var errTooLarge = errors.New("the manifest is too large to be repaired")

// readUpTo reads a file of at most limit bytes.
func readUpTo(path string, limit int64) (b []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLarge
	}
	return b, err
}

// rewrite puts after in the place of before, in one step, and keeps before in a
// file beside it, whose path is returned. A file that is no longer before stays
// as it is. Where path is a link, the file that it leads to is rewritten.
func rewrite(path string, before, after []byte) (kept string, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if err = tmp.Chmod(st.Mode().Perm()); err != nil {
		return "", err
	}
	if _, err = tmp.Write(after); err != nil {
		return "", err
	}
	if err = tmp.Sync(); err != nil {
		return "", err
	}
	if err = tmp.Close(); err != nil {
		return "", err
	}
	now, err := readUpTo(path, maxFixed)
	if err == nil && !bytes.Equal(now, before) {
		err = usagef("%s was changed meanwhile: nothing was written (run the command again)", path)
	}
	if err != nil {
		return "", err
	}
	if kept, err = keepAside(path, before, st.Mode().Perm()); err != nil {
		return "", err
	}
	err = os.Rename(tmp.Name(), path)
	return kept, err
}

// keepAside writes content beside path, under the first name of path.bak,
// path.bak2 and so on that is free.
func keepAside(path string, content []byte, perm os.FileMode) (name string, err error) {
	const most = 1000
	name = path + ".bak"
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	for n := 2; errors.Is(err, os.ErrExist) && n < most; n++ {
		name = fmt.Sprintf("%s.bak%d", path, n)
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err = f.Chmod(perm); err != nil {
		return "", err
	}
	if _, err = f.Write(content); err != nil {
		return "", err
	}
	return name, f.Sync()
}
