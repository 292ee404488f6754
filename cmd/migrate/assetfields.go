package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// assetInput is what a command by hand sets of an asset: members by the API's names,
// permissions one by one ("permissions.isShareable"), references as people write them
// until [assetInput.resolve].
type assetInput struct {
	members map[string]json.RawMessage
	wrong   []string // what is wrong with them, for people

	add, remove []string // tags beside those that the asset has
}

// assetFlags are the flags that set members. What has no flag of its own --set sets.
type assetFlags struct {
	texts map[string]*string   // by member
	lists map[string]*[]string // by member
	set   []string
	body  string

	add, remove []string
}

// shortcuts are the members that have a flag, by its name.
var shortcuts = []struct{ flag, member, help string }{
	{"name", "name", "name, with the file's extension"},
	{"description", "description", "text below the name"},
	{"url", "url", "address of a URL asset"},
	{"released-at", "releasedAt", "from when people see it, such as 2026-12-01T00:00:00Z"},
	{"expires-at", "expiresAt", "until when people see it"},
	{"drafted-at", "draftedAt", "since when it is a draft"},
}

// listShortcuts are those of several values.
var listShortcuts = []struct{ flag, member, help string }{
	{"tag", "tags", "tag, by name or id (repeatable)"},
	{"language", "languages", "language code (repeatable)"},
	{"country", "countries", "country code (repeatable)"},
	{"author", "authors", "author, by e-mail address or id (repeatable)"},
}

func (f *assetFlags) flags(fs *pflag.FlagSet, update bool) {
	f.texts, f.lists = map[string]*string{}, map[string]*[]string{}
	replaces := ""
	if update {
		replaces = "; replaces those that it has"
	}
	for _, s := range shortcuts {
		f.texts[s.flag] = fs.String(s.flag, "", s.help)
	}
	for _, s := range listShortcuts {
		f.lists[s.flag] = fs.StringArray(s.flag, nil, s.help+replaces)
	}
	if update {
		fs.StringArrayVar(&f.add, "add-tag", nil, "tag to add, by name or id (repeatable)")
		fs.StringArrayVar(&f.remove, "remove-tag", nil, "tag to take off, by name or id (repeatable)")
	}
	fs.StringArrayVar(&f.set, "set", nil, "any member: NAME=VALUE, such as isSensitive=true, permissions.isShareable=false or languages=en,de (repeatable); VALUE may be JSON; an empty one clears")
	fs.StringVar(&f.body, "body", "", "file with a JSON object of members, as the API has them; - is stdin. Flags win over it")
}

// read collects what body and flags say. What is wrong is left for problems; the error
// is of a body that cannot be read.
func (f *assetFlags) read(a *app, update bool) (*assetInput, error) {
	in := &assetInput{members: map[string]json.RawMessage{}, add: f.add, remove: f.remove}
	if f.body != "" {
		b, err := a.body(f.body, false)
		if err != nil {
			return nil, err
		}
		in.body(b, update)
	}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			in.fail("--set %q: write NAME=VALUE", s)
			continue
		}
		in.text(strings.TrimSpace(name), value, update)
	}
	for _, s := range shortcuts {
		if a.flags.Changed(s.flag) {
			in.text(s.member, *f.texts[s.flag], update)
		}
	}
	for _, s := range listShortcuts {
		if a.flags.Changed(s.flag) {
			in.set(s.member, mustJSON(*f.lists[s.flag]), update)
		}
	}
	if in.members["tags"] != nil && len(in.add)+len(in.remove) > 0 {
		in.fail("tags: either all of them (--tag), or what to add and to take off")
	}
	return in, nil
}

// problems are all that is wrong with the input, as one error.
func (in *assetInput) problems() error {
	if len(in.wrong) == 0 {
		return nil
	}
	return usagef("%s", strings.Join(in.wrong, "\n"))
}

func (in *assetInput) fail(format string, args ...any) {
	in.wrong = append(in.wrong, fmt.Sprintf(format, args...))
}

// body reads a JSON object; permissions stand in an object of their own there.
func (in *assetInput) body(b []byte, update bool) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil || m == nil {
		in.fail("--body: not a JSON object%s", because(err))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != "permissions" {
			in.set(name, m[name], update)
			continue
		}
		var perms map[string]json.RawMessage
		if err := json.Unmarshal(m[name], &perms); err != nil || perms == nil {
			in.fail("permissions: not an object")
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(perms)) {
			in.set("permissions."+p, perms[p], update)
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// kindObject is a member that is sent as it is: the service knows its form.
const kindObject manifest.FieldKind = -1

// assetField is a member that can be set by hand: the managed fields of a manifest, what
// stands beside them there, and what the API takes besides. Source: v4 postAssets,
// updateAsset.
func assetField(name string, update bool) (f manifest.Field, ok bool) {
	switch name {
	case "externalId", "url":
		return manifest.Field{Name: name, Kind: manifest.KindText, Nullable: true}, true
	case "division":
		return manifest.Field{Name: name, Kind: manifest.KindText}, !update
	case "localization":
		return manifest.Field{Name: name, Kind: kindObject, Nullable: true}, update
	case "origin":
		return manifest.Field{Name: name, Kind: kindObject}, true
	}
	return manifest.FieldByName(name)
}

// set takes a member after it looked at its name and its value.
func (in *assetInput) set(name string, value json.RawMessage, update bool) {
	f, ok := assetField(name, update)
	if !ok {
		in.unknown(name, update)
		return
	}
	if value = bytes.TrimSpace(value); string(value) == "null" {
		if !f.Nullable {
			in.fail("%s: cannot be cleared", name)
			return
		}
		in.members[name] = value
		return
	}
	if what := wrongValue(f, value); what != "" {
		in.fail("%s: %s", name, what)
		return
	}
	in.members[name] = value
}

func (in *assetInput) unknown(name string, update bool) {
	if name == "division" {
		in.fail("division: an asset cannot change its Division (delete it and make it anew)")
		return
	}
	known := []string{"externalId", "url", "origin"}
	for _, f := range manifest.ManagedFields() {
		if f.Name != "localization" { // set by an update alone
			known = append(known, f.Name)
		}
	}
	if update {
		known = append(known, "localization")
	} else {
		known = append(known, "division")
	}
	switch near := manifest.Suggest(name, known); {
	case near != "":
		in.fail("unknown member %q (did you mean %q?)", view.Clean(name), near)
	default:
		slices.Sort(known)
		in.fail("unknown member %q (known: %s)", view.Clean(name), strings.Join(known, ", "))
	}
}

// text takes a value that was written as text: JSON where the member is no text, lists
// also with commas. An empty one clears.
func (in *assetInput) text(name, value string, update bool) {
	f, ok := assetField(name, update)
	if !ok {
		in.unknown(name, update)
		return
	}
	raw := json.RawMessage(strings.TrimSpace(value))
	switch list := isList(f.Kind); {
	case len(raw) == 0 && list:
		raw = json.RawMessage("[]")
	case len(raw) == 0, string(raw) == "null" && !isText(f.Kind):
		raw = json.RawMessage("null")
	case isText(f.Kind):
		raw = mustJSON(value)
	case list && raw[0] != '[':
		var parts []string
		for part := range strings.SplitSeq(value, ",") {
			parts = append(parts, strings.TrimSpace(part))
		}
		raw = mustJSON(parts)
	case !json.Valid(raw):
		in.fail("%s: %q is not JSON: %s", name, view.Clean(value), cmp.Or(wrongValue(f, mustJSON(value)), "the API's own form is expected"))
		return
	}
	in.set(name, raw, update)
}

func isText(k manifest.FieldKind) bool {
	return slices.Contains([]manifest.FieldKind{manifest.KindName, manifest.KindText, manifest.KindRelease, manifest.KindExpiry}, k)
}

func isList(k manifest.FieldKind) bool {
	return slices.Contains([]manifest.FieldKind{manifest.KindTags, manifest.KindLocales, manifest.KindAuthors, manifest.KindRenditions}, k)
}

// wrongValue says what is wrong with the value of a member, or "".
func wrongValue(f manifest.Field, value json.RawMessage) string {
	var s string
	switch f.Kind {
	case kindObject:
		if value[0] != '{' {
			return "an object is expected, as the API has it"
		}
	case manifest.KindName, manifest.KindText:
		if f.Name == "division" && value[0] == '{' {
			return wrongRef(value, "id")
		}
		if json.Unmarshal(value, &s) != nil {
			return "a text is expected"
		}
		if s = strings.TrimSpace(s); s == "" && !f.Nullable {
			return "must not be empty"
		}
	case manifest.KindBool:
		if text := string(value); text != "true" && text != "false" {
			return "use true or false"
		}
	case manifest.KindRelease, manifest.KindExpiry:
		if json.Unmarshal(value, &s) != nil {
			return "a date and time is expected, in quotes"
		}
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return fmt.Sprintf("%q is no date and time with its zone: write one such as 2026-12-01T00:00:00Z or 2026-12-01T00:00:00+01:00", view.Clean(s))
		}
	case manifest.KindTags, manifest.KindAuthors, manifest.KindLocales:
		key := "id"
		if f.Kind == manifest.KindLocales {
			key = "code"
		}
		return wrongElements(value, func(e json.RawMessage) string {
			if json.Unmarshal(e, &s) == nil && strings.TrimSpace(s) != "" {
				return ""
			}
			return wrongRef(e, key)
		})
	case manifest.KindRenditions:
		return wrongElements(value, func(e json.RawMessage) string {
			if json.Unmarshal(e, &s) != nil || s != "original" && s != "pdf" {
				return "use original and pdf"
			}
			return ""
		})
	case manifest.KindPages:
		var pages []showpad.PageRange
		if err := strictly(value, &pages); err != nil {
			return `use [{"start": 1, "end": 2}]`
		}
	case manifest.KindEnforcement:
		var pages showpad.EnforcedPages
		if err := strictly(value, &pages); err != nil {
			return `use {"prepend": [{"start": 1, "end": 1}], "append": null}`
		}
	}
	return ""
}

func wrongElements(value json.RawMessage, wrong func(json.RawMessage) string) string {
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return "a list is expected"
	}
	for _, e := range list {
		if what := wrong(e); what != "" {
			return what
		}
	}
	return ""
}

// wrongRef checks {"id": "..."} and the like.
func wrongRef(value json.RawMessage, key string) string {
	var m map[string]string
	if json.Unmarshal(value, &m) != nil || len(m) != 1 || m[key] == "" {
		return fmt.Sprintf("use a text, or {%q: ...}", key)
	}
	return ""
}

// strictly decodes what has no other members than v.
func strictly(value json.RawMessage, v any) error {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// mustJSON encodes texts and lists of them, which cannot fail.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	must(err)
	return b
}

// member is a text among the members; "" when it is not there.
func (in *assetInput) member(name string) (s string) {
	_ = json.Unmarshal(in.members[name], &s) // absent, null or an object: none
	return s
}

// resolve makes the body of a request: names become ids, permissions an object. remote
// is the asset as the service has it, for what is sent whole or changed in parts; nil
// for a create.
func (in *assetInput) resolve(ctx context.Context, h *hand, remote json.RawMessage) (map[string]any, error) {
	body, perms := map[string]any{}, map[string]any{}
	division := view.Member(remote, "division.id")
	if raw, ok := in.members["division"]; ok {
		ids, err := h.divisionIDs(ctx, []string{cmp.Or(in.member("division"), view.Member(raw, "id"))})
		if err != nil {
			return nil, err
		}
		division = ids[0]
		body["division"] = showpad.Ref{ID: division}
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(in.members)) {
		raw := in.members[name]
		f, _ := assetField(name, false)
		switch p, isPerm := strings.CutPrefix(name, "permissions."); {
		case name == "division":
		case isPerm:
			perms[p] = raw
		case f.Kind == manifest.KindTags:
			ids, errs := h.tagIDs(ctx, division, refTexts(raw, "id"))
			body[name], wrong = refsOf(ids), append(wrong, errs...)
		case f.Kind == manifest.KindAuthors:
			ids, errs := h.authorIDs(ctx, refTexts(raw, "id"))
			body[name], wrong = refsOf(ids), append(wrong, errs...)
		case f.Kind == manifest.KindLocales:
			codes := []showpad.Code{}
			for _, code := range refTexts(raw, "code") {
				codes = append(codes, showpad.Code{Code: code})
			}
			body[name] = codes
		default:
			body[name] = raw
		}
	}
	if len(perms) > 0 {
		wholePermissions(perms, remote)
		body["permissions"] = perms
	}
	if len(in.add)+len(in.remove) > 0 {
		add, errs := h.tagIDs(ctx, division, in.add)
		remove, more := h.tagIDs(ctx, division, in.remove)
		wrong = slices.Concat(wrong, errs, more)
		ids := slices.DeleteFunc(view.IDs(remote, "tags"), func(id string) bool { return slices.Contains(remove, id) || slices.Contains(add, id) })
		body["tags"] = refsOf(append(ids, add...))
	}
	for _, err := range wrong { // what nobody can name wrongly comes first
		if codeOf(err) != exitUsage && !errors.Is(err, showpad.ErrNotFound) {
			return nil, err
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, usagef("%v", err)
	}
	return body, nil
}

// wholePermissions adds what the asset has to what is wanted: a member that is left
// out might be reset. isEditable goes along only where it is true: the service refuses
// it for a PDF. Source: v4 updateAsset.
func wholePermissions(perms map[string]any, remote json.RawMessage) {
	for _, p := range []string{"isAnnotatable", "isShareable", "isEditable"} {
		text := view.Member(remote, "permissions."+p)
		if _, given := perms[p]; !given && text != "" && !(p == "isEditable" && text == "false") {
			perms[p] = json.RawMessage(text)
		}
	}
}

func refsOf(ids []string) []showpad.Ref {
	refs := []showpad.Ref{}
	for _, id := range ids {
		if !slices.Contains(refs, showpad.Ref{ID: id}) {
			refs = append(refs, showpad.Ref{ID: id})
		}
	}
	return refs
}

// refTexts are the texts of a list, or what stands under key in its objects.
func refTexts(raw json.RawMessage, key string) (texts []string) {
	var list []json.RawMessage
	_ = json.Unmarshal(raw, &list) // it was checked
	for _, e := range list {
		var s string
		if json.Unmarshal(e, &s) != nil {
			s = view.Member(e, key)
		}
		texts = append(texts, strings.TrimSpace(s))
	}
	return texts
}

// tagIDs finds tags by name or id, those of the asset's Division first.
func (h *hand) tagIDs(ctx context.Context, division string, names []string) (ids []string, wrong []error) {
	for _, name := range names {
		doc, err := h.tagIn(ctx, one(division), name)
		if err != nil {
			if errors.Is(err, showpad.ErrNotFound) {
				err = fmt.Errorf("%w (migrate tags create makes it)", err)
			}
			wrong = append(wrong, err)
			continue
		}
		ids = append(ids, view.Member(doc, "id"))
	}
	return ids, wrong
}

// authorIDs finds users by e-mail address; other texts are ids.
func (h *hand) authorIDs(ctx context.Context, names []string) (ids []string, wrong []error) {
	for _, name := range names {
		if !strings.Contains(name, "@") {
			ids = append(ids, name)
			continue
		}
		doc, err := h.userByEmail(ctx, name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		ids = append(ids, view.Member(doc, "id"))
	}
	return ids, wrong
}

func newAssetsUpdate(a *app) *cobra.Command {
	var ref assetRef
	var f assetFlags
	var in *assetInput
	return a.verb(verb{
		use: "update [ID]", short: "Change members of an asset", example: "  migrate assets update --external-id SAMPLE-001 --description \"The deck to begin with\" --add-tag Sample --set isSensitive=true",
		long: `Update sets the members that are named and leaves the others. Lists are replaced whole,
tags also by what to add and to take off. An empty value clears what can be cleared:
--expires-at ''. Names of tags and people are looked up. Permissions are sent whole,
those that are not named as the asset has them.

Another external ID is given by --set externalId=NEW. The Division of an asset cannot
change.`,
		writes: true, columns: assetDetails, args: cobra.MaximumNArgs(1),
		flags: func(fs *pflag.FlagSet) {
			ref.flags(fs)
			f.flags(fs, true)
		},
		check: func(a *app, args []string) (err error) {
			if err := ref.check(a, args); err != nil {
				return err
			}
			if in, err = f.read(a, true); err != nil {
				return err
			}
			if len(in.members)+len(in.add)+len(in.remove)+len(in.wrong) == 0 {
				in.fail("nothing to change: name a member, such as --name, --set isSensitive=true or --body FILE")
			}
			return in.problems()
		},
		do: func(ctx context.Context, h *hand, args []string) (int, error) {
			remote, err := ref.find(ctx, h, args)
			if err != nil {
				return 0, err
			}
			body, err := in.resolve(ctx, h, remote)
			if err != nil {
				return 0, err
			}
			doc, err := h.send(ctx, "/assets/"+pathPart(view.Member(remote, "id")), body)
			if err != nil {
				return 0, err
			}
			return exitOK, h.showAsset(ctx, doc)
		},
	})
}
