package pipeline

// Reason codes of rows and failures. They are stable: scripts match on them,
// and each has its entry in docs/codes.md.
const (
	// Why something is done.
	ReasonNew            = "new"             // unknown to the service
	ReasonProvisional    = "new-provisional" // likewise, as far as an export tells: a run looks it up
	ReasonUnfinished     = "unfinished"      // begun by an earlier run
	ReasonRetry          = "retry"           // failed before, and asked for again or changed since
	ReasonHalfMade       = "half-made"       // the service has it without its bytes
	ReasonSame           = "same"            // as wanted
	ReasonFieldsDiffer   = "fields-differ"   // the manifest changed
	ReasonFileDiffers    = "file-differs"    // the bytes changed
	ReasonFileLost       = "file-lost"       // the service has no working file of it any more
	ReasonMaybeDiffers   = "not-hashed"      // size equal, time differs: the bytes have to be read
	ReasonArchivedByUs   = "archived-by-us"  // by a rollback or prune
	ReasonLinked         = "linked"          // the item names the asset, which becomes its own
	ReasonRecreate       = "recreate"        // gone from the service, and --recreate names it
	ReasonNotReached     = "not-reached"     // the run ended before
	ReasonNoTime         = "no-time"         // it would not have been over before the run's deadline
	ReasonStillProcesses = "still-processing"
	ReasonTakeBack       = "take-back"     // a run that is taken back did it
	ReasonTakenBack      = "taken-back"    // it is as it was before
	ReasonGone           = "gone"          // the asset is gone already
	ReasonNothingMade    = "nothing-made"  // no asset came of it
	ReasonMadeAlready    = "made-already"  // it is made once, and the manifest wants it otherwise by now
	ReasonThere          = "already-there" // the service says so
	ReasonStays          = "stays"         // a rollback cannot take it back

	ReasonUnlisted = "unlisted" // the manifest no longer lists what it made
	ReasonInTrash  = "in-trash" // likewise, and the asset is in the trash already

	// Conflicts.
	ConflictChanged  = "changed-remotely"
	ConflictAdopt    = "adopt-differs"
	ConflictArchived = "archived"
	ConflictMissing  = "remote-missing"
	ConflictTwin     = "twin"
	ConflictDivision = "wrong-division"
	ConflictOther    = "other-manifest"
	ConflictLink     = "linked-elsewhere" // the item names an asset, and one of the two belongs to another
	ConflictFailed   = "failed-remotely"
	ConflictUnknown  = "unknown" // the answer was lost, and nothing can be looked up

	// Conflicts of a rollback; and [ConflictChanged], [ConflictTwin].
	ConflictLaterRun   = "later-run"        // a run that is not taken back changed it since
	ConflictNotKept    = "bytes-not-kept"   // the bytes before were not kept
	ConflictNoImage    = "no-image"         // the service did not show what it was before
	ConflictDeleted    = "deleted"          // a rollback deleted it for good
	ConflictOtherAsset = "other-asset"      // the item goes on with another asset
	ConflictProcessing = "still-processing" // a version of it is under way

	// What blocks a row, beyond the codes of the manifest's own checks.
	BlockedManifest  = "manifest"            // see the row's problems
	BlockedMissing   = "file-missing"        // no such file
	BlockedSource    = "file-unreadable"     // cannot be opened, not a regular file, outside its root
	BlockedAmbiguous = "file-ambiguous"      // several files of that name in different Unicode forms
	BlockedEmpty     = "file-empty"          // zero bytes without allowEmpty
	BlockedTooBig    = "file-too-big"        // over the 5 GB of a single PUT
	BlockedWebPage   = "web-page"            // HTML under the name of another kind of file
	BlockedAuthor    = "author-unknown"      // no user with this address
	BlockedTag       = "tag-missing"         // createTags: none, and the service lacks it
	BlockedFailed    = "failed-before"       // see --retry-failed
	BlockedForbidden = "division-refused"    // 403 in this Division
	BlockedParent    = "parent-blocked"      // the tag category above it is not there
	BlockedLevels    = "tags-and-categories" // a tag category would have both tags and categories in it
	BlockedOwner     = "owner-unknown"       // of a personal file: no user, or no My Files
	BlockedInactive  = "owner-inactive"      // of a personal file
	BlockedQuota     = "over-quota"          // of the owner of a personal file
	BlockedNotKept   = "not-kept"            // the bytes that a version replaces could not be kept

	// What blocks a share.
	BlockedTheme        = "theme-unknown"   // no theme of this title or id
	BlockedExpired      = "share-over"      // it would end before it begins
	BlockedUnknownAsset = "asset-unknown"   // an asset that neither the manifest nor the state knows
	BlockedAssets       = "assets"          // not all of its assets can be shared
	BlockedPrimary      = "primary-unknown" // nothing has the external ID, or the id, of its primary

	// What blocks a row of a saved plan: it is not the planned one any more.
	StaleItem     = "stale-item"     // the manifest says something else, or lists it no longer
	StaleFile     = "stale-file"     // the file is another one
	StaleState    = "stale-state"    // the state has another record
	StaleRemote   = "stale-remote"   // the service shows another asset, or another form of it
	StaleDecision = "stale-decision" // it would be decided otherwise for another reason, such as a tag that is gone

	// Why an item failed.
	FailedRefused     = "refused"             // the service will never accept this request
	FailedUnavailable = "unavailable"         // all attempts used up
	FailedUnresolved  = "unresolved"          // answers lost again and again
	FailedProcessing  = "processing-failed"   // the service could not process the file
	FailedTimeout     = "processing-timeout"  // not processed within --processing-timeout
	FailedChecksum    = "checksum-differs"    // the service shows other bytes than we sent
	FailedSource      = "source"              // the file could not be read, or kept changing
	FailedUpload      = "upload"              // storage refused the bytes
	FailedTag         = "tag"                 // a tag could not be made
	FailedDropped     = "external-id-dropped" // the service did not keep the external ID
	FailedPrimary     = "primary-missing"     // it is there, and its primary is not yet: a later run links it
	FailedGone        = "remote-missing"      // the asset went away while we worked on it

	// Conflicts of pruning; and [ConflictChanged], [ConflictTwin].
	ConflictOtherID = "other-external-id" // its asset has another external ID now

	// Why nothing is pruned.
	GuardProblems   = "prune-problems"    // items are blocked or failed
	GuardOthers     = "prune-others"      // items belong to another manifest
	GuardLimit      = "prune-limit"       // more than --max-prune
	GuardShrunk     = "prune-shrunk"      // a list lost more than that
	GuardOlderState = "prune-older-state" // the state may be an older copy
	GuardDelete     = "prune-delete"      // --allow-delete is missing

	// Warnings of results.
	WarnNormalised = "normalised"    // the service shows a field in another form than sent
	WarnTwin       = "twin"          // another asset has the same external ID
	WarnOtherFile  = "other-version" // the bytes are ours, the version is not the one we asked for
	WarnTooLong    = "too-long"      // the file would take longer than any run may go on, and was left out

	// Warnings of a run, told while it goes on; [WarnTwin] and [WarnTooLong] are, too.
	TellLostAnswer = "lost-answer"     // a create without an answer is looked up
	TellUnknown    = "unknown-outcome" // the run ended before it could be
	TellNotInPlan  = "not-in-plan"     // items of the manifest that a saved plan does not have
	TellTagKept    = "tag-kept"        // a rollback leaves a tag that is in use
	TellTagFailed  = "tag-failed"      // a rollback could not delete a tag
)
