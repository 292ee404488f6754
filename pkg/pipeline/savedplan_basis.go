package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/state"
)

// Basis is what the decision of a row depended on.
type Basis struct {
	Item   Print        `json:"item"`             // the manifest's entry with the rules, and the ids of what it names
	File   *FileBasis   `json:"file,omitempty"`   // nil: the decision does not depend on a file
	State  *StateBasis  `json:"state,omitempty"`  // nil: there was no record
	Remote *RemoteBasis `json:"remote,omitempty"` // nil: the service was not asked
	// NewTags are the names of tags that the row would make.
	NewTags []string `json:"newTags,omitempty"`
	// Unread marks a row that is open until its file is read: a check, or a
	// resume.
	Unread bool `json:"unread,omitempty"`
}

// Print is a digest of several parts. It decides; the short digests of the
// parts only tell which of them differ.
type Print struct {
	Digest string `json:"digest"` // 32 hex digits
	// Parts has 4 hex digits for each part that is not empty.
	Parts map[string]string `json:"parts,omitempty"`
}

// FileBasis is what a file looked like.
type FileBasis struct {
	Size    int64  `json:"size"`            // bytes
	ModTime int64  `json:"mtime,omitempty"` // nanoseconds since 1970, negative for a version; 0 when the source tells neither
	MD5     string `json:"md5,omitempty"`   // hex, when it was known
	Problem string `json:"error,omitempty"` // reason code, when it could not be used
}

// StateBasis is a record.
type StateBasis struct {
	Digest string `json:"digest"` // 32 hex digits
	Text   string `json:"text"`   // op and status, for people
}

// RemoteBasis is what the service showed.
type RemoteBasis struct {
	Assets []string `json:"assets,omitempty"` // ids; none: it had none
	Print
}

// printOf makes a Print of parts in canonical JSON.
func printOf(parts Values) Print {
	h := sha256.New()
	p := Print{Parts: map[string]string{}}
	var n [8]byte
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		for _, b := range [][]byte{[]byte(name), parts[name]} {
			binary.BigEndian.PutUint64(n[:], uint64(len(b)))
			h.Write(n[:])
			h.Write(b)
		}
		if short := shortPrint(parts[name]); short != "" {
			p.Parts[name] = short
		}
	}
	p.Digest = hex.EncodeToString(h.Sum(nil)[:16])
	return p
}

// shortPrint is 4 hex digits; "" for what is not worth a part: nothing, null,
// false and an empty list.
func shortPrint(raw json.RawMessage) string {
	switch string(raw) {
	case "", "null", "false", "[]", `""`:
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:2])
}

// differs names the parts that are not the same in both.
func (p Print) differs(now Print) []string {
	var names []string
	for name, short := range p.Parts {
		if now.Parts[name] != short {
			names = append(names, name)
		}
	}
	for name := range now.Parts {
		if _, ok := p.Parts[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// basisOf is what the decision of w depends on, as of now.
func (g *gatherer) basisOf(w *work, saved *SavedRow) Basis {
	b := Basis{Item: printOf(g.itemParts(w)), File: fileBasis(w), State: stateBasis(w.facts.Record), NewTags: newTags(w.Set), Unread: w.Need == NeedHash}
	if w.facts.RemoteRead {
		b.Remote = remoteBasis(w.facts.Remote, steady(w, saved))
	}
	return b
}

// headerPart is the part of an item's basis that all items have in common.
const headerPart = "the manifest's header"

// itemParts are all that the manifest says of an item, and the ids that its
// names mean at the service. Tags are their names: who makes a tag that is missing
// does not matter. Kept columns are not in it, for they are never sent; nor is
// the place in the manifest.
func (g *gatherer) itemParts(w *work) Values {
	item, m := &w.item, g.in.Manifest
	if w.Row.Unlisted {
		return Values{"externalId": canonText(item.ExternalID), headerPart: canon([]any{m.ID, rulesOf(m)})}
	}
	refs := w.facts.Refs
	refs.Tags = make([]string, len(item.Fields.Tags.Value))
	for i, t := range item.Fields.Tags.Value {
		refs.Tags[i] = t.ID
		if t.ID == "" {
			refs.Tags[i] = newTag + t.Name
		}
	}
	if p := item.Fields.Localization.Value; p.ExternalID != "" { // who makes it does not matter
		refs.Primary = newTag + p.ExternalID
	}
	parts, relative := wanted(item, &refs, nil, g.start, m.Timezone)
	authors := append(slices.Clone(refs.Authors), item.Fields.Authors.Value...)
	if len(authors) > 0 {
		parts["authors"] = canonSet(authors)
	}
	parts["externalId"] = canonText(item.ExternalID)
	parts["name"] = canonText(manifest.AssetName(*item))
	parts["division"] = canon([]string{item.Division, refs.DivisionID})
	parts["allowEmpty"] = canonFlag(item.AllowEmpty)
	if item.ID != "" {
		parts["id"] = canonText(item.ID)
	}
	if len(relative) > 0 {
		parts["relative dates"] = canon(relative)
	}
	if item.URL == "" {
		parts["file"] = canon([]string{item.Location.String(), rootOf(m, item.Location.Root)})
	}
	zone := ""
	if m.Timezone != nil {
		zone = m.Timezone.String()
	}
	rules := rulesOf(m)
	rules.Prune = "" // it is about no item
	parts[headerPart] = canon([]any{m.ID, zone, rules})
	return parts
}

// rootOf is where a root is, as the manifest has it.
func rootOf(m *manifest.Manifest, name string) string {
	for _, r := range m.Roots {
		if r.Name == name {
			return r.Location
		}
	}
	return ""
}

// fileBasis is nil when the decision does not look at a file.
func fileBasis(w *work) *FileBasis {
	f := &w.facts
	if w.Row.Unlisted || w.item.URL != "" || f.Rules.File == "keep" && f.Record != nil && f.Record.Status == state.Done {
		return nil
	}
	b := &FileBasis{Size: cmp.Or(f.Info.Listed, f.Info.Size), MD5: f.MD5, ModTime: stamp(f.Info)}
	b.Problem, _ = sourceProblem(&w.item, f.Info, f.SourceErr)
	return b
}

// stateBasis is nil without a record. Who wrote the record and when, what was
// learnt of the file's time, and what only a way back needs changes no decision.
func stateBasis(rec *state.Record) *StateBasis {
	if rec == nil {
		return nil
	}
	r := *rec
	r.Run, r.CreateRun, r.Shown, r.Warnings = "", "", "", nil
	r.Updated, r.SentAt, r.ModTime = time.Time{}, time.Time{}, 0
	r.Stamp, r.StampRules = time.Time{}, ""
	raw, err := json.Marshal(&r)
	if err != nil {
		raw = nil // a record that was read can be written; without it any other one differs
	}
	sum := sha256.Sum256(raw)
	return &StateBasis{Digest: hex.EncodeToString(sum[:16]), Text: recordText(rec)}
}

func recordText(rec *state.Record) string {
	if rec == nil {
		return "none"
	}
	return string(rec.Op) + " " + string(rec.Status)
}

// steady reports whether the service's own progress is left out of a row's
// basis: the row continues what an earlier run began, and the service may work
// on that between the plan and its run. saved is nil when the plan is made.
func steady(w *work, saved *SavedRow) bool {
	if saved != nil {
		return saved.Action == ActionResume
	}
	return w.Row.Action == ActionResume
}

// remoteBasis is of everything that can be managed in an asset, and of its
// bytes. With steady it leaves out what the service changes while it processes
// a file.
func remoteBasis(assets []showpad.Asset, steady bool) *RemoteBasis {
	b := &RemoteBasis{}
	if len(assets) == 0 {
		return b
	}
	sorted := slices.SortedFunc(slices.Values(assets), func(x, y showpad.Asset) int { return cmp.Compare(x.ID, y.ID) })
	parts := Values{}
	for i := range sorted {
		a := &sorted[i]
		b.Assets = append(b.Assets, a.ID)
		for name, raw := range remoteParts(a, steady) {
			if len(sorted) > 1 {
				name = a.ID + " " + name
			}
			parts[name] = raw
		}
	}
	b.Print = printOf(parts)
	return b
}

func remoteParts(a *showpad.Asset, steady bool) Values {
	parts := clone(shown(a))
	for _, m := range managed {
		if raw, ok := parts[m.name]; ok && m.kind == text {
			parts[m.name] = trimmed(raw) // processing trims
		}
	}
	if isNone(parts[linkField]) {
		delete(parts, linkField)
	}
	parts["id"] = canonText(a.ID)
	parts["division"] = canonText(a.Division.ID)
	parts["isArchived"] = canonFlag(a.IsArchived)
	if steady {
		return parts
	}
	parts["status"] = canonText(a.Status)
	parts["checksum"] = canonText(strings.ToLower(a.Checksum))
	if a.CurrentFile != nil {
		parts["version"] = canonText(a.CurrentFile.ID)
	}
	return parts
}

// trimmed is a canonical text without white space around it.
func trimmed(raw json.RawMessage) json.RawMessage {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return raw
	}
	return canonText(strings.TrimSpace(*s))
}
