package main

import (
	"fmt"
	"strings"
)

// bug is a mistake that somebody could make, and the tests that must notice.
type bug struct {
	name  string
	what  string // for people, one line
	edits []edit
	pkg   string   // whose tests they are
	tests []string // each must fail. None: whichever does is looked for, to be named here
}

// edit replaces a text that stands in a file once.
type edit struct{ file, old, new string }

func (e edit) apply(text string) (string, error) {
	if n := strings.Count(text, e.old); n != 1 {
		return text, fmt.Errorf("%s has the text to replace %d times, want once:\n%s", e.file, n, e.old)
	}
	return strings.Replace(text, e.old, e.new, 1), nil
}

// bugs are planted by `make bugs`.
var bugs = []bug{
	{
		"no-intent", "a create leaves without its intent in the state",
		[]edit{{"pkg/pipeline/register.go", `	err = r.put(ctx, w, "Creating the asset.", &state.Change{Op: state.Create}, func(rec *state.Record) {`, `	w.rec = r.record(w, func(rec *state.Record) {`}},
		"pkg/pipeline", []string{"TestACreateThatACrashCutOffIsNotSentAgain"},
	},
	{
		"no-lookup-after-lost", "a create without an answer is sent again at once",
		[]edit{{"pkg/pipeline/register.go", `		return r.park.add(ctx, w, w.since.Add(r.settleTime))`, `		return r.create(ctx, w, values)`}},
		"pkg/pipeline", []string{"TestEachFaultAtEachOperation"},
	},
	{
		"lag-not-waited-for", "a create without an answer is repeated as soon as one look-up has not found it",
		[]edit{{"pkg/pipeline/park.go", `	case asked.Before(h.settled):
		p.again(h)
		return nil
`, ``}},
		"pkg/pipeline", []string{"TestFaultsByTheHundred", "TestSimulation"},
	},
	{
		"settle-skipped-after-crash", "a create that an earlier process began is not given the settle time",
		[]edit{{"pkg/pipeline/register.go", `(w.lost() || w.Row.Reason == ReasonRecreate) && w.since`, `w.Row.Reason == ReasonRecreate && w.since`}},
		"pkg/pipeline", []string{"TestACreateThatACrashCutOffIsNotSentAgain"},
	},
	{
		"unknown-is-new", "what the state does not know is created without asking the service",
		[]edit{
			{"pkg/pipeline/decide_found.go", `func (d *decider) unknown() {
	if d.needRemote() {
		return
	}
`, `func (d *decider) unknown() {
`},
			{"pkg/pipeline/register.go", `newLookup(time.Time{}, w.item.ExternalID)`, `newLookup(time.Now(), w.item.ExternalID)`},
		},
		"pkg/pipeline", []string{"TestWhatTheStateDoesNotKnowIsLookedUpFirst"},
	},
	{
		"stale-lookup", "a look-up never becomes too old for a create",
		[]edit{{"pkg/pipeline/gather.go", `time.Since(l.at) > maxAge || l.at.Before(notBefore)`, `l.at.IsZero() || l.at.Before(notBefore)`}},
		"pkg/pipeline", []string{"TestACreateWaitsNoLongerThanItsLookUpLives"},
	},
	{
		"first-page-only", "the second page of a list is not read",
		[]edit{{"pkg/showpad/list.go", `len(p.Items) == 0 || known && int64(offset) >= total || !known && !fresh`, `len(p.Items) == 0 || offset > 0 || known && int64(offset) >= total || !known && !fresh`}},
		"pkg/showpad", []string{"TestListsWalkAllPagesOnce"},
	},
	{
		"first-create-not-alone", "many creates leave before one has proven that external IDs are kept",
		[]edit{{"pkg/pipeline/first.go", `		if f.proven || f.leader == w {`, `		if f != nil {`}},
		"pkg/pipeline", []string{"TestATenantThatDropsExternalIDsGetsOneAssetAtMost"},
	},
	{
		"create-repeated-on-5xx", "a create is sent again after a 5xx",
		[]edit{{"pkg/showpad/classify.go", `	if op == KindCreate {
		again = Resolve
	}
`, ``}},
		"pkg/showpad", []string{"TestClassify", "TestCreateIsNotRepeatedOnceItMayHaveBeenCarriedOut"},
	},
	{
		"retry-after-ignored", "advice of a 429 is not followed",
		[]edit{{"pkg/showpad/request.go", `c.gate.refused(sent, e.RetryAfter,`, `c.gate.refused(sent, 0,`}},
		"pkg/showpad", []string{"TestManyCallersShareAGate"},
	},
	{
		"closed-gate-entered", "a request that waited for its slot leaves although the gate has closed meanwhile",
		[]edit{{"pkg/showpad/request.go", `			if _, closed := c.gate.depart(); closed {
				p.slot.Release()
				continue
			}
`, ``}, {"pkg/showpad/request.go", `p.InClosedGate = c.gate.depart(); !p.InClosedGate {`, `p.InClosedGate = c.gate.depart(); true {`}},
		"pkg/showpad", []string{"TestAGateThatClosesWhileATokenIsRenewedIsRespected"},
	},
	{
		"rate-does-not-learn", "a refusal closes the gate and leaves the rate as it was",
		[]edit{{"pkg/showpad/gate.go", `		g.pacer.refuse(now)
`, ``}},
		"pkg/showpad", []string{"TestTheRateThatTheServiceAllowsIsUsed"},
	},
	{
		"storm-takes-rate", "each 503 lowers the rate, however many come",
		[]edit{{"pkg/showpad/rate.go", `	if p.dipped {
		return
	}
	before := p.ceiling
`, `	before := p.learned.rate
`}},
		"pkg/showpad", []string{"TestA503DoesNotTakeTheRateAway"},
	},
	{
		"place-of-the-gone", "a caller that gave up keeps its turn of the rate",
		[]edit{{"pkg/showpad/gate.go", `	g.pacer.giveBack()
`, ``}},
		"pkg/showpad", []string{"TestATurnThatNobodyTookIsGivenBack"},
	},
	{
		"repeats-not-spent", "the budget counts a request once, however often it is sent",
		[]edit{{"pkg/showpad/request.go", `			err = c.gate.spend(ctx)
`, `			if !p.Retry {
				err = c.gate.spend(ctx)
			}
`}},
		"pkg/showpad", []string{"TestEachAttemptIsSpent"},
	},
	{
		"url-asked-too-early", "the upload URL is asked for when the asset is made, not when its turn to send comes",
		[]edit{
			{"pkg/pipeline/register.go", `	return r.send(ctx, r.toTransfer, w)
}

// lacking`, `	up, err := r.askURL(ctx, w)
	if err != nil {
		return r.refused(ctx, w, showpad.KindChange, FailedRefused, err)
	}
	w.early = &up
	return r.send(ctx, r.toTransfer, w)
}

// lacking`},
			{"pkg/pipeline/gather.go", `	look  *lookup // `, `	early *showpad.Upload
	look  *lookup // `},
			{"pkg/pipeline/transfer.go", `	up, err := r.askURL(ctx, w)
	if err != nil {
		return false, err
	}`, `	var up showpad.Upload
	if w.early != nil {
		up, w.early = *w.early, nil
	} else if up, err = r.askURL(ctx, w); err != nil {
		return false, err
	}`},
		},
		"pkg/pipeline", []string{"TestAnUploadURLIsAskedForWhenItsTurnHasCome"},
	},
	{
		"storage-not-heeded", "a refusal of storage does not make uploads fewer",
		[]edit{{"pkg/pipeline/uploads.go", `		u.climb.refused(now, s.begun, flying)
`, ``}},
		"pkg/pipeline", []string{"TestARefusalOfStorageHalvesOnce", "TestUploadsComeBackAfterAStorm"},
	},
	{
		"videos-take-all-slots", "large files may have all upload slots while small ones are on their way",
		[]edit{{"pkg/pipeline/uploads.go", `	return max(1, u.climb.limit/2)
`, `	return u.climb.limit
`}},
		"pkg/pipeline", []string{"TestVideosAndDecksDoNotWaitForEachOther"},
	},
	{
		"bandwidth-for-each", "each upload has the whole bandwidth to itself",
		[]edit{{"pkg/pipeline/uploads_bandwidth.go", `	b := l.u.bandwidth
`, `	if l.own == nil {
		l.own = newBandwidth(int64(l.u.bandwidth.rate))
	}
	b := l.own
`}, {"pkg/pipeline/uploads_bandwidth.go", `	f   io.ReadCloser
	u   *uploads
`, `	f   io.ReadCloser
	u   *uploads
	own *bandwidth
`}},
		"pkg/pipeline", []string{"TestUploadsShareTheBandwidth"},
	},
	{
		"token-at-storage", "storage is shown the bearer token",
		[]edit{{"pkg/showpad/upload.go", `	req.Header = maps.Clone(p.header)
`, `	req.Header = maps.Clone(p.header)
	if tok, err := p.c.token.Token(); err == nil {
		tok.SetAuthHeader(req)
	}
`}},
		"pkg/showpad", []string{"TestPutNeverSeesTheToken"},
	},
	{
		"signed-url-told", "an error of an upload tells the signed URL",
		[]edit{
			{"pkg/showpad/upload.go", `		secrets = append(secrets, u.RawQuery)`, `		secrets = nil`},
			{"pkg/showpad/upload.go", `				secrets = append(secrets, v)`, `				secrets = nil`},
		},
		"pkg/showpad", []string{"TestUploadURLStaysOutOfErrorsAndLogs"},
	},
	{
		"short-answer-believed", "an answer that breaks off counts as whole",
		[]edit{
			{"pkg/showpad/request.go", `err == io.EOF { // of none at all
			err = io.ErrUnexpectedEOF`, `err == io.EOF || err == io.ErrUnexpectedEOF {
			err = nil`},
			{"pkg/showpad/request.go", `	case int64(len(body)) < resp.ContentLength:
		return body, io.ErrUnexpectedEOF
`, ``},
		},
		"pkg/showpad", []string{"TestCreateIsNotRepeatedOnceItMayHaveBeenCarriedOut"},
	},
	{
		"md5-not-compared", "an active asset is done whatever its checksum",
		[]edit{{"pkg/pipeline/settle.go", `!strings.EqualFold(a.Checksum, rec.MD5) || (a.Size != nil && *a.Size != rec.Size)`, `a.Size != nil && *a.Size != rec.Size`}},
		"pkg/pipeline", []string{"TestBytesThatTheServiceShowsOtherwiseAreNotDone"},
	},
	{
		"version-settled-by-old", "a version is done while the asset still shows the checksum of the one before",
		[]edit{
			{"pkg/pipeline/settle.go", `!strings.EqualFold(a.Checksum, rec.MD5) || (a.Size`, `!strings.EqualFold(a.Checksum, rec.MD5) && !strings.EqualFold(a.Checksum, rec.Replaced) || rec.Replaced == "" && (a.Size`},
			{"pkg/pipeline/settle.go", `	ours := rec.FileID == "" ||`, `	ours := rec.FileID == "" || rec.Op == state.Version ||`},
		},
		"pkg/pipeline", []string{"TestAVersionThatStorageTookAndTheServiceNeverSawIsSentAgain"},
	},
	{
		"done-when-sent", "an upload is done once storage has answered",
		[]edit{{"pkg/pipeline/transfer.go", `	if err != nil {
		return err
	}
	return r.watch(ctx, w)
}

// watch`, `	if err != nil {
		return err
	}
	return r.done(ctx, w, w.Seen)
}

// watch`}},
		"pkg/pipeline", []string{"TestProcessingThatNeverEndsIsToldApart"},
	},
	{
		"sent-before-put", "the state says that the bytes are sent before they are",
		[]edit{{"pkg/pipeline/transfer.go", `state.Sending, id, up.FileID, nil, time.Time{}`, `state.Sent, id, up.FileID, nil, time.Now().UTC()`}},
		"pkg/pipeline", []string{"TestBytesThatDidNotLeaveAreSentByTheNextRun"},
	},
	{
		"registered-before-create", "the state says that the asset is made before it is asked for",
		[]edit{{"pkg/pipeline/register.go", `state.Create, state.Registering, values, nil`, `state.Create, state.Registered, values, nil`}},
		"pkg/pipeline", []string{"TestACreateThatACrashCutOffIsNotSentAgain"},
	},
	{
		"changed-file-sent", "a file that changed since it was hashed is sent under the old checksum",
		[]edit{{"pkg/pipeline/transfer.go", `		if !info.Same(want) {`, `		if false && !info.Same(want) {`}},
		"pkg/pipeline", []string{"TestAFileThatChangedSinceItWasReadIsNotSentUnderItsOldChecksum"},
	},
	{
		"asset-renamed", "the request for an upload URL carries the file's name instead of the asset's",
		[]edit{{"pkg/pipeline/transfer.go", `showpad.UploadRequest{Name: w.name, `, `showpad.UploadRequest{Name: w.Row.Name, `}},
		"pkg/pipeline", []string{"TestANewVersionLeavesTheNameThatAPersonGave"},
	},
	{
		"permissions-in-part", "an update sends the changed permissions only",
		[]edit{{"pkg/pipeline/fields.go", `ok && !(p == "isEditable" && string(raw) == "false") {`, `ok && raw == nil {`}},
		"pkg/pipeline", []string{"TestPermissionsAreSentWhole"},
	},
	{
		"tags-replaced", "tags of others are removed although the manifest says add",
		[]edit{{"pkg/pipeline/decide.go", `	return union(remote, w), false
}`, `	return w, false
}`}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"removed-tag-comes-back", "a tag of ours that a person took off is put on again",
		[]edit{{"pkg/pipeline/decide.go", `		w = minus(w, taken)
`, ``}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"tag-conflict-fails", "a tag that somebody makes at the same moment fails its items",
		[]edit{{"pkg/pipeline/maketags.go", `exists := errors.Is(err, showpad.ErrExists); !exists`, `exists := false; !exists`}},
		"pkg/pipeline", []string{"TestTagsOfARunAreNoted"},
	},
	{
		"before-image-not-durable", "an update leaves before its before-image is on disk",
		[]edit{{"pkg/pipeline/update.go", `	err = r.put(ctx, w, fmt.Sprintf("Setting %s."`, `	err = r.queue(ctx, w, fmt.Sprintf("Setting %s."`}},
		"pkg/pipeline", []string{"TestNothingChangesBeforeTheWayBackIsOnDisk"},
	},
	{
		"version-intent-not-durable", "a version is begun before the way back is on disk",
		[]edit{{"pkg/pipeline/transfer.go", `		err := r.put(ctx, w, fmt.Sprintf("Sending a new version`, `		err := r.queue(ctx, w, fmt.Sprintf("Sending a new version`}},
		"pkg/pipeline", []string{"TestNothingChangesBeforeTheWayBackIsOnDisk"},
	},
	{
		"lost-update-overtakes", "an update with other values does not wait for one without an answer",
		[]edit{{"pkg/pipeline/update.go", `	if !clashes || w.outlived {`, `	if !clashes || w != nil {`}},
		"pkg/pipeline", []string{"TestALostUpdateDoesNotComeAfterTheNextOne"},
	},
	{
		"person-overwritten", "what a person changed is set back",
		[]edit{{"pkg/pipeline/decide.go", `		case ours || d.f.Rules.Conflicts == "overwrite":`, `		case ours || d.f.Rules.Conflicts != "":`}},
		"pkg/pipeline", []string{"TestDecide", "TestAConflictShowsWhatIsThereWhatIsWantedAndWhatWasSent"},
	},
	{
		"persons-version-replaced", "a version that a person uploaded is replaced",
		[]edit{{"pkg/pipeline/decide_known.go", `		case d.f.Rules.Conflicts != "overwrite":
			d.otherBytes(a)`, `		case d.f.Rules.Conflicts == "":
			d.otherBytes(a)`}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"foreign-record", "the items of another manifest on the same state are taken over",
		[]edit{{"pkg/pipeline/decide.go", `	if rec != nil && rec.Owner != "" && rec.Owner != f.Owner {`, `	if false {`}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"trash-ignored", "an asset in the trash is updated as if it were not there",
		[]edit{{"pkg/pipeline/decide.go", `a.IsArchived && !managedHere {`, `false && !managedHere {`}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"twin-ignored", "of two assets with one external ID the first is taken",
		[]edit{{"pkg/pipeline/decide_found.go", `	case 1:
		d.found(&d.remote[0])
	default:
		d.twins()
	}
`, `	default:
		d.found(&d.remote[0])
	}
`}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"state-error-swallowed", "a state that cannot be written does not end the run",
		[]edit{{"pkg/pipeline/item.go", `	err := r.in.Store.Put(ctx, writes(w.rec, rec, text, change)...)
	r.meter.at(atState, -1)
	if err != nil {
		return stateError(w, err)
	}
`, `	_ = r.in.Store.Put(ctx, writes(w.rec, rec, text, change)...)
	r.meter.at(atState, -1)
`}},
		"pkg/pipeline", []string{"TestAStateThatCannotBeWrittenEndsTheRunBeforeItCreates"},
	},
	{
		"answer-before-commit", "the writer of the state answers before the commit",
		[]edit{{"pkg/state/writer.go", `func (s *Store) commit(group []*request) {
`, `func (s *Store) commit(group []*request) {
	for _, r := range group {
		if r.done != nil {
			r.done <- nil
		}
	}
`}},
		"pkg/state", []string{"TestAFailedCommitEndsAllWriting"},
	},
	{
		"two-writers", "a second process may write the state",
		[]edit{{"pkg/state/lock.go", `		err = tryLock(f)
		if err == nil`, `		if err = tryLock(f); errors.Is(err, errHeld) {
			err = nil
		}
		if err == nil`}},
		"pkg/state", []string{"TestASecondOpenerIsToldWhoHasTheState"},
	},
	{
		"create-repeated-on-reset", "a create is sent again when the connection breaks after it was sent",
		[]edit{{"pkg/showpad/classify.go", `op == KindCreate && w.sent {`, `op == KindCreate && w.sent && false {`}},
		"pkg/showpad", []string{"TestCreateIsNotRepeatedOnceItMayHaveBeenCarriedOut"},
	},
	{
		"token-used-unkept", "a renewed token is used before it is kept",
		[]edit{{"pkg/showpad/auth.go", `		s.unsaved = &fresh
`, `		s.cur = fresh
`}},
		"pkg/showpad", []string{"TestRotatedTokenIsKeptBeforeItIsUsed"},
	},
	{
		"dropped-external-id", "creates go on although the service did not keep the external ID of the first",
		[]edit{{"pkg/pipeline/register.go", `	if a.ExternalID != w.item.ExternalID {
		if dropped`, `	if false {
		if dropped`}},
		"pkg/pipeline", []string{"TestATenantThatDropsExternalIDsGetsOneAssetAtMost"},
	},
	{
		"unlisted-is-gone", "an asset that the list does not show yet counts as gone",
		[]edit{{"pkg/pipeline/gather.go", `!ok && (gone < doubted || rec != nil && (g.young(rec) || rec.Op == state.Archive)) {`, `!ok && rec != nil && rec.Op == state.Archive {`}},
		"pkg/pipeline", []string{"TestAnAssetThatTheListDoesNotShowYetIsNotGone"},
	},
	{
		"not-told", "items that a stopped run did not come to have no row in the results",
		[]edit{{"pkg/pipeline/run.go", `	if !r.stopped() {
		return nil
	}
	n := 0`, `	if !r.stopped() || r != nil {
		return nil
	}
	n := 0`}},
		"pkg/pipeline", []string{"TestStopDrainsAndTheNextRunCompletes"},
	},
	{
		"checksum-of-state-ignored", "a damaged value of the state is believed",
		[]edit{{"pkg/state/codec.go", ` || binary.BigEndian.Uint32(value) != sum(key, value[sumSize:]) {`, ` || sum(key, value) == 0 {`}},
		"pkg/state", []string{"TestASealNoticesEveryFlippedBit"},
	},
	{
		"doubt-ignored", "a run on an older copy of the state does not wait until look-ups show what was made since",
		[]edit{{"pkg/pipeline/run.go", `	if !r.in.Options.Doubt || r.stopped() {`, `	if r.in.Options.Doubt || r.stopped() {`}},
		"pkg/pipeline", []string{"TestAnOlderCopyOfTheStateMakesNoTwinWhenItIsDoubted"},
	},
	{
		"rebuild-too-early", "a rebuild reads the lists before they show what was made a moment ago",
		[]edit{{"pkg/pipeline/rebuild.go", `	if err := in.settle(ctx); err != nil {
		return b.sum, err
	}
`, ``}},
		"pkg/pipeline", []string{"TestARebuildWaitsForWhatWasMadeAMomentAgo"},
	},
	{
		"rebuilt-believed", "the records of a rebuild count as what we sent",
		[]edit{{"pkg/pipeline/unconfirmed.go", `Unconfirmed: true}`, `Unconfirmed: false}`}},
		"pkg/pipeline", []string{"TestAStateLostInMidMigrationIsRebuilt"},
	},
	{
		"deep-not-compared", "verify --deep reads the bytes and does not compare them",
		[]edit{{"pkg/pipeline/readback.go", `case got == sum, sum == "", got ==`, `case got != "", got ==`}},
		"pkg/pipeline", []string{"TestVerifyDeepReadsTheBytesBack"},
	},
	{
		"stale-plan-carried-out", "a row of a saved plan is carried out although the service has changed since",
		[]edit{{"pkg/pipeline/savedplan_check.go", `		return c.remoteDiffers(w, was.Remote, now.Remote)`, `		return "", ""`}},
		"pkg/pipeline", []string{"TestAStaleRowIsRefused"},
	},
	{
		"plan-digest-ignored", "a saved plan that was changed by hand is carried out",
		[]edit{{"pkg/pipeline/savedplan_read.go", `	if !strings.EqualFold(end.SHA256, hex.EncodeToString(r.sum.Sum(nil))) || end.Rows`, `	if !strings.EqualFold(end.SHA256, end.SHA256) || end.Rows`}},
		"pkg/pipeline", []string{"TestAnyChangedByteOfAPlanIsFound"},
	},
	{
		"settle-by-wall-clock", "the settle time after a crash is measured with a clock that may be hours off",
		[]edit{{"pkg/pipeline/run.go", `begun: time.Now(),`, `begun: in.now(),`}},
		"pkg/pipeline", []string{"TestTheSettleTimeIsNotThatOfTheWallClock"},
	},
	{
		"rollback-not-comparing", "a rollback archives what a person has worked on since",
		[]edit{{"pkg/pipeline/rollback_decide.go", `	if fields, touched := d.touchedFields(a); touched {`, `	if fields, touched := d.touchedFields(a); touched && a == nil {`}},
		"pkg/pipeline", []string{"TestWhatAPersonTouchedIsSpared"},
	},
	{
		"rollback-overwrites", "a rollback puts a field back that a person has changed since",
		[]edit{{"pkg/pipeline/rollback_decide.go", `	case isShown && !d.ours(name, now, t):
		if !t.blocked`, `	case isShown && d.rec == nil:
		if !t.blocked`}},
		"pkg/pipeline", []string{"TestWhatAPersonTouchedIsSpared"},
	},
	{
		"kept-bytes-unchecked", "bytes that are kept for a rollback are not compared with their checksum",
		[]edit{{"pkg/pipeline/keep.go", `is != sum {`, `is == "" {`}},
		"pkg/pipeline", []string{"TestAVersionIsNotSentWithoutTheBytesBefore"},
	},
	{
		"link-steals", "an asset that an item names is taken from whom its external ID belongs to",
		[]edit{{"pkg/pipeline/decide_link.go", `	if a.ExternalID == "" || a.ExternalID == d.item.ExternalID {`, `	if a.ID != "" {`}},
		"pkg/pipeline", []string{"TestDecide"},
	},
	{
		"link-makes", "an asset is made in the place of one that an item names and that is gone",
		[]edit{{"pkg/pipeline/decide.go", `	if d.item.ID != "" { // the item is to be that asset and no other
		d.missing()
		return
	}
`, ``}},
		"pkg/pipeline", []string{"TestEveryConflictHasAWayOn"},
	},
	{
		"link-forgets", "an asset that was noted and not given its external ID counts as if it had it",
		[]edit{{"pkg/pipeline/item.go", `	if _, sets := w.Set[idField]; sets { // we never gave it the external ID`, `	if _, sets := w.Set[idField]; sets && w.Asset == nil {`}},
		"pkg/pipeline", []string{"TestALinkIsCutOffAnywhere"},
	},
	{
		"page-behind-a-checksum", "a web page is sent in place of a file whose checksum is known",
		[]edit{{"pkg/pipeline/hash.go", `return sum, listed, sniff(ctx, src, l)`, `return sum, listed, nil`}},
		"pkg/pipeline", []string{"TestAWebPageInPlaceOfAFileIsBlocked"},
	},
	{
		"repair-over-an-edit", "lint --fix writes over what somebody wrote meanwhile",
		[]edit{{"cmd/migrate/lint_fix.go", `err == nil && !bytes.Equal(now, before)`, `err == nil && len(now) == 0 && !bytes.Equal(now, before)`}},
		"cmd/migrate", []string{"TestRewrite"},
	},
	{
		"listed-size-believed", "a file is sent whose size is not the one that its place lists",
		[]edit{{"pkg/pipeline/hash.go", `err == nil && listed.Size >= 0 && n != listed.Size && info.Listed != listed.Size {`, `err == nil && listed.Size >= 0 && n < 0 {`}},
		"pkg/pipeline", []string{"TestASizeThatIsNotTheOneListedIsAFailureOfTheSource"},
	},
	{
		"any-etag-is-an-md5", "the ETag of an object that a key of KMS encrypts is taken for the MD5 of its bytes",
		[]edit{{"pkg/source/s3/s3.go", `	case "", "AES256":
		return sum
`, `	default:
		return sum
`}},
		"pkg/source/s3", []string{"TestAnMD5IsOneOrIsNotThere"},
	},
	{
		"resumed-in-another", "reading goes on in whatever took the object's place",
		[]edit{{"pkg/source/s3/reader.go", `!now.Same(r.info)`, `!now.Same(now)`}},
		"pkg/source/s3", []string{"TestReadingGoesOnWhereItStopped"},
	},
	{
		"told-md5-believed", "a wrong MD5 that a place tells counts more than what was read",
		[]edit{{"pkg/pipeline/gather.go", `(!told || info.Version != "")`, `!told`}},
		"pkg/pipeline", []string{"TestAPlaceThatTellsAWrongMD5"},
	},
	{
		"scan-downloads", "a scan opens files that are online only",
		[]edit{{"pkg/scan/scan.go", `!e.leftOut() && !e.info.Offline && e.Size > 0`, `!e.leftOut() && e.Size > 0`}},
		"pkg/scan", []string{"TestFilesThatAreOnlineOnlyAreNotOpened"},
	},
	{
		"scan-overwrites", "a scan replaces a file that came into its way",
		[]edit{{"cmd/migrate/newfiles.go", `	err := os.Link(from, to)`, `	err := os.Rename(from, to)`}},
		"cmd/migrate", []string{"TestNewFilesComeTogetherOrNotAtAll"},
	},
	{
		"scan-ids-collide", "two files whose names differ in capitals get one external ID",
		[]edit{{"pkg/scan/scan.go", `	if _, ok := inv.lookalikes[e.Row]; ok {
		id = distinct(id, e.Path)
	}
`, ``}},
		"pkg/scan", []string{"TestNamesThatCollideGetIDsOfTheirOwn"},
	},
	{
		"token-goes-elsewhere", "a call by hand takes the token to the host that its path names",
		[]edit{{"pkg/showpad/raw.go", `		if rest == "" {
`, `		if rest == "" {
			return raw, nil
		}
		if rest == "" {
`}},
		"pkg/showpad", []string{"TestACallByHandGoesToTheTenantAlone"},
	},
	{
		"any-state", "a sign-in in a browser takes an answer with another state",
		[]edit{{"cmd/migrate/internal/login/callback.go", `[]byte(h.state)) != 1:`, `[]byte(h.state)) == 2:`}},
		"cmd/migrate/internal/login", []string{"TestOneGoodCallbackIsAnswered"},
	},
	{
		"no-proof", "a code is exchanged without the proof of PKCE",
		[]edit{{"pkg/showpad/authorize.go", `	t, err := a.exchange(ctx, code, a.verifier)`, `	t, err := a.exchange(ctx, code, "")`}},
		"pkg/showpad", []string{"TestTheCodeIsExchangedForTokensThatAreKept"},
	},
	{
		"password-before-token", "a password wins over a personal API token",
		[]edit{{"cmd/migrate/credential.go", `	case s.Token.Given():
		return showpad.CredentialToken
	case s.ClientID`, `	case s.Token.Given() && s.Username == "":
		return showpad.CredentialToken
	case s.ClientID`}},
		"cmd/migrate", []string{"TestOneCredentialWins"},
	},
	{
		"probe-removes-others", "a probe removes whatever its search finds",
		[]edit{{"pkg/pipeline/probe.go", `		if probeForm.MatchString(a.Name) {`, `		if a.Name != "" {`}},
		"pkg/pipeline", []string{"TestOnlyWhatAProbeMadeIsRemoved"},
	},
	{
		"probe-leaves", "a probe that is interrupted leaves what it made",
		[]edit{{"pkg/pipeline/probe.go", `context.WithTimeout(context.WithoutCancel(ctx), within)`, `context.WithTimeout(ctx, within)`}},
		"pkg/pipeline", []string{"TestAnInterruptedProbeCleansUp"},
	},
	{
		"any-post-repeated", "a call by hand that creates is repeated when its answer is lost",
		[]edit{{"pkg/showpad/raw.go", `	case r.Method == "POST" && !v3 && repeatable.MatchString(path):`, `	case r.Method == "POST":`}},
		"pkg/showpad", []string{"TestACallByHandIsRepeatedAsItsKindAllows"},
	},
	{
		"query-ends-at-10000", "a query without a cursor leaves out what offsets do not reach",
		[]edit{{"pkg/showpad/query.go", `			if body.Offset+queryPage > queryReach {
				yield(`, `			if body.Offset+queryPage > queryReach {
				return
				yield(`}},
		"pkg/showpad", []string{"TestAQueryThatOffsetsDoNotReachSaysSo"},
	},
	{
		"by-hand-not-waited-for", "a create by hand without an answer is given up at the first look-up",
		[]edit{{"cmd/migrate/assetbytes.go", `			case err != nil || len(docs) == 0:
				return false, err
`, `			case err != nil || len(docs) == 0:
				return err == nil, err
`}},
		"cmd/migrate", []string{"TestACreateByHandIsLookedForWhileListsLag"},
	},
	{
		"prune-owner-ignored", "pruning takes records of other manifests for its own",
		[]edit{{"pkg/pipeline/prune.go", `	case rec.Owner != owner:
`, `	case rec.Owner == "":
`}},
		"pkg/pipeline", []string{"TestPruneLooksAtItsOwnRecordsOnly", "TestLawTwoManifests"},
	},
	{
		"prune-what-was-found", "pruning takes assets that were only found",
		[]edit{{"pkg/pipeline/prune.go", `	case rec.CreateRun != "", rec.Op`, `	case rec.AssetID != "", rec.Op`}},
		"pkg/pipeline", []string{"TestWhatTheManifestDidNotMakeIsNotPruned"},
	},
	{
		"prune-in-spite-of-problems", "blocked items do not keep a run from pruning",
		[]edit{{"pkg/pipeline/prune.go", `	if s.blocked > 0 {`, `	if s.blocked < 0 {`}},
		"pkg/pipeline", []string{"TestPruneGuards"},
	},
	{
		"prune-without-limit", "any number of assets is pruned",
		[]edit{{"pkg/pipeline/prune.go", `	if p.Unlisted > p.Limit {`, `	if p.Unlisted > p.Records {`}},
		"pkg/pipeline", []string{"TestPruneGuards"},
	},
	{
		"prune-a-selection", "a run of some of the items prunes",
		[]edit{{"pkg/pipeline/prune.go", `	case s.selection:`, `	case s.selection && s.unplanned:`}},
		"pkg/pipeline", []string{"TestPruneGuards"},
	},
	{
		"prune-deletes-unasked", "prune: delete needs no word from a person",
		[]edit{{"pkg/pipeline/prune.go", `	if p.Mode == PruneDelete && !o.AllowDelete {`, `	if p.Mode == PruneDelete && p.Off != "" {`}},
		"pkg/pipeline", []string{"TestPruneGuards"},
	},
	{
		"prune-what-a-person-changed", "pruning takes assets that a person changed",
		[]edit{{"pkg/pipeline/prune_decide.go", `	if touched && d.facts.Rules.Conflicts != "overwrite" {`, `	if touched && d.facts.Rules.Conflicts == "" {`}},
		"pkg/pipeline", []string{"TestWhatAPersonChangedIsNotPruned"},
	},
	{
		"prune-forgets-a-create", "a create that was never answered, of an item that left, is taken for one that did not happen",
		[]edit{{"pkg/pipeline/prune_decide.go", `		if !d.b.settled && d.unanswered() {`, `		if !d.b.settled && d.unanswered() && d.b.delete && d.b.keeps {`}},
		"pkg/pipeline", []string{"TestAnItemUnderWayThatLeftTheManifest"},
	},
	{
		"export-any-bytes", "an export takes whatever bytes come",
		[]edit{{"pkg/export/fetch.go", `n != r.Item.Size, want != "" && hex`, `n != r.Item.Size, want == "" && hex`}},
		"pkg/export", []string{"TestBytesThatCannotBeHad"},
	},
	{
		"export-over-others", "an export overwrites files that somebody else wrote, or changed",
		[]edit{{"pkg/export/fetch.go", `	case !ours:`, `	case !ours && has:`}},
		"pkg/export", []string{"TestASecondExport"},
	},
	{
		"export-name-first", "an export fetches files under the names that they will have",
		[]edit{{"pkg/export/fetch.go", `	part := partsFolder + "/" + strconv.FormatUint(sum, 16) + ".part"
`, `	part := filepath.FromSlash(r.Item.File)
	if err := at.root.MkdirAll(path.Dir(r.Item.File), 0o700); err != nil {
		return err
	}
	_ = strconv.FormatUint(sum, 16)
`}},
		"cmd/migrate", []string{"TestAnExportThatIsStopped"},
	},
	{
		"export-one-id-twice", "two assets of one external ID keep it in an export",
		[]edit{{"pkg/export/ids.go", `	if !x.claimed[f] {`, `	if x.claimed != nil {`}},
		"pkg/export", []string{"TestExternalIDs"},
	},
	{
		"export-drops-a-date", "an export leaves out a date that a manifest refuses",
		[]edit{{"pkg/export/row.go", `"division", "releasedAt", "expiresAt", "isArchived"}`, `"division", "isArchived"}`}},
		"pkg/export", []string{"TestWhatRowsSay"},
	},
	{
		"export-over-edits", "an export overwrites a table that was edited",
		[]edit{{"pkg/export/folder.go", `		case sum != m.SHA256[name]:`, `		case sum == "":`}},
		"pkg/export", []string{"TestASecondExport"},
	},
	{
		"personal-file-sent-again", "a personal file whose answer was lost is sent again",
		[]edit{{"pkg/showpad/form.go", `whole && !seen.neverSent(err)`, `false && whole && !seen.neverSent(err)`}},
		"pkg/pipeline", []string{"TestALostAnswerOfAPersonalFile"},
	},
	{
		"personal-file-without-intent", "a personal file leaves without its intent in the state",
		[]edit{{"pkg/pipeline/myfiles_send.go", `		err = r.putExtra(ctx, w, func(e *state.Extra) {
			e.Status, e.Wanted, e.ID`, `		err = r.unwritten(w, func(e *state.Extra) {
			e.Status, e.Wanted, e.ID`}, {"pkg/pipeline/myfiles_send.go", `// carried counts bytes`, `func (r *runner) unwritten(w *extraWork, step func(*state.Extra)) error {
	e := state.Extra{Status: state.ExtraPending}
	if w.rec != nil {
		e = *w.rec
	}
	step(&e)
	w.rec = &e
	return nil
}

// carried counts bytes`}},
		"pkg/pipeline", []string{"TestAPersonalFileBetweenIntentAndAnswer"},
	},
	{
		"tickets-asked-at-each-start", "tickets are looked at whenever a run begins, however soon after the last look",
		[]edit{{"pkg/pipeline/myfiles_tickets.go", `		pause = min(max(pause-t.r.in.now().Sub(w.rec.Updated), 0), pause)`, `		pause = 0`}},
		"pkg/pipeline", []string{"TestTicketsAreWatchedTogether"},
	},
	{
		"quotas-one-by-one", "the personal files of one user are held against what is left one by one",
		[]edit{{"pkg/pipeline/myfiles.go", `			sum += max(m.files[w].info.Size, 0)`, `			sum = max(sum, m.files[w].info.Size)`}},
		"pkg/pipeline", []string{"TestQuotasAndOwners"},
	},
	{
		"begun-upload-not-waited-for", "an item is decided while its upload is under way, and sent a second time",
		[]edit{{"pkg/pipeline/resume.go", `	if under {
		rs.waiting`, `	if under = false; under {
		rs.waiting`}},
		"pkg/pipeline", []string{"TestItemsWaitForTheirBegunUploadAndOthersDoNot"},
	},
	{
		"begun-upload-of-what-a-person-changed", "what was begun is sent before anybody looks whether a person changed the asset since",
		[]edit{{"pkg/pipeline/resume.go", `			return false // somebody changed it`, `			continue // somebody changed it`}},
		"pkg/pipeline", []string{"TestWhatMayHaveChangedIsLeftToTheManifest"},
	},
	{
		"checks-not-repeated-for-other-files", "a manifest that passed its checks once is never checked again",
		[]edit{{"pkg/manifest/expand/again.go", `	if dig.digest() != passed.Digest {`, `	if dig.digest() == "" {`}},
		"cmd/migrate", []string{"TestChecksThatPassedAreNotRepeated"},
	},
	{
		"made-without-time", "assets are made although their bytes will not fit before the deadline any more",
		[]edit{{"pkg/pipeline/deadline.go", `		case known && !c.fits(d):
			c.tell(w, size, d)
			return errNoTime
`, `		case known:
			return nil
`}, {"pkg/pipeline/register.go", `if !w.lost() && !r.curfew.fitsUpload(w) {`, `if false {`}},
		"pkg/pipeline", []string{"TestNightsGoOnUntilAllIsDone"},
	},
	{
		"window-by-monotonic-clock", "the end of a window is found out once, at the start of a run",
		[]edit{{"pkg/pipeline/deadline.go", `	return &curfew{r: r, ask: o.Until,`, `	if ask := o.Until; ask != nil {
		d := ask()
		o.Until = func() Deadline { return d }
	}
	return &curfew{r: r, ask: o.Until,`}},
		"pkg/pipeline", []string{"TestAClockThatIsSetMovesTheEndOfARun"},
	},
	{
		"lease-not-counted", "what is leased and not spent yet is free to others",
		[]edit{{"cmd/migrate/internal/ledger/ledger.go", `	l.book.Total += int64(n)
	l.book.Entries = append(l.book.Entries, entry{ID: o.id, N: n, Begun: now, Life: o.life})
	return o, nil`, `	l.book.Total += int64(n)
	l.book.Entries = append(l.book.Entries, entry{ID: o.id, N: 0, Begun: now, Life: o.life})
	return o, nil`}},
		"cmd/migrate/internal/ledger", []string{"TestALeaseIsOnDiskBeforeItsFirstRequest", "TestAKilledProcessCostsWhatItsLeasesHad"},
	},
	{
		"clock-believed", "the wall clock alone tells how old a lease is",
		[]edit{{"cmd/migrate/internal/ledger/instant.go", `	if i.Boot != "" && i.Boot == o.Boot {`, `	if i.Boot != "" && i.Boot == "?" {`}},
		"cmd/migrate/internal/ledger", []string{"TestTheClockIsPut"},
	},
	{
		"nothing-promised", "what has begun has no part of the budget kept for it",
		[]edit{{"pkg/pipeline/purse.go", `	p.promised += n
	if !w.counted {`, `	if !w.counted {`}},
		"pkg/pipeline", []string{"TestNothingIsHalfMadeWhenABudgetEnds"},
	},
}
