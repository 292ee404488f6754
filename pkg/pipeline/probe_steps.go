package pipeline

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// Dates of the probe: far away, so that nobody gets to see it, and at a time of day
// that no edge of a day has in any time zone.
const (
	probeRelease = "2098-03-04T05:06:07Z"
	probeExpiry  = "2099-03-04T05:06:07Z"
)

// probeDescription has blanks at its ends, where processing may cut.
const probeDescription = "  " + probeText + "  "

func (p *prober) makeTags(ctx context.Context) error {
	t, err := p.makeTag(ctx, p.name(""))
	if err != nil {
		return p.failed(ctx, "making a tag", err)
	}
	p.tag = t
	_, err = p.makeTag(ctx, strings.ToUpper(p.name("")))
	switch {
	case errors.Is(err, showpad.ErrExists):
		p.found(AssumeTagCase, Confirmed, "another spelling of a tag is refused as there already")
	case err != nil:
		return p.failed(ctx, "making a tag in another spelling", err)
	default:
		p.found(AssumeTagCase, Refuted, "the service keeps both spellings apart")
	}
	return nil
}

func (p *prober) makeTag(ctx context.Context, name string) (showpad.Tag, error) {
	t, err := p.API.CreateTag(ctx, p.division.ID, name)
	switch {
	case err == nil:
		p.tags = append(p.tags, t.ID)
	case errors.Is(err, showpad.ErrUnknownOutcome):
		p.lost++
	}
	return t, err
}

// make creates an asset, and finds it where the answer got lost.
func (p *prober) make(ctx context.Context, f showpad.AssetFields) (showpad.Asset, error) {
	a, err := p.API.CreateAsset(ctx, f)
	if errors.Is(err, showpad.ErrUnknownOutcome) {
		p.lost++
		if stop := grave(ctx, err); stop != nil {
			return a, stop
		}
		for pauses := newPauses(p.SettleTime); ; {
			for b, lerr := range p.API.Assets(ctx, showpad.AssetFilter{Name: f.Name.Value}) {
				if lerr != nil {
					return a, lerr
				}
				if b.Name == f.Name.Value {
					p.assets = append(p.assets, b.ID)
					p.lost--
					return b, nil
				}
			}
			if !pauses.wait(ctx) {
				return a, err
			}
		}
	}
	if err == nil {
		p.assets = append(p.assets, a.ID)
	}
	return a, err
}

func (p *prober) create(ctx context.Context) error {
	f := showpad.AssetFields{
		Name: showpad.Some(p.name(".txt")), Division: showpad.Some(showpad.Ref{ID: p.division.ID}),
		ExternalID: showpad.Some(ProbeExternalID + p.key), Description: showpad.Some(probeDescription),
		Permissions: showpad.Some(showpad.Permissions{IsAnnotatable: showpad.Some(false), IsShareable: showpad.Some(false)}),
		ReleasedAt:  showpad.Some(probeRelease), ExpiresAt: showpad.Some(probeExpiry), DownloadableExternal: showpad.Some([]string{}),
	}
	if p.tag.ID != "" {
		f.Tags = showpad.Some([]showpad.Ref{{ID: p.tag.ID}})
	}
	p.made = time.Now()
	a, err := p.make(ctx, f)
	if refused, ok := errors.AsType[*showpad.Error](err); ok && refused.Status == 400 {
		// The external ID is the member that may be refused on an asset of our own.
		f.ExternalID = showpad.Opt[string]{}
		p.made = time.Now()
		if again, aerr := p.make(ctx, f); aerr == nil {
			p.found(AssumeExternalID, Refuted, "the service refuses one: %v", err)
			a, err = again, nil
		}
	}
	if refused, ok := errors.AsType[*showpad.Error](err); ok && refused.Status == 403 {
		p.tell("writing", LevelFailed, "", "the account may not write to %s: %v", p.division.Name, err)
		p.reason = "the account may not write to the Division"
		return nil
	}
	if err != nil {
		return p.failed(ctx, "making an asset in "+p.division.Name, err)
	}
	p.tell("writing", LevelOK, "", "%s may be written to", p.division.Name)
	p.asset = a
	if f.ExternalID.Set {
		p.either(AssumeExternalID, a.ExternalID == f.ExternalID.Value, "so it did", "the answer has none")
	}
	if p.tag.ID != "" {
		p.either(AssumeTagsInCreate, slices.Contains(refIDs(a, "tags"), p.tag.ID), "so it did", "the answer has none")
	}
	p.dates(a)
	switch authors := refIDs(a, "authors"); {
	case p.me.ID == "":
		p.found(AssumeAuthor, NotTested, "who is signed in is not known")
	default:
		p.either(AssumeAuthor, slices.Equal(authors, []string{p.me.ID}), "so it did", fmt.Sprintf("the authors are %q", authors))
	}
	return nil
}

// refIDs are the ids in a list of references.
func refIDs(a showpad.Asset, member string) (ids []string) {
	var refs []showpad.Ref
	if json.Unmarshal(a.Raw.Get(member), &refs) != nil {
		return nil
	}
	for _, r := range refs {
		ids = append(ids, r.ID)
	}
	return ids
}

func (p *prober) dates(a showpad.Asset) {
	at := func(member string) (t showpad.Time) {
		_ = json.Unmarshal(a.Raw.Get(member), &t) // an unreadable one is zero
		return t
	}
	released, expires := at("releasedAt"), at("expiresAt")
	if sameInstant(released, probeRelease) && sameInstant(expires, probeExpiry) {
		p.found(AssumeDates, Confirmed, "so they do")
		return
	}
	p.found(AssumeDates, Refuted, "a release at %s became %s, an expiry at %s became %s", probeRelease, dateText(released), probeExpiry, dateText(expires))
}

func sameInstant(t showpad.Time, text string) bool {
	want, err := time.Parse(time.RFC3339, text)
	return err == nil && t.Equal(want)
}

func dateText(t showpad.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}

// listed measures when the new asset is readable and when lists show it.
func (p *prober) listed(ctx context.Context) error {
	if p.asset.ID == "" {
		return nil
	}
	filter := showpad.AssetFilter{IDs: []string{p.asset.ID}}
	byExternal := p.asset.ExternalID != ""
	if byExternal {
		filter = showpad.AssetFilter{ExternalIDs: []string{p.asset.ExternalID}}
	}
	limit := max(2*time.Minute, 2*p.SettleTime)
	var read, list time.Duration
	for pauses := newPauses(limit); ; {
		if read == 0 {
			a, err := p.API.Asset(ctx, p.asset.ID)
			switch {
			case err == nil:
				p.asset, read, p.read[a.ID] = a, time.Since(p.made), true
			case !showpad.IsNotFound(err):
				return p.failed(ctx, "reading the new asset", err)
			}
		}
		if list == 0 {
			shows, err := p.shows(ctx, filter)
			if err != nil {
				return p.failed(ctx, "listing the new asset", err)
			}
			if shows {
				list = time.Since(p.made)
			}
		}
		if read > 0 && list > 0 || !pauses.wait(ctx) {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch {
	case read == 0:
		p.found(AssumeReadLag, Refuted, "it cannot be read after %s", brief(limit))
	default:
		p.either(AssumeReadLag, read <= p.SettleTime, "so it was, after "+brief(read), "it could after "+brief(read))
	}
	switch {
	case list == 0:
		p.found(AssumeListLag, Refuted, "it does not after %s", brief(limit))
		return nil
	default:
		p.inList = true
		p.either(AssumeListLag, list <= p.SettleTime, "it did after "+brief(list), "it did after "+brief(list)+", and the settle time is "+brief(p.SettleTime))
	}
	if byExternal {
		p.found(AssumeFilter, Confirmed, "so it did")
	}
	return nil
}

// shows reports whether a filter finds the probe's asset.
func (p *prober) shows(ctx context.Context, f showpad.AssetFilter) (bool, error) {
	for a, err := range p.API.Assets(ctx, f) {
		if err != nil {
			return false, err
		}
		if a.ID == p.asset.ID {
			return true, nil
		}
	}
	return false, nil
}

// brief is a time as people compare it.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return "a moment"
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// archive puts the asset into the trash before it has bytes, looks for it there, and
// takes it out again.
func (p *prober) archive(ctx context.Context) error {
	if !p.inList {
		return nil
	}
	_, err := p.API.UpdateAsset(ctx, p.asset.ID, showpad.AssetFields{IsArchived: showpad.Some(true)})
	if refused, ok := errors.AsType[*showpad.Error](err); ok && refused.Status == 400 {
		p.found(AssumeArchive, Refuted, "the service refuses it: %v", err)
		return nil
	}
	if err != nil {
		return p.failed(ctx, "archiving the asset", err)
	}
	p.found(AssumeArchive, Confirmed, "so it was")
	shows, err := p.shows(ctx, showpad.AssetFilter{IDs: []string{p.asset.ID}})
	if err != nil {
		return p.failed(ctx, "listing the archived asset", err)
	}
	p.either(AssumeArchivedListed, shows, "so they do", "it is missing")
	if _, err = p.API.UpdateAsset(ctx, p.asset.ID, showpad.AssetFields{IsArchived: showpad.Some(false)}); err != nil {
		return p.failed(ctx, "taking the asset out of the trash", err)
	}
	return nil
}

// send asks for a URL and sends bytes to it. name is as in [showpad.UploadRequest].
func (p *prober) send(ctx context.Context, name, content string) error {
	sum := md5.Sum([]byte(content))
	u, err := p.API.RequestUpload(ctx, p.asset.ID, showpad.UploadRequest{Name: name, ContentMD5: sum[:]})
	if err != nil {
		return err
	}
	p.file, p.sums, p.sizes = u.FileID, append(p.sums, hex.EncodeToString(sum[:])), append(p.sizes, int64(len(content)))
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
	err = p.API.Put(ctx, u, int64(len(content)), open, nil)
	headers, signed := u.MetadataHeaders()
	names := strings.Join(headers, ", ")
	switch refused, ok := errors.AsType[*showpad.Error](err); {
	case len(u.Metadata) == 0:
		p.found(AssumeMetadata, NotTested, "this upload had no metadata")
	case err == nil && signed:
		p.found(AssumeMetadata, Confirmed, "storage took the bytes with %s", names)
	case err == nil:
		p.found(AssumeMetadata, Confirmed, "storage took the bytes with %s; its URL does not say that it looks at them", names)
	case ok && (refused.Status == 403 || refused.Status == 400):
		p.found(AssumeMetadata, Refuted, "storage refused the bytes with %s: %v", names, err)
	}
	return err
}

func (p *prober) upload(ctx context.Context) error {
	if p.asset.ID == "" {
		return nil
	}
	p.renamed = p.name("-renamed.txt")
	if err := p.send(ctx, p.renamed, "The first version of a probe. "+p.key+"\n"); err != nil {
		p.file = ""
		if stop := grave(ctx, err); stop != nil {
			return stop
		}
		p.reason = "no bytes could be sent"
		p.tell("upload", LevelFailed, "the storage of files (Amazon S3) has to be reachable: HTTPS_PROXY names a proxy, --ca-file its certificate", "bytes cannot be sent: %v", err)
		return nil
	}
	p.tell("upload", LevelOK, "", "bytes can be sent")
	return nil
}

// await polls until the newest version is in use; seen gets each answer before.
func (p *prober) await(ctx context.Context, seen func(showpad.Asset)) (done bool, err error) {
	for pauses := newPauses(p.Wait); ; {
		a, err := p.API.Asset(ctx, p.asset.ID)
		if err != nil {
			return false, err
		}
		p.asset = a
		if a.CurrentFile != nil && a.CurrentFile.ID == p.file && a.Status == showpad.StatusActive {
			return true, nil
		}
		if a.Status == showpad.StatusFailed {
			why := ""
			if f, err := p.API.File(ctx, a.ID, p.file); err == nil {
				why = f.Error
			}
			return false, fmt.Errorf("the service could not process a text of one line: %s", why)
		}
		seen(a)
		if !pauses.wait(ctx) {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			return false, nil
		}
	}
}

// settled waits for the first version and looks at what became of it.
func (p *prober) settled(ctx context.Context) error {
	if p.file == "" {
		return nil
	}
	begun := time.Now()
	done, err := p.await(ctx, func(showpad.Asset) {})
	p.either(AssumeRename, p.asset.Name == p.renamed, "so it does", "the asset kept its name")
	if err != nil {
		return p.failed(ctx, "processing", err)
	}
	if !done {
		p.reason = "processing took longer than " + brief(p.Wait)
		p.tell("processing", LevelWarning, "look at status.showpad.com, or try again later", "the service did not process a text of one line within %s", brief(p.Wait))
		return nil
	}
	p.active = true
	p.tell("processing", LevelOK, "", "a text of one line is processed after %s", brief(time.Since(begun)))
	p.checksum()
	var text string
	_ = json.Unmarshal(p.asset.Raw.Get("description"), &text) // null is ""
	p.either(AssumeDescription, text == probeDescription, "so it does, blanks at its ends too", fmt.Sprintf("%q became %q", probeDescription, text))
	return nil
}

// checksum looks at the form in which the service tells it.
func (p *prober) checksum() {
	var shown string
	_ = json.Unmarshal(p.asset.Raw.Get("checksum"), &shown) // null is ""
	want := p.sums[len(p.sums)-1]
	raw, _ := hex.DecodeString(want) // made by us
	switch {
	case shown == want:
		p.found(AssumeChecksum, Confirmed, "so it is")
	case strings.EqualFold(shown, want):
		// Read without case: no harm.
		p.told[AssumeChecksum] = true
		p.Observe(Finding{Check: AssumeChecksum, Level: LevelWarning, Verdict: Refuted, Text: assumption(AssumeChecksum).What + ": it is in capitals", Remedy: "nothing: both are read"})
	case shown == base64.StdEncoding.EncodeToString(raw):
		p.found(AssumeChecksum, Refuted, "it is in Base64")
	case shown == "":
		p.found(AssumeChecksum, Refuted, "the service tells none")
	default:
		p.found(AssumeChecksum, Refuted, "it is %q where the MD5 is %s", shown, want)
	}
}

// readBack fetches the bytes by the link of v3.
func (p *prober) readBack(ctx context.Context) error {
	if !p.active {
		return nil
	}
	link, err := p.API.Download(ctx, p.asset.ID)
	if errors.Is(err, showpad.ErrNotDownloadable) {
		p.found(AssumeLink, Refuted, "there is none")
		p.found(AssumeBytes, NotTested, "there is no link")
		return nil
	}
	if err != nil {
		return p.failed(ctx, "asking for a download link", err)
	}
	p.found(AssumeLink, Confirmed, "it does, by %s", map[bool]string{true: "a link that takes the token", false: "a public link"}[link.TakesToken()])
	body, err := p.API.Fetch(ctx, link)
	if refused, ok := errors.AsType[*showpad.Error](err); ok && grave(ctx, err) == nil {
		p.found(AssumeBytes, Refuted, "it leads to nothing: %v", refused)
		return nil
	}
	if err != nil {
		return p.failed(ctx, "reading the bytes back", err)
	}
	got, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err = errors.Join(err, body.Close()); err != nil {
		return p.failed(ctx, "reading the bytes back", err)
	}
	sum := md5.Sum(got)
	p.either(AssumeBytes, hex.EncodeToString(sum[:]) == p.sums[len(p.sums)-1], "so it does", fmt.Sprintf("it leads to %d other bytes, %.40q", len(got), bytes.TrimSpace(got)))
	return nil
}

// update sets one permission, and the external ID.
func (p *prober) update(ctx context.Context) error {
	if p.asset.ID == "" {
		return nil
	}
	a, err := p.API.UpdateAsset(ctx, p.asset.ID, showpad.AssetFields{Permissions: showpad.Some(showpad.Permissions{IsShareable: showpad.Some(true)})})
	if err != nil {
		return p.failed(ctx, "updating permissions", err)
	}
	var perms showpad.Permissions
	if json.Unmarshal(a.Raw.Get("permissions"), &perms) != nil || !perms.IsAnnotatable.Set {
		p.found(AssumePermissions, NotTested, "the answer has no permissions")
	} else {
		p.either(AssumePermissions, !perms.IsAnnotatable.Value, "so it does", "isAnnotatable went back to true")
	}
	want := ProbeExternalID + p.key + "-b"
	a, err = p.API.UpdateAsset(ctx, p.asset.ID, showpad.AssetFields{ExternalID: showpad.Some(want)})
	if refused, ok := errors.AsType[*showpad.Error](err); ok && refused.Status >= 400 && refused.Status < 500 && grave(ctx, err) == nil {
		p.found(AssumeExternalIDLater, Refuted, "the service refuses it: %v", err)
		return nil
	}
	if err != nil {
		return p.failed(ctx, "updating the external ID", err)
	}
	p.either(AssumeExternalIDLater, a.ExternalID == want, "so it does", fmt.Sprintf("the answer still has %q", a.ExternalID))
	return nil
}

// version sends other bytes to the asset and watches its status.
func (p *prober) version(ctx context.Context) error {
	if !p.active {
		return nil
	}
	if err := p.send(ctx, "", "The second version of a probe. "+p.key+"\n"); err != nil {
		return p.failed(ctx, "sending a second version", err)
	}
	looked, left := 0, ""
	done, err := p.await(ctx, func(a showpad.Asset) {
		looked++
		if a.Status != showpad.StatusActive && left == "" {
			left = a.Status
		}
	})
	switch {
	case left != "":
		p.found(AssumeActive, Refuted, "it became %s", left)
	case looked > 0:
		p.found(AssumeActive, Confirmed, "so it did")
	default:
		p.found(AssumeActive, NotTested, "the version was processed before anybody could look")
	}
	if err != nil {
		return p.failed(ctx, "processing a second version", err)
	}
	if !done {
		p.tell("processing", LevelWarning, "look at status.showpad.com, or try again later", "the service did not process a second version within %s", brief(p.Wait))
	}
	return nil
}

// link makes a URL asset.
func (p *prober) link(ctx context.Context) error {
	if p.asset.ID == "" {
		return nil
	}
	a, err := p.make(ctx, showpad.AssetFields{
		Name: showpad.Some(p.name("-link.url")), Division: showpad.Some(showpad.Ref{ID: p.division.ID}),
		URL: showpad.Some("https://www.example.com/"), ReleasedAt: showpad.Some(probeRelease), Description: showpad.Some(probeText),
	})
	for pauses := newPauses(min(p.Wait, p.SettleTime)); err == nil && a.Status != showpad.StatusActive && pauses.wait(ctx); {
		switch b, rerr := p.API.Asset(ctx, a.ID); {
		case rerr == nil:
			a, p.read[a.ID] = b, true
		case !showpad.IsNotFound(rerr):
			err = rerr
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return p.failed(ctx, "making a URL asset", err)
	}
	p.either(AssumeURLAsset, a.Status == showpad.StatusActive, "so it does", "it is still "+a.Status)
	return nil
}

// counter compares the counter of v3 with what was sent to v4.
func (p *prober) counter(ctx context.Context) error {
	if p.me.ID == "" || p.me.Remaining < 0 || p.me.RateLimit == 0 {
		p.found(AssumeLimit, NotTested, "the service tells no counter")
		p.found(AssumeShared, NotTested, "the service tells no counter")
		return nil
	}
	before, sent := p.me.Remaining, p.meSent
	me, err := p.API.Me(ctx)
	if err != nil {
		return p.failed(ctx, "reading the request counters", err)
	}
	moved, ours := before-me.Remaining, p.sent()-sent
	p.either(AssumeLimit, me.RateLimit == 5000, "the counter says so", fmt.Sprintf("the counter says %d", me.RateLimit))
	switch {
	case moved <= 0:
		p.found(AssumeShared, NotTested, "the counter stands still, also for requests to v3")
	default:
		// Of ours, few went to v3: me, and the download link.
		p.either(AssumeShared, moved*2 >= ours, fmt.Sprintf("it moved by %d for %d of ours", moved, ours), fmt.Sprintf("it moved by %d for %d of ours", moved, ours))
	}
	return nil
}
