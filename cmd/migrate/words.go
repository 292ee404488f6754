package main

// word explains a code that is a word: what a plan, a result or verify says.
type word struct {
	kind    string // the part of docs/codes.md that has it
	id      string
	meaning string
	remedy  string // "Nothing." when nothing is asked for
}

// kinds are the parts of docs/codes.md with words, and what a word of each is.
var kinds = map[string]string{
	"reasons":     "reason of a plan",
	"conflicts":   "conflict",
	"blocked":     "item blocked",
	"failed":      "item failed",
	"warnings":    "warning of a result",
	"differences": "difference of verify",
}

// words are all of them; docs/codes.md has the same text.
var words = []word{
	{"reasons", "new", "The service does not have it. It is created.",
		"Nothing."},
	{"reasons", "unfinished", "An earlier run began it. This one continues at its step.",
		"Nothing."},
	{"reasons", "retry", "It failed before, and you asked for another try or changed the item or its file.",
		"Nothing."},
	{"reasons", "half-made", "The service has the asset without its bytes, and the state does not know it. Its bytes are sent.",
		"Nothing."},
	{"reasons", "same", "It is as wanted: nothing is written. An asset that the state did not know is noted down.",
		"Nothing."},
	{"reasons", "fields-differ", "The manifest now says something else than what was sent. The fields that differ are set.",
		"Nothing."},
	{"reasons", "file-differs", "The bytes changed. A new version is sent to the same asset.",
		"Nothing."},
	{"reasons", "not-hashed", "The size is the same and the time is not: only reading the file tells. `run` reads it.",
		"`plan --hash` decides it in the plan."},
	{"reasons", "archived-by-us", "An earlier run put it into the trash, and it is wanted again. Nothing in this version does that yet.",
		"Nothing."},
	{"reasons", "recreate", "It is gone from the service, and `--recreate` names it. It is made again, as a new asset.",
		"Nothing."},
	{"reasons", "not-reached", "The run ended before it came to this item.",
		"Run again."},
	{"reasons", "still-processing", "The service has the bytes and works on them.",
		"Wait, or run again later."},
	{"conflicts", "changed-remotely", "A person changed a field, or uploaded a version, since we wrote it, and the manifest wants something else.",
		"Make the manifest say the same; or `update: {conflicts: overwrite}`; for files also `update: {file: keep}`."},
	{"conflicts", "adopt-differs", "The service has an asset with this external ID that the state does not know, and it differs from what is wanted.",
		"Make the manifest say the same; or `update: {conflicts: overwrite}`."},
	{"conflicts", "archived", "The asset is in the trash, and the item does not say that it should be.",
		"Restore it in Showpad; or write `isArchived: false`, or `isArchived: true`, on the item; or take the item out."},
	{"conflicts", "remote-missing", "The asset is gone, or you may not see it any more.",
		"Run with `--recreate` and the external ID to make it again; or take the item out."},
	{"conflicts", "twin", "Two assets have this external ID, and the state does not say which is ours.",
		"Delete all but one in Showpad, or clear their external ID."},
	{"conflicts", "wrong-division", "The asset is in another Division; an asset cannot change its Division.",
		"Correct `division:`; or delete the asset in Showpad and run again."},
	{"conflicts", "other-manifest", "In this state the external ID belongs to a manifest with another `id:`.",
		"Take the item out of one of the two."},
	{"blocked", "manifest", "The manifest's own check found a problem in the item; the message has its code.",
		"See the code above."},
	{"blocked", "file-missing", "There is no such file (M111).",
		"Correct the path, or put the file there."},
	{"blocked", "file-unreadable", "It cannot be opened, is not a regular file, or a link leads out of its root (M112).",
		"Give yourself the right to read it, or name it under a root that holds it."},
	{"blocked", "file-ambiguous", "Several files have this name in different Unicode forms (M113).",
		"Rename or remove one."},
	{"blocked", "file-empty", "It has no bytes (M114).",
		"Copy it again, or say `allowEmpty: true`."},
	{"blocked", "file-too-big", "It is over the 5 GB of a single upload (M115).",
		"Split or compress it."},
	{"blocked", "author-unknown", "No user has this address or id (M121).",
		"Name an existing user."},
	{"blocked", "tag-missing", "The Division lacks the tag and `createTags: none` forbids making it (M122).",
		"Make it in Showpad, or set `createTags: all`."},
	{"blocked", "failed-before", "It failed in an earlier run and has not changed since.",
		"Mend the cause and run with `--retry-failed`."},
	{"blocked", "division-refused", "The service refuses us in this Division (403). Nothing was done and the record stays as it is.",
		"Ask for the right to manage content there, or take its items out."},
	{"failed", "refused", "The service will never accept this request; the message says why.",
		"Correct what the message names."},
	{"failed", "unavailable", "The service did not answer properly in all attempts.",
		"Run again with `--retry-failed`."},
	{"failed", "unresolved", "The answers to its create were lost again and again.",
		"Run again with `--retry-failed`: it is looked up first."},
	{"failed", "processing-failed", "The service could not process the file; the message has its reason, if it gave one.",
		"Open and save the file anew, or convert it."},
	{"failed", "processing-timeout", "It was not processed within `--processing-timeout` (24 h) after the upload.",
		"Look at it in Showpad; run with `--retry-failed`."},
	{"failed", "checksum-differs", "The service shows other bytes than we sent.",
		"See who else uploads to this asset; run with `--retry-failed`."},
	{"failed", "source", "The file could not be read, or kept changing while it was read.",
		"Close the program that writes it; run with `--retry-failed`."},
	{"failed", "upload", "Storage refused the bytes in all attempts.",
		"See whether a proxy changes uploads; run with `--retry-failed`."},
	{"failed", "tag", "A tag of the item could not be made.",
		"Make it in Showpad; run with `--retry-failed`."},
	{"failed", "external-id-dropped", "The service did not keep the external ID of the very first asset. Nothing else is created.",
		"See docs/troubleshooting.md."},
	{"failed", "remote-missing", "The asset went away while we worked on it.",
		"See who deletes it; run with `--recreate` and its external ID."},
	{"warnings", "normalised", "The service shows a field in another form than we sent it, such as a trimmed text.",
		"Nothing; the form shown is remembered and not taken for a change."},
	{"warnings", "twin", "Another asset has the same external ID. Kept for later; this version tells of twins as a conflict, and `verify` as a difference.",
		"Delete it in Showpad, or clear its external ID."},
	{"warnings", "other-version", "The bytes are ours; the version that carries them is another one than the one asked for last.",
		"Nothing."},
	{"differences", "missing", "The service has no such asset, or does not show it to you.",
		"Run; if it was there before, with `--recreate` and its external ID."},
	{"differences", "twin", "Several assets have this external ID.",
		"Delete all but one in Showpad, or clear their external ID."},
	{"differences", "status", "The asset is not active.",
		"Wait while it is processed; if it failed, run with `--retry-failed`."},
	{"differences", "archived", "The asset is in the trash, and the item does not say that it should be.",
		"Restore it in Showpad; or write `isArchived: false`, or `isArchived: true`, on the item."},
	{"differences", "bytes", "Its checksum or its size is not that of the file.",
		"Run; see who else uploads to this asset."},
	{"differences", "field", "A field that the manifest manages differs.",
		"Run with `--full-check`, or make the manifest say the same."},
	{"differences", "division", "It is in another Division.",
		"Correct `division:`; or delete the asset in Showpad and run again."},
	{"differences", "externalId", "The asset no longer has our external ID, so that nothing but the state leads to it.",
		"Give it back in Showpad, or ask who takes it off."},
	{"differences", "content", "The bytes that the service gives back are not those that were sent, though it says so (`--deep`).",
		"Look at the asset in Showpad; upload the file there anew, or ask Showpad."},
	{"differences", "unread", "The bytes could not be read back (`--deep`): the asset may not be downloaded, or storage did not answer.",
		"Allow downloads on the asset, or try again; without `--deep` its checksum is compared."},
	{"differences", "unchecked", "Something kept it from being compared: a problem of the manifest, or a file that is gone and that the state does not know.",
		"Mend what the message names."},
}

// wordsOf are the explanations of a word: some are used in several places.
func wordsOf(id string) []word {
	var found []word
	for _, w := range words {
		if w.id == id {
			found = append(found, w)
		}
	}
	return found
}
