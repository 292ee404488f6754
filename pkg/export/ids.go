package export

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/showpad-migrate/migrate/pkg/manifest"
)

// externalIDs gives every asset an external ID that a manifest takes and that no
// other asset of the export has. It sees all IDs of the service first (add), and
// keeps eight bytes of each.
type externalIDs struct {
	fold   cases.Caser
	hashes []uint64
	sorted bool
	// claimed are the IDs, folded, that more than one asset may have, and that one has
	// been given.
	claimed map[string]bool
}

func newExternalIDs() *externalIDs {
	return &externalIDs{fold: cases.Fold(), claimed: map[string]bool{}}
}

// folded is what two IDs share that a manifest refuses beside each other.
func (x *externalIDs) folded(id string) string {
	return norm.NFC.String(x.fold.String(norm.NFC.String(id)))
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// add remembers an ID of the service.
func (x *externalIDs) add(id string) {
	if id != "" && manifest.ExternalIDWrong(id) == "" {
		x.hashes, x.sorted = append(x.hashes, hashOf(x.folded(id))), false
	}
}

// count is how many IDs of the service may be this one.
func (x *externalIDs) count(folded string) int {
	if !x.sorted {
		slices.Sort(x.hashes)
		x.sorted = true
	}
	h := hashOf(folded)
	i, found := slices.BinarySearch(x.hashes, h)
	n := 0
	for ; found && i < len(x.hashes) && x.hashes[i] == h; i++ {
		n++
	}
	return n
}

// give is the external ID of an asset in the manifest, with the reason and what to say
// where it is not the one that the service has. It depends on the assets that came
// before only where several have one ID: the first keeps it.
func (x *externalIDs) give(e *entry) (id, reason, detail string) {
	if e.ExternalID == "" {
		id = madePrefix + token(e.ID)
		if x.count(x.folded(id)) > 0 { // a copy of this asset has it
			id += "~" + token(id)[:8]
		}
		return id, ReasonMade, "it has no external ID: this one is made from its asset id"
	}
	if what := manifest.ExternalIDWrong(e.ExternalID); what != "" {
		return derived(e), ReasonAdjusted, "its external ID " + what + ": it got another one"
	}
	f := x.folded(e.ExternalID)
	if x.count(f) < 2 {
		return e.ExternalID, "", ""
	}
	if !x.claimed[f] {
		x.claimed[f] = true
		return e.ExternalID, "", ""
	}
	return derived(e), ReasonTwin, "another asset has the external ID " + quote(e.ExternalID) + ", or one that differs in case alone: this one got another one"
}

// again forgets what was given: the assets come once more, in the same order.
func (x *externalIDs) again() { clear(x.claimed) }

const madePrefix = "showpad-"

var (
	hexID     = regexp.MustCompile(`^[0-9a-f]{32}$`)
	madeID    = regexp.MustCompile(`^` + madePrefix + `[0-9a-f]{32}(~[0-9a-f]{8})?$`)
	derivedID = regexp.MustCompile(`~[0-9a-f]{32}$`)
)

// noteOf says of an external ID that an export made it. It looks at the ID alone, so
// that an export of the tenant that the assets went to says the same.
func noteOf(id string) string {
	switch {
	case madeID.MatchString(id):
		return "the external ID was made from an asset id by an export"
	case derivedID.MatchString(id):
		return "the external ID was made by an export, of one that a manifest could not take"
	}
	return ""
}

// token is an asset id as 32 hex digits, which most are.
func token(id string) string {
	if hexID.MatchString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// derived is an ID made of one that cannot be used, and of the asset's id.
func derived(e *entry) string {
	mark := "~" + token(e.ID)
	clean := strings.Map(func(r rune) rune {
		if r == ',' || r == utf8.RuneError || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, e.ExternalID)
	clean = strings.TrimSpace(cut(strings.TrimSpace(clean), manifest.MaxExternalID-len(mark), 1<<10))
	return clean + mark
}
