package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// localFile is a file to send, as it was when it was read.
type localFile struct {
	path string
	size int64
	md5  []byte
}

// readLocal reads a file through, before anything is made for it.
func readLocal(ctx context.Context, path string, allowEmpty bool) (localFile, error) {
	f := localFile{path: path}
	in, err := os.Open(path)
	if err != nil {
		return f, usagef("%v", err)
	}
	defer in.Close()
	info, err := in.Stat()
	switch {
	case err != nil:
		return f, usagef("%v", err)
	case !info.Mode().IsRegular():
		return f, usagef("%s: not a file", path)
	case info.Size() > showpad.MaxUpload:
		return f, usagef("%s: %s are more than the 5 GB of a single upload", path, view.Bytes(info.Size()))
	case info.Size() == 0 && !allowEmpty:
		return f, usagef("%s: it is empty (copy it again, or add --allow-empty)", path)
	}
	sum := md5.New()
	if f.size, err = io.Copy(sum, withContext(ctx, in)); err != nil {
		return f, fmt.Errorf("reading %s: %w", path, err)
	}
	f.md5 = sum.Sum(nil)
	return f, nil
}

// withContext is a reader that ends with ctx.
func withContext(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// uploadTries is how many upload URLs are asked for, for one file.
const uploadTries = 3

// upload sends a file as a version of an asset and gives the version's id.
func (h *hand) upload(ctx context.Context, assetID string, f localFile) (fileID string, err error) {
	say(h.app.err, "sending %s", view.Bytes(f.size))
	open := func() (io.ReadCloser, error) { return os.Open(f.path) }
	for range uploadTries {
		var up showpad.Upload
		if up, err = h.RequestUpload(ctx, assetID, showpad.UploadRequest{ContentMD5: f.md5}); err != nil {
			return "", err
		}
		if err = h.Put(ctx, up, f.size, open, nil); err == nil {
			return up.FileID, nil
		}
		switch showpad.Classify(showpad.KindUpload, err) {
		case showpad.NewURL, showpad.Retry:
		case showpad.Rehash:
			return "", fmt.Errorf("%s changed while it was sent: %w", f.path, err)
		default:
			return "", err
		}
	}
	return "", err
}

// Pauses between looks at an asset that is processed, or at a list that lags.
const (
	lookFirst   = 250 * time.Millisecond
	lookLongest = 15 * time.Second
)

// pauses calls look now and then, with growing pauses, until it is done, fails, or d is
// over; done is false then.
func pauses(ctx context.Context, d time.Duration, look func() (done bool, err error)) (bool, error) {
	end := time.Now().Add(d)
	for pause := lookFirst; ; pause = min(2*pause, lookLongest) {
		done, err := look()
		if done || err != nil {
			return done, err
		}
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		select {
		case <-time.After(min(pause, left)):
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// settled waits until an asset is active with the bytes of a version, or of a URL asset
// until it is active, and gives it as it is then. The code is 6 when it is not by then.
func (h *hand) settled(ctx context.Context, assetID, fileID string, f localFile, wait time.Duration) (doc json.RawMessage, code int, err error) {
	told := false
	done, err := pauses(ctx, wait, func() (bool, error) {
		if doc, err = h.Document(ctx, "assets", assetID); err != nil {
			return false, err
		}
		switch status := view.Member(doc, "status"); {
		case fileID == "" && status == showpad.StatusActive, fileID != "" && view.Member(doc, "currentFile.id") == fileID:
			return true, nil
		case fileID == "" && status == showpad.StatusFailed:
			return false, fmt.Errorf("the service says that asset %s has failed", view.Clean(assetID))
		case fileID != "" && (status == showpad.StatusFailed || status == showpad.StatusActive):
			// An asset does not say why, and stays active while a version fails.
			v, err := h.File(ctx, assetID, fileID)
			if err != nil {
				return false, err
			}
			if v.Status == showpad.StatusFailed {
				return false, fmt.Errorf("the service could not process the file: %s (asset %s)", orText(view.Clean(v.Error), "it gives no reason"), view.Clean(assetID))
			}
		}
		if !told && wait > 0 {
			told = true
			say(h.app.err, "the service processes it")
		}
		return false, nil
	})
	if err != nil {
		return doc, exitFailed, err
	}
	if !done {
		if wait > 0 {
			say(h.app.err, "it is still being processed; migrate assets get %s tells when it is not", view.Clean(assetID))
		}
		return doc, exitProcessing, nil
	}
	return doc, exitOK, f.compare(doc)
}

// compare holds what the service has against the file. What it does not tell is no
// difference.
func (f localFile) compare(doc json.RawMessage) error {
	sum, size := view.Member(doc, "checksum"), view.Member(doc, "size")
	switch {
	case f.md5 == nil:
	case sum != "" && !strings.EqualFold(sum, hex.EncodeToString(f.md5)), size != "" && size != fmt.Sprint(f.size):
		return fmt.Errorf("asset %s has other bytes than were sent: checksum %s, size %s (see who else uploads to it)", view.Clean(view.Member(doc, "id")), view.Clean(sum), view.Clean(size))
	}
	return nil
}

// waitFlag is --wait of commands that send bytes.
func waitFlag(fs *pflag.FlagSet, d *time.Duration) {
	fs.DurationVar(d, "wait", 30*time.Minute, "how long to wait until the service has processed it; 0 does not wait")
}

func newAssetsUpload(a *app) *cobra.Command {
	var ref assetRef
	var wait time.Duration
	var allowEmpty bool
	return a.verb(verb{
		use: "upload [ID] FILE", short: "Give an asset a new version of its file", example: "  migrate assets upload --external-id SAMPLE-001 content/decks/company-overview.pptx",
		long: `Upload sends a file as the new version of an asset, waits until the service has processed
it and compares checksum and size. Members of the asset stay as they are, its name too.
It is also how to go on with an asset that was made and has no bytes yet.

Exit code: 0 when the version is in use, 6 when the service still processes it.`,
		writes: true, columns: assetDetails, args: cobra.RangeArgs(1, 2),
		complete: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		flags: func(fs *pflag.FlagSet) {
			ref.flags(fs)
			waitFlag(fs, &wait)
			fs.BoolVar(&allowEmpty, "allow-empty", false, "send a file without any bytes too")
		},
		check: func(a *app, args []string) error {
			if len(args) == 1 && ref.externalID == "" {
				return usagef("name the asset and the file: migrate assets upload ID FILE")
			}
			if err := checkNumbers(number{"wait", int64(wait), 0}); err != nil {
				return err
			}
			return ref.check(a, args[:len(args)-1])
		},
		do: func(ctx context.Context, h *hand, args []string) (int, error) {
			f, err := readLocal(ctx, args[len(args)-1], allowEmpty)
			if err != nil {
				return 0, err
			}
			id, err := ref.id(ctx, h, args)
			if err != nil {
				return 0, err
			}
			fileID, err := h.upload(ctx, id, f)
			if err != nil {
				return 0, err
			}
			return h.finish(ctx, id, fileID, f, wait)
		},
	})
}

// finish waits for an asset and shows it.
func (h *hand) finish(ctx context.Context, id, fileID string, f localFile, wait time.Duration) (int, error) {
	doc, code, err := h.settled(ctx, id, fileID, f, wait)
	if err != nil {
		return code, err
	}
	return code, h.showAsset(ctx, doc)
}

func newAssetsCreate(a *app) *cobra.Command {
	var c creation
	return a.verb(verb{
		use: "create", short: "Make an asset of a file or an address",
		example: "  migrate assets create --file content/decks/company-overview.pptx --name \"Overview 2027\" --division Marketing --external-id DECK-1 --tag Sample",
		long: `Create makes an asset, sends its file, waits until the service has processed it and
compares checksum and size. --url makes a URL asset instead, which has no file. The name
is the file's unless --name or the body gives one; the file's extension is appended to
it. Names of the Division, of tags and of people are looked up; a tag must exist.

With --external-id it is made once: an asset that has it already is told and nothing is
made, and where the answer to the create is lost the asset is looked for until
--settle-time is over and gone on with. Nothing is ever sent twice. Without an external
ID a lost answer ends with code 1: look before you repeat it.

Exit code: 0 when it is active, 6 when the service still processes it.`,
		writes: true, creates: "migrate assets list", columns: assetDetails, flags: c.add,
		check: func(a *app, _ []string) error { return c.check(a) },
		do:    c.do,
	})
}

// creation is one asset to make.
type creation struct {
	fields     assetFlags
	file       string
	division   string
	externalID string
	allowEmpty bool
	wait       time.Duration
	settle     time.Duration

	in *assetInput
}

func (c *creation) add(fs *pflag.FlagSet) {
	fs.StringVar(&c.file, "file", "", "file to send")
	fs.StringVar(&c.division, "division", "", "Division, by name or id; an asset stays there for ever")
	fs.StringVar(&c.externalID, "external-id", "", "external ID: 1 to 128 characters, no comma; no other asset may have it")
	fs.BoolVar(&c.allowEmpty, "allow-empty", false, "send a file without any bytes too")
	waitFlag(fs, &c.wait)
	addSettleTime(fs, &c.settle)
	c.fields.flags(fs, false)
}

func (c *creation) check(a *app) (err error) {
	if c.in, err = c.fields.read(a, false); err != nil {
		return err
	}
	if err := checkNumbers(number{"wait", int64(c.wait), 0}, number{"settle-time", int64(c.settle), 0}); err != nil {
		return err
	}
	in := c.in
	if c.division != "" {
		in.set("division", mustJSON(c.division), false)
	}
	if c.externalID != "" {
		in.set("externalId", mustJSON(c.externalID), false)
	}
	id, address := in.member("externalId"), in.member("url")
	switch {
	case c.file != "" && address != "":
		in.fail("a file or an address, not both: an asset with a URL has no bytes")
	case c.file == "" && address == "":
		in.fail("what shall it hold? Name --file, or --url for a URL asset")
	}
	if in.members["division"] == nil {
		in.fail("in which Division? Add --division: an asset stays there for ever")
	}
	if what := manifest.ExternalIDWrong(id); id != "" && what != "" {
		in.fail("externalId %s", what)
	}
	if err := in.problems(); err != nil {
		return err
	}
	name, err := assetName(in.member("name"), c.file, address)
	if err != nil {
		return err
	}
	in.members["name"] = mustJSON(name)
	return nil
}

func (c *creation) do(ctx context.Context, h *hand, _ []string) (int, error) {
	var f localFile
	var err error
	if c.file != "" {
		if f, err = readLocal(ctx, c.file, c.allowEmpty); err != nil {
			return 0, err
		}
	}
	body, err := c.in.resolve(ctx, h, nil)
	if err != nil {
		return 0, err
	}
	id, err := h.makeOnce(ctx, body, c.in.member("externalId"), c.settle)
	if err != nil {
		return 0, err
	}
	fileID := ""
	err = h.onceVisible(ctx, c.settle, func() (err error) {
		if c.file == "" {
			_, err = h.Document(ctx, "assets", id)
			return err
		}
		fileID, err = h.upload(ctx, id, f)
		return err
	})
	if err != nil && c.file != "" {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w (the asset is there, without bytes: migrate assets upload %s FILE goes on with it)", err, view.Clean(id))
		}
	}
	if err != nil {
		return 0, err
	}
	doc, code, err := h.settled(ctx, id, fileID, f, c.wait)
	if err != nil {
		return code, err
	}
	if doc, err = h.complete(ctx, doc, body); err != nil {
		return 0, err
	}
	return code, h.showAsset(ctx, doc)
}

// complete sets by one update what a create was given and the asset does not show: the
// service may leave out an external ID or tags. What it does not keep then is an error.
func (h *hand) complete(ctx context.Context, doc json.RawMessage, body map[string]any) (json.RawMessage, error) {
	id := view.Member(doc, "id")
	lacks := lacking(doc, body)
	if len(lacks) == 0 {
		return doc, nil
	}
	doc, err := h.send(ctx, "/assets/"+pathPart(id), lacks)
	if err != nil {
		return nil, err
	}
	if lacks = lacking(doc, body); len(lacks) > 0 {
		return nil, fmt.Errorf("asset %s is there, but the service does not keep its %s (docs/troubleshooting.md)", view.Clean(id), strings.Join(slices.Sorted(maps.Keys(lacks)), " and its "))
	}
	return doc, nil
}

// lacking are the members of body that the asset does not show.
func lacking(doc json.RawMessage, body map[string]any) map[string]any {
	lacks := map[string]any{}
	if raw, ok := body["externalId"].(json.RawMessage); ok {
		var wanted string
		if json.Unmarshal(raw, &wanted) == nil && wanted != view.Member(doc, "externalId") {
			lacks["externalId"] = raw
		}
	}
	if refs, ok := body["tags"].([]showpad.Ref); ok {
		have := view.IDs(doc, "tags")
		if slices.ContainsFunc(refs, func(r showpad.Ref) bool { return !slices.Contains(have, r.ID) }) {
			lacks["tags"] = refs
		}
	}
	return lacks
}

// onceVisible calls f, again and again for a while as long as the service does not know
// what was just made: reading after writing is not promised. Source: ASSUME.
func (h *hand) onceVisible(ctx context.Context, d time.Duration, f func() error) error {
	var missing error
	done, err := pauses(ctx, d, func() (bool, error) {
		err := f()
		if showpad.IsNotFound(err) {
			missing = err
			return false, nil
		}
		return true, err
	})
	if !done && err == nil {
		err = missing
	}
	return err
}

// makeOnce makes an asset and gives its id. One with an external ID is looked up before,
// and again where the answer is lost, until the service's lists must show it.
func (h *hand) makeOnce(ctx context.Context, body any, externalID string, settle time.Duration) (id string, err error) {
	if externalID != "" {
		found, err := h.withExternalID(ctx, externalID)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return "", fmt.Errorf("there is an asset with the external ID %q already: %s (migrate assets update changes it, migrate assets upload gives it another file)", view.Clean(externalID), strings.Join(memberOfAll(found, "id"), ", "))
		}
	}
	doc, err := h.send(ctx, "/assets", body)
	switch {
	case err == nil:
		if id = view.Member(doc, "id"); id == "" {
			return "", fmt.Errorf("%w: the answer has no id", showpad.ErrUnknownOutcome)
		}
	case !errors.Is(err, showpad.ErrUnknownOutcome) || externalID == "" || ctx.Err() != nil:
		return "", err
	default:
		lost := err
		say(h.app.err, "no answer to the create; looking for external ID %s", view.Clean(externalID))
		found, err := pauses(ctx, settle, func() (bool, error) {
			docs, err := h.withExternalID(ctx, externalID)
			switch {
			case err != nil || len(docs) == 0:
				return false, err
			case len(docs) > 1:
				return false, fmt.Errorf("several assets have the external ID %q now: %s (somebody else made one too)", view.Clean(externalID), strings.Join(memberOfAll(docs, "id"), ", "))
			}
			id = view.Member(docs[0], "id")
			return true, nil
		})
		if err != nil || !found {
			return "", errors.Join(lost, err)
		}
	}
	say(h.app.err, "asset %s made", view.Clean(id))
	return id, nil
}

func newAssetsArchive(a *app, archive bool) *cobra.Command {
	v := verb{
		use: "restore ID...", short: "Take assets out of the trash", example: "  migrate assets restore d40a34c408cfef993fa1cdf018065d73",
		long:   "Restore takes assets out of the trash. One that is not in it stays as it is.",
		writes: true, args: cobra.MinimumNArgs(1),
	}
	done := "restored"
	if archive {
		v.use, v.short, v.example = "archive ID...", "Move assets to the trash", "  migrate assets archive d40a34c408cfef993fa1cdf018065d73"
		v.long = "Archive moves assets to the trash, from where restore takes them back. One that is in it\nstays there."
		done = "archived"
	}
	v.check = checkIDs
	v.do = func(ctx context.Context, h *hand, args []string) (int, error) {
		return h.each(ctx, args, func(id string) error {
			if _, err := h.send(ctx, "/assets/"+pathPart(id), map[string]bool{"isArchived": archive}); err != nil {
				return err
			}
			return h.told(done, "asset", id)
		})
	}
	return a.verb(v)
}

func newAssetsDelete(a *app) *cobra.Command {
	return a.verb(verb{
		use: "delete ID...", short: "Delete assets for good", example: "  migrate assets delete d40a34c408cfef993fa1cdf018065d73 --yes",
		long: `Delete removes assets with all their versions. There is no way back: archive moves them
to the trash instead. It asks on a terminal, and needs --yes without one.`,
		writes: true, removes: true, args: cobra.MinimumNArgs(1), check: checkIDs,
		do: func(ctx context.Context, h *hand, args []string) (int, error) {
			return h.each(ctx, args, func(id string) error {
				if !h.yes {
					doc, err := h.Document(ctx, "assets", id)
					if err != nil {
						return err
					}
					if err := h.sure(ctx, fmt.Sprintf("Delete %q (%s) for good.", view.Clean(view.Member(doc, "name")), view.Clean(id))); err != nil {
						return err
					}
				}
				if err := h.DeleteAsset(ctx, id); err != nil {
					return err
				}
				return h.removed("asset", id)
			})
		},
	})
}

// checkIDs refuses what cannot be an id of an asset.
func checkIDs(_ *app, args []string) error {
	for _, id := range args {
		if id == "" || id == "." || id == ".." {
			return usagef("%q is no id", id)
		}
	}
	return nil
}

// assetName is the name of an asset as a manifest would give it.
func assetName(name, file, address string) (string, error) {
	item := manifest.Item{URL: address}
	if name = strings.TrimSpace(name); name != "" {
		item.Fields.Name = manifest.Some(name)
	}
	if file != "" {
		item.Location = manifest.Location{Path: filepath.ToSlash(filepath.Clean(file))}
	}
	name = manifest.AssetName(item)
	switch n := utf8.RuneCountInString(name); {
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", usagef("name: %q holds a control character", view.Clean(name))
	case n > 255:
		return "", usagef("name: it has %d characters, and 255 are the most", n)
	}
	return name, nil
}
