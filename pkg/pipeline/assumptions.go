package pipeline

import (
	"slices"
)

// Verdict is what a probe found of an assumption.
type Verdict string

// Verdicts.
const (
	Confirmed Verdict = "confirmed"
	Refuted   Verdict = "refuted"
	NotTested Verdict = "not-tested"
)

// Assumption is something that this program takes for granted because nobody documents
// it, and that can be seen from outside. docs/assumptions.md has the same ids.
type Assumption struct {
	ID   string
	What string // as a sentence without a full stop
	How  string // a probe sees it
	// Remedy is what to do when it is not so.
	Remedy string
	// Level of a refutation: [LevelFailed] when promises depend on it, else [LevelWarning].
	Level Level
}

// Ids of assumptions.
const (
	AssumeListLag         = "list-lag"
	AssumeReadLag         = "read-lag"
	AssumeFilter          = "external-id-filter"
	AssumeExternalID      = "external-id"
	AssumeExternalIDLater = "external-id-update"
	AssumeTagsInCreate    = "tags-in-create"
	AssumeTagCase         = "tag-case"
	AssumeDates           = "dates"
	AssumeAuthor          = "default-author"
	AssumeArchive         = "archive-any-status"
	AssumeArchivedListed  = "archived-listed"
	AssumeRename          = "rename-by-file"
	AssumeMetadata        = "upload-metadata"
	AssumeChecksum        = "checksum"
	AssumeDescription     = "description"
	AssumeLink            = "download-link"
	AssumeBytes           = "download-bytes"
	AssumePermissions     = "permissions"
	AssumeActive          = "active-while-processed"
	AssumeURLAsset        = "url-asset"
	AssumeRotation        = "refresh-rotation"
	AssumeLimit           = "request-limit"
	AssumeShared          = "request-counter"
	AssumeAdvice          = "retry-advice"
)

var assumptions = []Assumption{
	{AssumeExternalID, "a new asset of ours keeps its externalId", "the answer to the create has the ID that was sent", "write target: {ownership: oauth2client} in the manifest, or ask Showpad: without it runs stop after one asset", LevelFailed},
	{AssumeListLag, "a new asset shows in the list within the settle time", "the time from the create until the list shows it, by growing pauses up to two minutes", "give --settle-time at least twice what was measured", LevelFailed},
	{AssumeFilter, "the filter externalIds finds it", "the list that shows it was asked by its external ID", "ask Showpad: no run is safe without it", LevelFailed},
	{AssumeReadLag, "an asset that was just made can be read before the settle time is over", "the time from the create until it is found by its id", "give a longer --settle-time", LevelWarning},
	{AssumeExternalIDLater, "an update may give an asset an externalId", "an update sends another one; its answer has it", "link no assets by id: there, or clear and set external IDs in Showpad: such items fail by themselves", LevelWarning},
	{AssumeTagsInCreate, "a create takes tags", "the answer to the create has the tag that was sent", "nothing: they are set by one more request for each asset", LevelWarning},
	{AssumeTagCase, "tags are the same when they differ in case only", "a second tag in capitals is refused with 409", "nothing; to tell two such tags apart, name them by {id: ...}", LevelWarning},
	{AssumeDates, "dates stay as they are sent", "a release and an expiry at an odd time of day, decades away, come back as they were sent", "nothing: the form in an answer is remembered", LevelWarning},
	{AssumeAuthor, "the account that signs in becomes the author", "a create without authors answers with the account alone", "name authors: on the items or under defaults:", LevelWarning},
	{AssumeArchive, "an asset can be archived before its bytes are there", "an asset without bytes is archived, and taken out of the trash again", "repeat a rollback that was refused, when everything is processed", LevelWarning},
	{AssumeArchivedListed, "lists show archived assets", "the list is asked for it while it is archived", "name an archived asset by id: on its item; an item without a record would be made anew", LevelWarning},
	{AssumeRename, "the name in the files call renames the asset", "the files call has another name; the asset is read afterwards", "nothing: names are sent so that either does no harm", LevelWarning},
	{AssumeMetadata, "metadata of an upload goes into headers x-amz-meta-<key>", "storage takes the bytes with the headers that were made of the metadata", "ask Showpad which headers storage wants: uploads fail without them", LevelFailed},
	{AssumeChecksum, "an asset's checksum is the MD5 of its bytes, in small hex digits", "the checksum of the processed asset is compared with the MD5 of what was sent", "report it: nothing would ever be done", LevelFailed},
	{AssumeDescription, "processing leaves the description as it was sent", "a description with blanks at its ends is read after processing", "nothing: the result has the warning normalised", LevelWarning},
	{AssumeLink, "v3 gives a link to the bytes, whatever downloadableExternal says", "v3 is asked for a link to an asset with an empty downloadableExternal", "verify --deep and --keep-replaced reach only assets that can be downloaded", LevelWarning},
	{AssumeBytes, "the link leads to the bytes that were uploaded", "the bytes behind the link are read and hashed", "do not trust verify --deep there: it would report checksums that differ", LevelWarning},
	{AssumePermissions, "an update leaves the permissions that it omits", "isAnnotatable is false, an update sends isShareable alone; the first is still false", "nothing: permissions are sent whole", LevelWarning},
	{AssumeActive, "an asset stays active while a new version is processed", "the asset is read while a second version is processed, where that takes long enough to look", "nothing: a version is followed by its file; sellers miss the asset meanwhile", LevelWarning},
	{AssumeURLAsset, "a URL asset becomes active by itself", "a link is made; its status is read until the settle time is over", "expect exit code 6, and give --processing-timeout a value that suits", LevelWarning},
	{AssumeLimit, "there are about 5,000 requests a day", "the counter of v3 is read", "count with the figure that is told: plans say days at 5,000 a day", LevelWarning},
	{AssumeShared, "requests to v4 count in the counter of v3", "the counter of v3 is read before and after the probe, which mostly calls v4", "nothing: only the forecast of days follows from it", LevelWarning},
	{AssumeRotation, "a refresh token is replaced when it is used", "by renewals that happened anyway: no refresh token is used up for it", "nothing: the newest is kept, before it is used", LevelWarning},
	{AssumeAdvice, "429 says how long to wait", "it is not provoked", "nothing: without advice the pauses grow from a second to five minutes", LevelWarning},
}

// Assumptions are all that [Probe] reports, in the order of a report.
func Assumptions() []Assumption { return slices.Clone(assumptions) }

func assumption(id string) Assumption {
	i := slices.IndexFunc(assumptions, func(a Assumption) bool { return a.ID == id })
	return assumptions[i]
}
