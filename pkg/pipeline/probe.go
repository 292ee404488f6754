package pipeline

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// What a probe makes is named so that whoever meets it sees what it is.
const (
	// ProbeName begins the name of every asset and tag that a probe makes.
	ProbeName = "migrate-doctor-probe-"
	// ProbeExternalID begins their external IDs.
	ProbeExternalID = "migrate-doctor-"
	// ProbeRequests is how many requests a probe takes where nothing has to be waited for,
	// beside those of [Doctor.Diagnose]; uploads are not among them.
	ProbeRequests = 32

	probeText = "Made by migrate doctor --probe. It may be deleted."
)

// probeForm is the name of what a probe made, whole: nothing else is ever removed.
var probeForm = regexp.MustCompile(`^(?i:migrate-doctor-probe-[0-9a-f]{16})(-renamed|-link)?(\.txt|\.url)?$`)

// cleanUpWithin bounds the cleaning up after an interruption.
const cleanUpWithin = 30 * time.Second

// lookWithin is how long lists are asked for what a lost answer may have made.
const lookWithin = 10 * time.Second

// prober is a probe at work.
type prober struct {
	*Doctor
	key      string
	division showpad.Division

	assets []string // made and not yet deleted, by id
	tags   []string
	read   map[string]bool // assets that were read by their id: a 404 now says that they are gone
	lost   int             // creates whose answer got lost, and that were not found: something may have been made

	told   map[string]bool // assumptions
	reason string          // why the rest was not tested; "": it was not seen

	tag     showpad.Tag
	asset   showpad.Asset // as the latest answer has it
	inList  bool          // lists show it
	made    time.Time     // when its create was sent
	sums    []string      // hex MD5 of the versions, oldest first
	sizes   []int64
	file    string // id of the newest version
	active  bool
	renamed string
}

// Probe makes one small asset, a link and two tags in the Division, looks at what the
// service makes of them, and deletes them again, also when the context ends meanwhile.
// It first deletes what probes left that were killed. Diagnose comes before it. What is
// wrong is a finding; each of [Assumptions] gets one. The error is as with Diagnose.
func (d *Doctor) Probe(ctx context.Context) (err error) {
	p := &prober{Doctor: d, key: d.Key, division: d.division(), told: map[string]bool{}, read: map[string]bool{}}
	if p.key == "" {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		p.key = hex.EncodeToString(b[:])
	}
	if p.SettleTime <= 0 {
		p.SettleTime = time.Minute
	}
	if p.Wait <= 0 {
		p.Wait = 5 * time.Minute
	}
	if p.division.ID == "" {
		d.tell("probe", LevelFailed, "name one with --division", "there is no Division to probe in")
		p.reason = "there is no Division to probe in"
		p.rest()
		return nil
	}
	defer func() {
		if p.clean(ctx); err == nil {
			p.rest()
		}
	}()
	for _, step := range []func(context.Context) error{
		p.leftovers, p.makeTags, p.create, p.listed, p.archive, p.upload, p.settled, p.readBack, p.update, p.version, p.link, p.counter,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *prober) name(suffix string) string { return ProbeName + p.key + suffix }

// found tells the verdict on an assumption; a refutation comes with its way on.
func (p *prober) found(id string, v Verdict, format string, args ...any) {
	if p.told[id] {
		return
	}
	p.told[id] = true
	a := assumption(id)
	f := Finding{Check: id, Verdict: v, Text: fmt.Sprintf("%s: %s", a.What, fmt.Sprintf(format, args...))}
	switch v {
	case Confirmed:
		f.Level = LevelOK
	case Refuted:
		f.Level, f.Remedy = a.Level, a.Remedy
	default:
		f.Level = LevelSkipped
	}
	p.Observe(f)
}

// either tells a verdict of two.
func (p *prober) either(id string, yes bool, confirmed, refuted string) {
	if yes {
		p.found(id, Confirmed, "%s", confirmed)
	} else {
		p.found(id, Refuted, "%s", refuted)
	}
}

// rest tells of the assumptions that nothing was found about.
func (p *prober) rest() {
	p.found(AssumeAdvice, NotTested, "no 429 came, and none is provoked")
	p.rotation()
	why := p.reason
	if why == "" {
		why = "nothing showed it"
	}
	for _, a := range assumptions {
		p.found(a.ID, NotTested, "%s", why)
	}
}

// rotation is told by renewals that happened anyway.
func (p *prober) rotation() {
	switch {
	case p.Renewal == nil:
		p.found(AssumeRotation, NotTested, "this credential has no refresh token")
	case !p.Renewal().Known:
		p.found(AssumeRotation, NotTested, "it was not used yet, and is not used up for this")
	default:
		p.either(AssumeRotation, p.Renewal().Replaced, "so it was at the last renewal", "it stayed the same at the last renewal")
	}
}

// failed tells of a step that did not do, unless that ends everything; what hangs on it
// is not tested.
func (p *prober) failed(ctx context.Context, what string, err error) error {
	if stop := grave(ctx, err); stop != nil {
		return stop
	}
	if p.reason == "" {
		p.reason = what + " failed"
	}
	p.tell("probe", LevelFailed, "", "%s: %v", what, err)
	return nil
}

// leftovers removes what earlier probes made and could not remove.
func (p *prober) leftovers(ctx context.Context) error {
	gone, err := p.sweep(ctx, ProbeName)
	if err != nil {
		return p.failed(ctx, "looking for what earlier probes left", err)
	}
	if gone > 0 {
		p.tell("leftovers", LevelOK, "", "%d things that earlier probes left are deleted", gone)
	}
	return nil
}

// sweep deletes all assets and tags of probes whose name contains part. Archived assets
// may be missing from lists, so a query is asked too.
func (p *prober) sweep(ctx context.Context, part string) (gone int, err error) {
	assets := map[string]string{}
	note := func(a showpad.Asset) {
		if probeForm.MatchString(a.Name) {
			assets[a.ID] = a.Name
		}
	}
	for a, err := range p.API.Assets(ctx, showpad.AssetFilter{Name: part}) {
		if err != nil {
			return gone, err
		}
		note(a)
	}
	for a, err := range p.API.QueryAssets(ctx, showpad.AssetQuery{ShowQL: `name ~ "` + part + `"`}) {
		if err != nil {
			if grave(ctx, err) != nil {
				return gone, err
			}
			break // queries take rights of their own
		}
		note(a)
	}
	tags := map[string]string{}
	for t, err := range p.API.Tags(ctx, showpad.TagFilter{Name: part}) {
		if err != nil {
			return gone, err
		}
		if probeForm.MatchString(t.Name) {
			tags[t.ID] = t.Name
		}
	}
	remove := func(id string, del func(context.Context, string) error) {
		derr := del(ctx, id)
		if derr == nil {
			gone++
		} else if !showpad.IsNotFound(derr) {
			err = errors.Join(err, derr)
		}
	}
	for id := range assets {
		remove(id, p.API.DeleteAsset)
	}
	for id := range tags {
		remove(id, p.API.DeleteTag)
	}
	return gone, err
}

// clean deletes what this probe made. It does so too when ctx has ended, for a while.
func (p *prober) clean(ctx context.Context) {
	within := max(cleanUpWithin, 3*p.SettleTime)
	if ctx.Err() != nil {
		within = cleanUpWithin
		p.tell("clean-up", LevelOK, "", "interrupted: what was made is deleted first (again to leave at once)")
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	var errs []error
	gone := 0
	note := func(err error) {
		if err == nil {
			gone++
		} else if !showpad.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	for _, id := range p.assets {
		note(p.deleteAsset(last, id))
	}
	for _, id := range p.tags {
		note(p.API.DeleteTag(last, id))
	}
	if p.lost > 0 { // its id is not known: its name is
		more, err := p.sweep(last, p.key)
		for pauses := newPauses(lookWithin); err == nil && more == 0 && pauses.wait(last); {
			more, err = p.sweep(last, p.key)
		}
		if gone += more; err == nil && more == 0 {
			err = errors.New("the answer to a create got lost, and lists do not show what it may have made")
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		p.tell("clean-up", LevelFailed, "the next doctor --probe deletes it, or delete it in Showpad: its name begins with "+ProbeName+p.key, "something may be left behind: %v", err)
		return
	}
	if gone > 0 {
		p.tell("clean-up", LevelOK, "", "all that was made is deleted: %d things", gone)
	}
}

// deleteAsset deletes an asset of this probe. One that was never read by its id may not
// be known there yet.
func (p *prober) deleteAsset(ctx context.Context, id string) error {
	for pauses := newPauses(2 * p.SettleTime); ; {
		err := p.API.DeleteAsset(ctx, id)
		if !showpad.IsNotFound(err) || p.read[id] {
			return err
		}
		if !pauses.wait(ctx) {
			return fmt.Errorf("asset %s: the service does not know it yet", id)
		}
	}
}
