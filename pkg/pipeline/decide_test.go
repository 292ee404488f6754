package pipeline_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/state"
)

const (
	md5A = "0cc175b9c0f1b6a831c399e269772661"
	md5B = "92eb5ffee6ae2fec3ad71c777531578f"
)

var modTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// base is an item that is done and has not changed: every case starts from it.
func base() (manifest.Item, pipeline.Facts) {
	item := manifest.Item{
		ExternalID: "SP-1", File: "deck.pptx", Location: manifest.Location{Path: "deck.pptx"}, Division: "Marketing",
		Fields: manifest.Fields{
			Description: manifest.Some("about"), Tags: manifest.Some([]manifest.Tag{{Name: "Sales"}}), IsShareable: manifest.Some(true),
		},
	}
	return item, pipeline.Facts{
		Start: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Owner: "test",
		Rules: manifest.Update{Tags: "add", Metadata: "manifest", File: "changed", Conflicts: "skip"},
		Info:  source.Info{Path: "deck.pptx", Size: 1, ModTime: modTime},
		Refs:  pipeline.Refs{DivisionID: "d1", Tags: []string{"t1"}},
		Record: &state.Record{
			ExternalID: "SP-1", Op: state.Create, Status: state.Done, Owner: "test", AssetID: "a1", FileID: "f1",
			MD5: md5A, Size: 1, ModTime: modTime.UnixNano(),
			Fields: map[string]state.Base{
				"externalId": {Sent: raw(`"SP-1"`)}, "description": {Sent: raw(`"about"`)}, "tags": {Sent: raw(`["t1"]`)}, "permissions.isShareable": {Sent: raw(`true`)},
			},
		},
	}
}

func expiry(at string) manifest.Opt[manifest.Instant] {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return manifest.Some(manifest.Instant{At: t})
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// remote is the asset of base as the service shows it, changed by edits of its JSON.
func remote(edits ...string) showpad.Asset {
	members := map[string]json.RawMessage{}
	text := `{"id":"a1","externalId":"SP-1","name":"deck.pptx","status":"active","division":{"id":"d1"},"currentFile":{"id":"f1"},
		"checksum":"` + md5A + `","size":1,"isArchived":false,"description":"about","tags":[{"id":"t1"}],
		"permissions":{"isShareable":true,"isAnnotatable":true,"isEditable":false},"expiresAt":null}`
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		panic(err)
	}
	for _, e := range edits {
		if err := json.Unmarshal([]byte(e), &members); err != nil {
			panic(err)
		}
	}
	all, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	var a showpad.Asset
	if err := json.Unmarshal(all, &a); err != nil {
		panic(err)
	}
	a.Raw = showpad.ObjectOf(members)
	return a
}

func TestDecide(t *testing.T) {
	type change = func(*manifest.Item, *pipeline.Facts)
	noRecord := func(_ *manifest.Item, f *pipeline.Facts) { f.Record = nil }
	status := func(s state.Status) change { return func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Status = s } }
	op := func(o state.Op) change { return func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Op = o } }
	shows := func(as ...showpad.Asset) change {
		return func(_ *manifest.Item, f *pipeline.Facts) { f.RemoteRead, f.Remote = true, as }
	}
	hashed := func(sum string) change { return func(_ *manifest.Item, f *pipeline.Facts) { f.MD5 = sum } }
	touched := func(_ *manifest.Item, f *pipeline.Facts) { f.Info.ModTime = modTime.Add(time.Hour) }
	bigger := func(_ *manifest.Item, f *pipeline.Facts) { f.Info.Size = 2 }
	describe := func(s string) change {
		return func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.Description = manifest.Some(s) }
	}
	tagged := func(ids ...string) change { return func(_ *manifest.Item, f *pipeline.Facts) { f.Refs.Tags = ids } }
	rules := func(set func(*manifest.Update)) change {
		return func(_ *manifest.Item, f *pipeline.Facts) { set(&f.Rules) }
	}
	overwrite := rules(func(u *manifest.Update) { u.Conflicts = "overwrite" })
	fullCheck := func(_ *manifest.Item, f *pipeline.Facts) { f.FullCheck = true }
	renamed := func(i *manifest.Item, f *pipeline.Facts) {
		i.ExternalID, f.Record.ExternalID = "SP-2", "SP-2"
		f.Record.Fields["externalId"] = state.Base{Sent: raw(`"SP-1"`)}
	}
	noBase := func(_ *manifest.Item, f *pipeline.Facts) { delete(f.Record.Fields, "externalId") }
	holders := func(as ...showpad.Asset) change {
		return func(_ *manifest.Item, f *pipeline.Facts) { f.HoldersRead, f.Holders = true, as }
	}
	// seen is a record that no run confirmed: of an asset as remote shows it, but for members.
	seen := func(members ...string) change {
		return func(_ *manifest.Item, f *pipeline.Facts) {
			values := map[string]json.RawMessage{}
			all := `{"division":"d1","createdAt":"2026-04-01T09:00:00Z","name":"deck.pptx","externalId":"SP-1","description":"about","tags":["t1"],
				"permissions.isShareable":true,"permissions.isAnnotatable":true}`
			for _, m := range append([]string{strings.Trim(all, "{}")}, members...) {
				if err := json.Unmarshal([]byte("{"+m+"}"), &values); err != nil {
					panic(err)
				}
			}
			rec := &state.Record{
				ExternalID: "SP-1", Op: state.Create, Status: state.Pending, Unconfirmed: true, AssetID: "a1", FileID: "f1", MD5: md5A, Size: 1,
				Fields: map[string]state.Base{},
			}
			for name, v := range values {
				b := state.Base{Seen: v}
				if name == "isSensitive" {
					b.Seen = nil // it was not shown at all
				}
				rec.Fields[name] = b
			}
			f.Record = rec
		}
	}
	expires18 := func(i *manifest.Item, _ *pipeline.Facts) {
		i.Fields.ExpiresAt = manifest.Some(manifest.Instant{Relative: "+18 months", Months: 18})
	}
	archived := func(b bool) change {
		return func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.IsArchived = manifest.Some(b) }
	}
	bare := func(_ *manifest.Item, f *pipeline.Facts) { f.Record.MD5, f.Record.Size, f.Record.ModTime = "", 0, 0 }
	trashed := func(edits ...string) showpad.Asset { return remote(append(edits, `{"isArchived":true}`)...) }
	expiring := func(at string) change {
		return func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.ExpiresAt = expiry(at) }
	}
	asLink := func(i *manifest.Item, f *pipeline.Facts) {
		i.File, i.URL = "", "https://example.com/x"
		f.Record.Fields["url"] = state.Base{Sent: raw(`"https://example.com/x"`)}
	}
	linking := func(id string) change { return func(i *manifest.Item, _ *pipeline.Facts) { i.ID = id } }
	link := func(i *manifest.Item, f *pipeline.Facts) { i.ID, f.Record = "a1", nil }
	bare1 := func(edits ...string) showpad.Asset {
		return remote(append([]string{`{"externalId":null}`}, edits...)...)
	}
	halfMade := remote(`{"status":"prepared","currentFile":null,"checksum":null,"size":null}`)

	// want is: action reason writes+puts undo [step] [needs ...] [sets fields].
	for _, c := range []struct {
		name string
		with []change
		want string
	}{
		{"nothing changed: the service is not asked", nil, "unchanged same 0+0 full"},
		{"unknown: has to be looked up", []change{noRecord}, "   0+0 full needs remote"},
		{"unknown to the service", []change{noRecord, shows()}, "create new 2+1 full sets name,description,tags,permissions.isShareable,externalId"},
		{"a URL asset has no bytes", []change{noRecord, shows(), func(i *manifest.Item, _ *pipeline.Facts) { i.File, i.URL = "", "https://example.com/x" }}, "create new 1+0 full sets name,description,tags,permissions.isShareable,url,externalId"},
		{"a tag to be made goes into the create", []change{noRecord, shows(), tagged("new:EMEA", "t1")}, "create new 2+1 full sets name,description,tags,permissions.isShareable,externalId"},

		{"adopt: equal, hashed", []change{noRecord, shows(remote()), hashed(md5A)}, "adopt same 0+0 full"},
		{"adopt: equal as far as size tells", []change{noRecord, shows(remote())}, "check not-hashed 0+0 full needs hash"},
		{"adopt: other bytes", []change{noRecord, shows(remote()), hashed(md5B)}, "conflict adopt-differs 0+0 full"},
		{"adopt: other size, no need to hash", []change{noRecord, shows(remote(`{"size":7}`))}, "conflict adopt-differs 0+0 full"},
		{"adopt: other fields", []change{noRecord, shows(remote(`{"description":"theirs"}`)), hashed(md5A)}, "conflict adopt-differs 0+0 full"},
		{"adopt: other fields, overwritten", []change{noRecord, shows(remote(`{"description":"theirs"}`)), hashed(md5A), overwrite}, "update fields-differ 1+0 full overwrites adopt-differs sets description"},
		{"adopt: other bytes, overwritten", []change{noRecord, shows(remote(`{"description":"theirs"}`)), hashed(md5B), overwrite}, "version file-differs 2+1 metadata overwrites adopt-differs sets description"},
		{"adopt: half made", []change{noRecord, shows(halfMade)}, "adopt half-made 1+1 metadata"},
		{"adopt: failed to process", []change{noRecord, shows(remote(`{"status":"failed","currentFile":null}`))}, "adopt half-made 1+1 metadata"},
		{"adopt: being processed", []change{noRecord, shows(remote(`{"status":"processing","currentFile":null}`))}, "adopt still-processing 0+0 metadata"},
		{"adopt: more tags than wanted is fine", []change{noRecord, shows(remote(`{"tags":[{"id":"t1"},{"id":"t2"}]}`)), hashed(md5A)}, "adopt same 0+0 full"},
		{"twins", []change{noRecord, shows(remote(), remote(`{"id":"a2"}`))}, "conflict twin 0+0 full"},
		{"in another Division", []change{noRecord, shows(remote(`{"division":{"id":"d2"}}`))}, "conflict wrong-division 0+0 full"},
		{"in the trash", []change{noRecord, shows(remote(`{"isArchived":true}`))}, "conflict archived 0+0 full"},

		{"another manifest's", []change{func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Owner = "wave-2" }}, "conflict other-manifest 0+0 full"},
		{"field changed: the service is asked first", []change{describe("new")}, "   0+0 full needs remote"},
		{"field changed", []change{describe("new"), shows(remote())}, "update fields-differ 1+0 full sets description"},
		{"field changed, as the service has it already", []change{describe("new"), shows(remote(`{"description":"new"}`))}, "unchanged same 0+0 full"},
		{"field changed by both sides", []change{describe("new"), shows(remote(`{"description":"theirs"}`))}, "conflict changed-remotely 0+0 full"},
		{"field changed by both sides, overwritten", []change{describe("new"), shows(remote(`{"description":"theirs"}`)), overwrite}, "update fields-differ 1+0 full overwrites changed-remotely sets description"},
		{"field changed, the service shows its own form of the last value", []change{describe("new"), shows(remote(`{"description":"ABOUT"}`)), func(_ *manifest.Item, f *pipeline.Facts) {
			f.Record.Fields["description"] = state.Base{Sent: raw(`"about"`), Seen: raw(`"ABOUT"`)}
		}}, "update fields-differ 1+0 full sets description"},
		{"field changed, the answer to it was lost", []change{describe("new"), shows(remote(`{"description":"newer"}`)), func(_ *manifest.Item, f *pipeline.Facts) {
			f.Record.Intent = map[string]json.RawMessage{"description": raw(`"newer"`)}
		}}, "update fields-differ 1+0 full sets description"},
		{"field cleared", []change{func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.Description = manifest.Null[string]() }, shows(remote())}, "update fields-differ 1+0 full sets description"},
		{"field named for the first time", []change{func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.IsSensitive = manifest.Some(true) }, shows(remote())}, "update fields-differ 1+0 full sets isSensitive"},
		{"metadata: keep", []change{describe("new"), rules(func(u *manifest.Update) { u.Metadata = "keep" })}, "unchanged same 0+0 full"},
		{"a person changed what we did not: only a full check sees it", []change{fullCheck, shows(remote(`{"description":"theirs"}`))}, "conflict changed-remotely 0+0 full"},
		{"processing reordered and reformatted: no conflict", []change{fullCheck, shows(remote(`{"tags":[{"id":"t9"},{"id":"t1"}],"updatedAt":"2030-01-01T00:00:00.000Z"}`))}, "unchanged same 0+0 full"},

		{"full check: nothing changed", []change{fullCheck, shows(remote())}, "unchanged same 0+0 full"},
		{"full check: other bytes", []change{fullCheck, shows(remote(`{"checksum":"` + md5B + `"}`))}, "conflict changed-remotely 0+0 full"},
		{"full check: another size", []change{fullCheck, shows(remote(`{"size":7}`))}, "conflict changed-remotely 0+0 full"},
		{"full check: other bytes, file: keep", []change{fullCheck, rules(func(u *manifest.Update) { u.File = "keep" }), shows(remote(`{"checksum":"` + md5B + `"}`))}, "unchanged same 0+0 full"},
		{"full check: other bytes, overwritten", []change{fullCheck, overwrite, shows(remote(`{"checksum":"` + md5B + `"}`))}, "version file-differs 1+1 metadata overwrites changed-remotely"},
		{"full check: other bytes, and the file was touched: it may be theirs", []change{fullCheck, touched, shows(remote(`{"checksum":"` + md5B + `"}`))}, "check not-hashed 0+0 full needs hash"},
		{"full check: other bytes, and the file is theirs", []change{fullCheck, touched, hashed(md5B), shows(remote(`{"checksum":"` + md5B + `"}`))}, "unchanged same 0+0 full"},
		{"file changed in size, and somebody sent as many bytes: they may be the same", []change{bigger, shows(remote(`{"size":2,"checksum":"` + md5B + `"}`))}, "check not-hashed 0+0 full needs hash"},
		{"full check: in another Division", []change{fullCheck, shows(remote(`{"division":{"id":"d2"}}`))}, "conflict wrong-division 0+0 full"},
		{"full check: in the trash", []change{fullCheck, shows(remote(`{"isArchived":true}`))}, "conflict archived 0+0 full"},
		{"full check: gone", []change{fullCheck, shows()}, "conflict remote-missing 0+0 full"},
		{"full check: it failed", []change{fullCheck, shows(remote(`{"status":"failed"}`))}, "version file-lost 1+1 metadata"},
		{"full check: it failed, and a field changed", []change{fullCheck, describe("new"), shows(remote(`{"status":"failed"}`))}, "version file-lost 2+1 metadata sets description"},
		{"full check: it failed with a version of somebody else", []change{fullCheck, shows(remote(`{"status":"failed","checksum":"` + md5B + `"}`))}, "conflict changed-remotely 0+0 full"},
		{"full check: it lost its bytes", []change{fullCheck, shows(halfMade)}, "version file-lost 1+1 metadata"},
		{"full check: active without a file", []change{fullCheck, shows(remote(`{"currentFile":null,"checksum":null,"size":null}`))}, "version file-lost 1+1 metadata"},
		{"full check: it lost its bytes, and the file is gone", []change{fullCheck, rules(func(u *manifest.Update) { u.File = "keep" }), shows(halfMade), func(_ *manifest.Item, f *pipeline.Facts) { f.SourceErr = &source.Error{Err: source.ErrNotExist} }}, "blocked file-missing 0+0 full"},
		{"full check: a version is being processed, the old one is shown", []change{fullCheck, shows(remote(`{"status":"processing"}`))}, "unchanged same 0+0 full"},
		{"full check: it is being processed, and shows no bytes", []change{fullCheck, shows(remote(`{"status":"processing","currentFile":null,"checksum":null,"size":null}`))}, "unchanged still-processing 0+0 full"},
		{"file changed, while a version of somebody is processed", []change{bigger, shows(remote(`{"status":"processing","currentFile":null,"checksum":null,"size":null}`))}, "check not-hashed 0+0 full needs hash"},
		{"file changed, while a version of somebody is processed, hashed", []change{bigger, hashed(md5B), shows(remote(`{"status":"processing","currentFile":null,"checksum":null,"size":null}`))}, "conflict changed-remotely 0+0 full"},
		{"full check: a link failed", []change{fullCheck, asLink, shows(remote(`{"status":"failed","url":"https://example.com/x"}`))}, "conflict failed-remotely 0+0 full"},
		{"full check: a link is not active yet", []change{fullCheck, asLink, shows(remote(`{"status":"processing","url":"https://example.com/x"}`))}, "unchanged still-processing 0+0 full"},
		{"the answer to an update was lost, and texts are trimmed", []change{describe("new"), shows(remote(`{"description":"newer"}`)), func(_ *manifest.Item, f *pipeline.Facts) {
			f.Record.Intent = map[string]json.RawMessage{"description": raw(`" newer "`)}
		}}, "update fields-differ 1+0 full sets description"},
		{"the answer to an update was lost, and dates snap", []change{describe("new"), expiring("2027-10-02T08:00:00Z"), shows(remote(`{"description":"newer","expiresAt":"2027-10-02T22:59:59Z"}`)), func(_ *manifest.Item, f *pipeline.Facts) {
			f.Record.Intent = map[string]json.RawMessage{"description": raw(`"newer"`), "expiresAt": raw(`"2027-10-02T08:00:00Z"`)}
			f.Record.Fields["expiresAt"] = state.Base{Sent: raw(`"2026-10-02T08:00:00Z"`)}
		}}, "update fields-differ 1+0 full sets description,2 in all"},
		{"the answer to an update was lost, and a person set another date", []change{describe("new"), expiring("2027-10-02T08:00:00Z"), shows(remote(`{"expiresAt":"2027-11-02T22:59:59Z"}`)), func(_ *manifest.Item, f *pipeline.Facts) {
			f.Record.Intent = map[string]json.RawMessage{"description": raw(`"newer"`), "expiresAt": raw(`"2027-10-02T08:00:00Z"`)}
			f.Record.Fields["expiresAt"] = state.Base{Sent: raw(`"2026-10-02T08:00:00Z"`)}
		}}, "conflict changed-remotely 0+0 full"},
		{"the answer to an update was lost, and a person set another time of that day", []change{describe("new"), expiring("2027-10-02T08:00:00Z"), shows(remote(`{"expiresAt":"2027-10-02T09:07:00Z"}`)), func(_ *manifest.Item, f *pipeline.Facts) {
			f.Record.Intent = map[string]json.RawMessage{"description": raw(`"newer"`), "expiresAt": raw(`"2027-10-02T08:00:00Z"`)}
			f.Record.Fields["expiresAt"] = state.Base{Sent: raw(`"2026-10-02T08:00:00Z"`)}
		}}, "conflict changed-remotely 0+0 full"},
		{"a version under way, and a field was changed by nobody", []change{op(state.Version), status(state.Sent), shows(remote(`{"status":"processing"}`))}, "resume unfinished 0+0 metadata processing"},
		{"every field in another order and form: no conflict", []change{fullCheck, func(i *manifest.Item, f *pipeline.Facts) {
			i.Fields.Languages, i.Fields.DownloadableExternal = manifest.Some([]string{"nl", "en"}), manifest.Some([]string{"pdf", "original"})
			f.Refs.Languages = []string{"nl", "en"}
			f.Record.Fields["languages"], f.Record.Fields["downloadableExternal"] = state.Base{Sent: raw(`["en","nl"]`)}, state.Base{Sent: raw(`["original","pdf"]`)}
			i.Fields.Name, f.Record.Fields["name"] = manifest.Some("deck"), state.Base{Sent: raw(`"deck.pptx"`), Seen: raw(`"Deck.PPTX"`)}
			i.Fields.ExpiresAt, f.Record.Fields["expiresAt"] = expiry("2027-10-02T08:00:00Z"), state.Base{Sent: raw(`"2027-10-02T08:00:00Z"`), Seen: raw(`"2027-10-02T23:59:59Z"`)}
			i.Fields.Description = manifest.Some(" about ")
			f.Record.Fields["description"] = state.Base{Sent: raw(`" about "`)}
		}, shows(remote(`{"languages":[{"code":"nl"},{"code":"en"}],"downloadableExternal":["pdf","original"],"name":"Deck.PPTX","expiresAt":"2027-10-02T23:59:59.000Z"}`))}, "unchanged same 0+0 full"},

		{"tag added", []change{tagged("t1", "t2"), shows(remote())}, "update fields-differ 1+0 full sets tags"},
		{"tag taken out of the manifest stays", []change{tagged()}, "unchanged same 0+0 full"},
		{"tag of ours that a person took off stays off", []change{tagged("t1", "t2"), shows(remote(`{"tags":[]}`))}, `update fields-differ 1+0 full sets tags ["t2"]`},
		{"tags of people stay", []change{tagged("t1", "t2"), shows(remote(`{"tags":[{"id":"t1"},{"id":"p"}]}`))}, `update fields-differ 1+0 full sets tags ["p","t1","t2"]`},
		{"tags: keep", []change{tagged("t1", "t2"), rules(func(u *manifest.Update) { u.Tags = "keep" })}, "unchanged same 0+0 full"},
		{"tags: replace", []change{tagged("t2"), shows(remote()), rules(func(u *manifest.Update) { u.Tags = "replace" })}, `update fields-differ 1+0 full sets tags ["t2"]`},
		{"tags: replace, and a person added one", []change{tagged("t2"), shows(remote(`{"tags":[{"id":"t1"},{"id":"p"}]}`)), rules(func(u *manifest.Update) { u.Tags = "replace" })}, "conflict changed-remotely 0+0 full"},

		{"file grew: the service is asked first", []change{bigger}, "   0+0 full needs remote"},
		{"file grew", []change{bigger, shows(remote())}, "version file-differs 1+1 metadata"},
		{"file and field changed", []change{bigger, describe("new"), shows(remote())}, "version file-differs 2+1 metadata sets description"},
		{"file touched, not hashed", []change{touched}, "check not-hashed 1+1 metadata needs hash"},
		{"file touched, same bytes", []change{touched, hashed(md5A)}, "unchanged same 0+0 full"},
		{"file touched, other bytes", []change{touched, hashed(md5B), shows(remote())}, "version file-differs 1+1 metadata"},
		{"file changed, as the service has it already", []change{touched, hashed(md5B), shows(remote(`{"checksum":"` + md5B + `"}`))}, "unchanged same 0+0 full"},
		{"file changed, and somebody uploaded a version", []change{bigger, hashed(md5B), shows(remote(`{"checksum":"ffffffffffffffffffffffffffffffff"}`))}, "conflict changed-remotely 0+0 full"},
		{"file changed, and somebody uploaded a version, overwritten", []change{bigger, hashed(md5B), overwrite, shows(remote(`{"checksum":"ffffffffffffffffffffffffffffffff"}`))}, "version file-differs 1+1 metadata overwrites changed-remotely"},
		{"file: keep", []change{bigger, rules(func(u *manifest.Update) { u.File = "keep" })}, "unchanged same 0+0 full"},

		{"gone from the service", []change{describe("new"), shows()}, "conflict remote-missing 0+0 full"},
		{"gone from the service, --recreate", []change{describe("new"), shows(), func(_ *manifest.Item, f *pipeline.Facts) { f.Recreate = true }}, "create recreate 2+1 full sets name,description,tags,permissions.isShareable,externalId"},

		{"create under way, nothing known: looked up first", []change{status(state.Registering), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }}, "   0+0 full needs remote"},
		{"create under way, not found", []change{status(state.Registering), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }, shows()}, "resume unfinished 2+1 full registering sets name,description,tags,permissions.isShareable,externalId"},
		{"create under way, found", []change{status(state.Registering), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }, shows(halfMade)}, "resume unfinished 1+1 full registered"},
		{"create under way, found twice", []change{status(state.Registering), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }, shows(halfMade, remote(`{"id":"a2"}`))}, "conflict twin 0+0 full"},
		{"found twice, and one is known to be ours", []change{status(state.Registered), shows(remote(`{"id":"a2"}`), halfMade)}, "resume unfinished 1+1 full registered warns twin"},
		{"registered", []change{status(state.Registered), shows(halfMade)}, "resume unfinished 1+1 full registered"},
		{"sending, the bytes did not arrive", []change{status(state.Sending), shows(halfMade)}, "resume unfinished 1+1 full registered"},
		{"sending, the bytes arrived", []change{status(state.Sending), shows(remote(`{"status":"queued","currentFile":null}`))}, "resume unfinished 0+0 full processing"},
		{"sending, they are even processed", []change{status(state.Sending), shows(remote())}, "resume unfinished 0+0 full processing"},
		{"sent", []change{status(state.Sent), shows(halfMade)}, "resume unfinished 0+0 full processing"},
		{"sent, and the file changed since", []change{status(state.Sent), bigger, shows(halfMade)}, "resume unfinished 1+1 full registered"},
		{"sent, tags were ignored", []change{status(state.Processing), shows(remote(`{"tags":[]}`))}, "resume unfinished 1+0 full processing sets tags"},
		{"a version under way, an older one active", []change{op(state.Version), status(state.Sending), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.FileID, f.Record.MD5 = "f2", md5B }, hashed(md5B), shows(remote())}, "resume unfinished 1+1 metadata registered"},
		{"a version under way, it is the one in use", []change{op(state.Version), status(state.Sending), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.FileID, f.Record.MD5 = "f2", md5B }, hashed(md5B), shows(remote(`{"currentFile":{"id":"f2"}}`))}, "resume unfinished 0+0 metadata processing"},
		{"an update under way", []change{op(state.Update), status(state.Sending), describe("new"), shows(remote())}, "resume unfinished 1+0 full sending sets description"},
		{"an update under way that arrived", []change{op(state.Update), status(state.Sending), describe("new"), shows(remote(`{"description":"new"}`))}, "resume unfinished 0+0 full sending"},
		{"under way and gone", []change{status(state.Sent), shows()}, "conflict remote-missing 0+0 full"},

		{"failed", []change{status(state.Failed)}, "blocked failed-before 0+0 full"},
		{"failed, --retry-failed", []change{status(state.Failed), func(_ *manifest.Item, f *pipeline.Facts) { f.RetryFailed = true }, shows(halfMade)}, "resume retry 1+1 full registered"},
		{"failed, the file changed", []change{status(state.Failed), bigger, shows(halfMade)}, "resume retry 1+1 full registered"},
		{"failed, a field changed", []change{status(state.Failed), describe("new"), shows(halfMade)}, "resume retry 2+1 full registered sets description"},

		{"archived by us, wanted again", []change{op(state.Archive), shows(trashed())}, "restore archived-by-us 1+0 full sets isArchived"},
		{"archived by us, and the manifest changed", []change{op(state.Archive), describe("new"), shows(trashed())}, "restore archived-by-us 1+0 full sets description,isArchived"},
		{"archived by us, and a person changed it there", []change{op(state.Archive), describe("new"), shows(trashed(`{"description":"theirs"}`))}, "conflict changed-remotely 0+0 full"},
		{"archived by us, and the file changed", []change{op(state.Archive), bigger, shows(trashed())}, "restore archived-by-us 2+1 metadata sets isArchived"},
		{"archived by us, and the file may have changed", []change{op(state.Archive), touched, shows(trashed())}, "restore archived-by-us 2+1 metadata needs hash sets isArchived"},
		{"archived by us, and a person sent a version", []change{op(state.Archive), bigger, shows(trashed(`{"checksum":"` + md5B + `"}`))}, "conflict changed-remotely 0+0 full"},
		{"archived by us, before the bytes came that it was to get", []change{op(state.Archive), shows(trashed(`{"status":"prepared","currentFile":null,"checksum":null,"size":null}`))}, "restore archived-by-us 2+1 metadata sets isArchived"},
		{"archived by us, before its bytes came", []change{op(state.Archive), bare, shows(trashed(`{"status":"prepared","currentFile":null,"checksum":null,"size":null}`))}, "restore archived-by-us 2+1 metadata sets isArchived"},
		{"archived by us, as the item now says", []change{op(state.Archive), archived(true), shows(trashed())}, "restore archived-by-us 0+0 full"},
		{"archived by us, brought back by a person", []change{op(state.Archive), shows(remote())}, "unchanged same 0+0 full"},
		{"archived by us and gone", []change{op(state.Archive), shows()}, "create archived-by-us 2+1 full sets name,description,tags,permissions.isShareable,externalId"},
		{"about to be archived by us", []change{op(state.Archive), status(state.Sending), shows(remote())}, "restore archived-by-us 1+0 full sets isArchived"},
		{"archiving was refused", []change{op(state.Archive), status(state.Failed), shows(remote())}, "unchanged same 0+0 full"},
		{"coming back", []change{op(state.Restore), status(state.Sending), shows(trashed())}, "restore archived-by-us 1+0 full sets isArchived"},
		{"coming back and gone", []change{op(state.Restore), status(state.Sending), shows()}, "conflict remote-missing 0+0 full"},
		{"deleted by us, wanted again", []change{op(state.Delete), shows()}, "create archived-by-us 2+1 full sets name,description,tags,permissions.isShareable,externalId"},
		{"deleted by us, and somebody made another one", []change{op(state.Delete), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID, f.Record.Fields = "", nil }, shows(remote(`{"id":"a2","description":"theirs"}`)), hashed(md5A)}, "conflict adopt-differs 0+0 full"},
		{"about to be deleted by us", []change{op(state.Delete), status(state.Sending), shows(remote())}, "restore archived-by-us 0+0 full"},
		{"deleted by us, without an answer", []change{op(state.Delete), status(state.Sending), shows()}, "create archived-by-us 2+1 full sets name,description,tags,permissions.isShareable,externalId"},

		{"renamed: the asset is read first", []change{renamed}, "   0+0 full needs remote"},
		{"renamed: nobody may have the external ID", []change{renamed, shows(remote())}, "update fields-differ 1+0 full needs holders sets externalId"},
		{"renamed", []change{renamed, shows(remote()), holders()}, "update fields-differ 1+0 full sets externalId"},
		{"renamed, and another asset has it", []change{renamed, shows(remote()), holders(remote(`{"id":"a2","externalId":"SP-2"}`))}, "conflict twin 0+0 full"},
		{"renamed, and it has the new external ID already", []change{renamed, shows(remote(`{"externalId":"SP-2"}`))}, "unchanged same 0+0 full"},
		{"renamed, and a person gave it another external ID", []change{renamed, shows(remote(`{"externalId":"X"}`))}, "conflict changed-remotely 0+0 full"},
		{"renamed, metadata: keep", []change{renamed, rules(func(u *manifest.Update) { u.Metadata = "keep" }), shows(remote()), holders()}, "update fields-differ 1+0 full sets externalId"},
		{"a person took the external ID off: only a full check sees it", []change{fullCheck, shows(remote(`{"externalId":null}`))}, "conflict changed-remotely 0+0 full"},
		{"a person took the external ID off, overwritten", []change{fullCheck, overwrite, shows(remote(`{"externalId":null}`)), holders()}, "update fields-differ 1+0 full overwrites changed-remotely sets externalId"},
		{"a person gave it another external ID, metadata: keep", []change{fullCheck, rules(func(u *manifest.Update) { u.Metadata = "keep" }), shows(remote(`{"externalId":"X"}`))}, "conflict changed-remotely 0+0 full"},
		{"no base for the external ID: the service is not asked", []change{noBase}, "unchanged same 0+0 full"},
		{"no base for the external ID, and it is there", []change{noBase, fullCheck, shows(remote())}, "unchanged same 0+0 full"},
		{"no base for the external ID, and a person took it off", []change{noBase, fullCheck, shows(remote(`{"externalId":null}`))}, "conflict changed-remotely 0+0 full"},
		{"failed, no base for the external ID", []change{noBase, status(state.Failed)}, "blocked failed-before 0+0 full"},

		{"unconfirmed: seen as wanted", []change{seen(), hashed(md5A)}, "unchanged same 0+0 full"},
		{"unconfirmed: seen as wanted, not hashed", []change{seen()}, "check not-hashed 0+0 full needs hash"},
		{"unconfirmed: seen as wanted, not hashed, conflicts: overwrite", []change{seen(), overwrite}, "check not-hashed 1+1 metadata needs hash"},
		{"unconfirmed: more tags than wanted were seen", []change{seen(`"tags":["t1","t2"]`), hashed(md5A)}, "unchanged same 0+0 full"},
		{"unconfirmed: more tags than wanted were seen, tags: replace", []change{seen(`"tags":["t1","t2"]`), hashed(md5A), rules(func(u *manifest.Update) { u.Tags = "replace" })}, "   0+0 full needs remote"},
		{"unconfirmed: other tags were seen, tags: keep", []change{seen(`"tags":["t2"]`), hashed(md5A), rules(func(u *manifest.Update) { u.Tags = "keep" })}, "unchanged same 0+0 full"},
		{"unconfirmed: other metadata was seen, metadata: keep", []change{seen(`"description":"theirs"`), hashed(md5A), rules(func(u *manifest.Update) { u.Metadata = "keep" })}, "unchanged same 0+0 full"},
		{"unconfirmed: a field that is not shown is nothing", []change{seen(), hashed(md5A), func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.IsSensitive = manifest.Some(false) }}, "unchanged same 0+0 full"},
		{"unconfirmed: a field of which nothing is known", []change{seen(`"isSensitive":null`), hashed(md5A), func(i *manifest.Item, _ *pipeline.Facts) { i.Fields.IsSensitive = manifest.Some(false) }}, "   0+0 full needs remote"},
		{"unconfirmed: another field was seen", []change{seen(`"description":"theirs"`), hashed(md5A)}, "   0+0 full needs remote"},
		{"unconfirmed: other bytes were seen", []change{seen(), hashed(md5B)}, "   0+0 full needs remote"},
		{"unconfirmed: another size was seen, no need to hash", []change{seen(), bigger}, "   0+0 full needs remote"},
		{"unconfirmed: other bytes were seen, file: keep", []change{seen(), bigger, rules(func(u *manifest.Update) { u.File = "keep" })}, "unchanged same 0+0 full"},
		{"unconfirmed: in another Division", []change{seen(`"division":"d2"`), hashed(md5A)}, "   0+0 full needs remote"},
		{"unconfirmed: without its external ID", []change{seen(`"externalId":null`), hashed(md5A)}, "   0+0 full needs remote"},
		{"unconfirmed: nothing was seen", []change{seen(), hashed(md5A), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Fields = nil }}, "   0+0 full needs remote"},
		{"unconfirmed: no bytes were seen", []change{seen(), hashed(md5A), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.MD5 = "" }}, "   0+0 full needs remote"},
		{"unconfirmed: a full check reads it", []change{seen(), hashed(md5A), fullCheck}, "   0+0 full needs remote"},
		{"unconfirmed: a relative date as it became", []change{seen(`"expiresAt":"2027-10-02T08:00:00Z"`), hashed(md5A), expires18}, "unchanged same 0+0 full"},
		{"unconfirmed: a relative date that it never became", []change{seen(`"expiresAt":"2027-12-24T08:00:00Z"`), hashed(md5A), expires18}, "   0+0 full needs remote"},
		{"unconfirmed, read: as wanted", []change{seen(`"description":"old"`), hashed(md5A), shows(remote())}, "adopt same 0+0 full"},
		{"unconfirmed, read: as wanted, not hashed", []change{seen(`"description":"old"`), shows(remote())}, "check not-hashed 0+0 full needs hash"},
		{"unconfirmed, read: other fields", []change{seen(`"description":"old"`), hashed(md5A), shows(remote(`{"description":"theirs"}`))}, "conflict adopt-differs 0+0 full"},
		{"unconfirmed, read: other fields, overwritten", []change{seen(`"description":"old"`), hashed(md5A), overwrite, shows(remote(`{"description":"theirs"}`))}, "update fields-differ 1+0 full overwrites adopt-differs sets description"},
		{"unconfirmed, read: other bytes", []change{seen(), hashed(md5B), shows(remote())}, "conflict adopt-differs 0+0 full"},
		{"unconfirmed, read: other bytes, overwritten", []change{seen(), hashed(md5B), overwrite, shows(remote())}, "version file-differs 1+1 metadata overwrites adopt-differs"},
		{"unconfirmed, read: half made", []change{seen(), hashed(md5A), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Fields = nil }, shows(halfMade)}, "adopt half-made 1+1 metadata"},
		{"unconfirmed, read: being processed", []change{seen(`"description":"old"`), shows(remote(`{"status":"processing","currentFile":null}`))}, "adopt still-processing 0+0 metadata"},
		{"unconfirmed, read: gone", []change{seen(`"description":"old"`), shows()}, "conflict remote-missing 0+0 full"},
		{"unconfirmed, read: gone, --recreate", []change{seen(`"description":"old"`), shows(), func(_ *manifest.Item, f *pipeline.Facts) { f.Recreate = true }}, "create recreate 2+1 full sets name,description,tags,permissions.isShareable,externalId"},
		{"unconfirmed, read: in the trash", []change{seen(`"description":"old"`), shows(remote(`{"isArchived":true}`))}, "conflict archived 0+0 full"},
		{"unconfirmed, read: in another Division", []change{seen(`"division":"d2"`), shows(remote(`{"division":{"id":"d2"}}`))}, "conflict wrong-division 0+0 full"},
		{"unconfirmed, read: without an external ID it gets ours", []change{seen(`"externalId":null`), hashed(md5A), shows(remote(`{"externalId":null}`)), holders()}, "update fields-differ 1+0 full sets externalId"},
		{"unconfirmed, read: without an external ID, not hashed", []change{seen(`"externalId":null`), shows(remote(`{"externalId":null}`)), holders()}, "check not-hashed 1+0 full needs hash sets externalId"},
		{"unconfirmed, read: without an external ID, which another asset has", []change{seen(`"externalId":null`), hashed(md5A), shows(remote(`{"externalId":null}`)), holders(remote(`{"id":"a2"}`))}, "conflict twin 0+0 full"},
		{"unconfirmed, renamed", []change{seen(`"externalId":null`), hashed(md5A), func(i *manifest.Item, f *pipeline.Facts) {
			i.ExternalID, f.Record.ExternalID = "SP-2", "SP-2"
			f.Record.Fields["externalId"] = state.Base{Sent: raw(`"SP-1"`)}
		}, shows(remote()), holders()}, "update fields-differ 1+0 full sets externalId"},
		{"unconfirmed, read: with another external ID", []change{seen(`"externalId":"X"`), hashed(md5A), shows(remote(`{"externalId":"X"}`))}, "conflict adopt-differs 0+0 full"},
		{"unconfirmed twins: looked up like an unknown item", []change{seen(), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }}, "   0+0 full needs remote"},
		{"unconfirmed twins", []change{seen(), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }, shows(remote(), remote(`{"id":"a2"}`))}, "conflict twin 0+0 full"},
		{"unconfirmed, of another manifest", []change{seen(), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.Owner = "wave-2" }}, "conflict other-manifest 0+0 full"},

		{"link: the asset is read first", []change{link}, "   0+0 full needs remote"},
		{"link: nobody may have the external ID", []change{link, shows(bare1()), hashed(md5A)}, "adopt linked 1+0 full needs holders sets externalId"},
		{"link", []change{link, shows(bare1()), hashed(md5A), holders()}, "adopt linked 1+0 full sets externalId"},
		{"link: not hashed", []change{link, shows(bare1()), holders()}, "check not-hashed 1+0 full needs hash sets externalId"},
		{"link: another asset has the external ID", []change{link, shows(bare1()), hashed(md5A), holders(remote(`{"id":"a2"}`))}, "conflict twin 0+0 full"},
		{"link: it has the external ID already", []change{link, shows(remote()), hashed(md5A), holders(remote())}, "adopt same 0+0 full"},
		{"link: it has the external ID already, and so has another one", []change{link, shows(remote()), hashed(md5A), holders(remote(), remote(`{"id":"a2"}`))}, "adopt same 0+0 full warns twin"},
		{"link: it has another external ID", []change{link, shows(remote(`{"externalId":"X"}`)), hashed(md5A)}, "conflict linked-elsewhere 0+0 full"},
		{"link: it has another external ID, conflicts: overwrite", []change{link, overwrite, shows(remote(`{"externalId":"X"}`)), hashed(md5A)}, "conflict linked-elsewhere 0+0 full"},
		{"link: another item has it in this state", []change{link, func(_ *manifest.Item, f *pipeline.Facts) { f.LinkedBy = "SP-9" }}, "conflict linked-elsewhere 0+0 full"},
		{"link: gone", []change{link, shows()}, "conflict remote-missing 0+0 full"},
		{"link: gone, --recreate", []change{link, shows(), func(_ *manifest.Item, f *pipeline.Facts) { f.Recreate = true }}, "conflict remote-missing 0+0 full"},
		{"link: in another Division", []change{link, shows(bare1(`{"division":{"id":"d2"}}`))}, "conflict wrong-division 0+0 full"},
		{"link: in the trash", []change{link, shows(bare1(`{"isArchived":true}`))}, "conflict archived 0+0 full"},
		{"link: what is empty there is filled in, and tags are added", []change{link, shows(bare1(`{"description":null,"tags":[{"id":"p"}]}`)), hashed(md5A), holders()}, `adopt linked 1+0 full sets description,tags,externalId`},
		{"link: other tags, tags: replace", []change{link, shows(bare1(`{"tags":[{"id":"p"}]}`)), hashed(md5A), rules(func(u *manifest.Update) { u.Tags = "replace" })}, "conflict adopt-differs 0+0 full"},
		{"link: other fields", []change{link, shows(bare1(`{"description":"theirs"}`)), hashed(md5A)}, "conflict adopt-differs 0+0 full"},
		{"link: another permission", []change{link, shows(bare1(`{"permissions":{"isShareable":false}}`)), hashed(md5A)}, "conflict adopt-differs 0+0 full"},
		{"link: other fields, overwritten", []change{link, overwrite, shows(bare1(`{"description":"theirs"}`)), hashed(md5A), holders()}, "update fields-differ 1+0 full overwrites adopt-differs sets description,externalId"},
		{"link: other fields, metadata: keep", []change{link, rules(func(u *manifest.Update) { u.Metadata = "keep" }), shows(bare1(`{"description":"theirs"}`)), hashed(md5A), holders()}, "adopt linked 1+0 full sets externalId"},
		{"link: other bytes", []change{link, shows(bare1()), hashed(md5B)}, "conflict adopt-differs 0+0 full"},
		{"link: other bytes, overwritten", []change{link, overwrite, shows(bare1()), hashed(md5B), holders()}, "version file-differs 2+1 metadata overwrites adopt-differs sets externalId"},
		{"link: other bytes, file: keep", []change{link, rules(func(u *manifest.Update) { u.File = "keep" }), shows(bare1()), hashed(md5B), holders()}, "adopt linked 1+0 full sets externalId"},
		{"link: half made", []change{link, shows(bare1(`{"status":"prepared","currentFile":null,"checksum":null,"size":null}`)), holders()}, "adopt half-made 2+1 metadata sets externalId"},
		{"link: being processed", []change{link, shows(bare1(`{"status":"processing","currentFile":null}`)), holders()}, "adopt still-processing 1+0 metadata sets externalId"},
		{"linked and done", []change{linking("a1")}, "unchanged same 0+0 full"},
		{"linked and done, and gone", []change{linking("a1"), fullCheck, shows(), func(_ *manifest.Item, f *pipeline.Facts) { f.Recreate = true }}, "conflict remote-missing 0+0 full"},
		{"done, and another asset is linked", []change{linking("a2")}, "conflict linked-elsewhere 0+0 full"},
		{"bound by hand, and linked", []change{linking("a1"), seen(`"externalId":null`), hashed(md5A), shows(bare1(`{"description":null}`)), holders()}, "adopt linked 1+0 full sets description,externalId"},
		{"a create without an answer, and an asset is linked", []change{linking("a1"), status(state.Registering), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID = "" }}, "conflict linked-elsewhere 0+0 full"},
		{"a create that was refused, and an asset is linked", []change{linking("a1"), status(state.Failed), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID, f.Record.Attempts = "", 1 }}, "conflict linked-elsewhere 0+0 full"},
		{"a create that never left, and an asset is linked", []change{linking("a1"), status(state.Failed), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID, f.RetryFailed = "", true }, shows(bare1()), hashed(md5A), holders()}, "adopt linked 1+0 full sets externalId"},
		{"deleted by us, and an asset is linked", []change{linking("a1"), op(state.Delete), func(_ *manifest.Item, f *pipeline.Facts) { f.Record.AssetID, f.Record.Fields = "", nil }, shows(bare1()), hashed(md5A), holders()}, "adopt linked 1+0 full sets externalId"},

		{"no such file", []change{noRecord, func(_ *manifest.Item, f *pipeline.Facts) { f.SourceErr = &source.Error{Err: source.ErrNotExist} }}, "blocked file-missing 0+0 full"},
		{"file out of its root", []change{noRecord, func(_ *manifest.Item, f *pipeline.Facts) { f.SourceErr = &source.Error{Err: source.ErrOutside} }}, "blocked file-unreadable 0+0 full"},
		{"empty file", []change{noRecord, func(_ *manifest.Item, f *pipeline.Facts) { f.Info.Size = 0 }}, "blocked file-empty 0+0 full"},
		{"empty file that is meant", []change{noRecord, shows(), func(i *manifest.Item, f *pipeline.Facts) { f.Info.Size, i.AllowEmpty = 0, true }}, "create new 2+1 full sets name,description,tags,permissions.isShareable,externalId"},
		{"over 5 GB", []change{noRecord, func(_ *manifest.Item, f *pipeline.Facts) { f.Info.Size = 5<<30 + 1 }}, "blocked file-too-big 0+0 full"},
		{"unknown author", []change{func(_ *manifest.Item, f *pipeline.Facts) {
			f.Refs.Problems = []pipeline.RefProblem{{Reason: pipeline.BlockedAuthor}}
		}}, "blocked author-unknown 0+0 full"},
		{"a problem of the manifest", []change{func(i *manifest.Item, _ *pipeline.Facts) {
			i.Problems = []manifest.Problem{{Code: "M052", Class: manifest.Block}}
		}}, "blocked manifest 0+0 full"},
		{"a warning blocks nothing", []change{func(i *manifest.Item, _ *pipeline.Facts) {
			i.Problems = []manifest.Problem{{Code: "M050", Class: manifest.Warn}}
		}}, "unchanged same 0+0 full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			item, facts := base()
			for _, change := range c.with {
				change(&item, &facts)
			}
			d := pipeline.Decide(&item, &facts)
			got := describeDecision(d)
			if strings.Contains(c.want, "sets tags [") {
				got += " " + string(d.Set["tags"])
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s\n%s", got, c.want, d.Row.Detail)
			}
			if a := d.Row.Action; (a == pipeline.ActionConflict || a == pipeline.ActionBlocked) && d.Row.Detail == "" && d.Row.Reason != pipeline.BlockedAuthor {
				t.Errorf("a %s without a word on what to do", a)
			}
			if again := describeDecision(pipeline.Decide(&item, &facts)); again != describeDecision(d) {
				t.Errorf("the same facts were decided as %s the second time", again)
			}
		})
	}
}

func describeDecision(d pipeline.Decision) string {
	s := fmt.Sprintf("%s %s %d+%d %s", d.Row.Action, d.Row.Reason, d.Row.Writes, d.Row.Puts, d.Row.Undo)
	if d.Need == pipeline.NeedRemote {
		s = fmt.Sprintf("   %d+%d full needs remote", d.Row.Writes, d.Row.Puts)
	}
	if d.Row.Step != "" {
		s += " " + string(d.Row.Step)
	}
	if d.Row.Overwrites != "" {
		s += " overwrites " + d.Row.Overwrites
	}
	switch d.Need {
	case pipeline.NeedHash:
		s += " needs hash"
	case pipeline.NeedHolders:
		s += " needs holders"
	}
	for _, code := range d.Warnings {
		s += " warns " + code
	}
	if len(d.Set) > 0 {
		order := []string{"name", "description", "tags", "permissions.isShareable", "isSensitive", "isArchived", "url", "externalId"}
		var names []string
		for _, n := range order {
			if _, ok := d.Set[n]; ok {
				names = append(names, n)
			}
		}
		if len(names) != len(d.Set) {
			names = append(names, fmt.Sprint(len(d.Set), " in all"))
		}
		s += " sets " + strings.Join(slices.Compact(names), ",")
	}
	return s
}
