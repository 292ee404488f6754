package manifest

// Limits of a share. Source: v4 create-share.
const (
	MaxShareTitle  = 200 // characters
	MaxShareAssets = 300
	MaxShareOrigin = 20 // characters
)

// ShareOrigin is the calling application that a share names unless the manifest
// says otherwise.
const ShareOrigin = "migrate"

// Share is a wanted link to some assets, made once for its key.
type Share struct {
	Pos               Pos
	Key               string // unique in the manifest
	Title             string
	Assets            []ShareAsset // one at least
	ExpiresAt         Opt[Instant] // not set, and null: never
	IsDownloadAllowed Opt[bool]    // not set: the service's own default
	Theme             string       // title or id; "" is the Global Theme
	Origin            string
	At                map[string]Pos // of each key that the share names
}

// ShareAsset is an asset of a share: an item of the manifest, or of an earlier
// one, by its external ID, or any asset by its id. Exactly one is set.
type ShareAsset struct {
	Pos        Pos
	ExternalID string
	ID         string
	Page       int // that it opens with, from 1; 0: not named
}

// FieldPos is where the share names a key, or where the share begins.
func (s *Share) FieldPos(key string) Pos {
	if p, ok := s.At[key]; ok {
		return p
	}
	return s.Pos
}
