package emulator

import (
	"cmp"
	"slices"
	"time"
)

// Defaults that tests and `migrate sandbox` print. All of them are made up and
// open nothing.
const (
	DefaultSubdomain    = "acme"
	DefaultToken        = "sandbox-token-not-a-secret"
	DefaultClientID     = "sandbox-client"
	DefaultClientSecret = "sandbox-secret-not-real"
	DefaultUsername     = "jane@example.com"
	DefaultPassword     = "sandbox-password-not-real"
	DefaultRefreshToken = "sandbox-refresh-not-real"

	// DivisionMarketing and DivisionSales are the ids of the default Divisions.
	DivisionMarketing = "d1000000000000000000000000000001"
	DivisionSales     = "d1000000000000000000000000000002"

	// UploadURLLife is how long an upload URL may start a transfer; one begun
	// in time may finish later. Source: v4 postAssetFiles and S3 presigning rules.
	UploadURLLife = 15 * time.Minute

	// MaxPut is the largest body of one PUT, in bytes. Source: S3.
	MaxPut = 5 << 30

	// MaxURL is the longest request URL, in bytes. Source: ASSUME.
	MaxURL = 8 << 10
)

// Options of a [Server]. The zero value is a working tenant in memory.
type Options struct {
	Subdomain string     // default [DefaultSubdomain]
	Divisions []Division // default: Marketing (sharing enabled) and Sales EMEA (not)
	Users     []User     // default: jane@example.com, content-team@example.com, john.q@example.com
	Themes    []Theme    // default: Global, and Marketing 2026 of the first Division
	Languages []string   // default: about twenty, en de fr nl es it pt-BR among them
	Countries []string   // default: ISO 3166-1 alpha-2, and UK, which the service's own sample has

	Tokens []Token // personal tokens; default: one, [DefaultToken] of the first user
	OAuth  OAuth

	// Processing is the time from the PUT to active: a quarter of it queued, the
	// rest processing. 0: active at the first read after the PUT.
	// [Switches].Processing sets it for names that match.
	Processing time.Duration
	// ListLag is how long a new asset is missing from lists, whatever the
	// filter; reads by id see it at once.
	ListLag time.Duration
	// ExportLag is how long a new asset, or its deletion, is missing from the v3
	// export; other changes show at once. 0: as long as from lists.
	ExportLag time.Duration

	Budget Budget

	// BaseURL is what upload URLs begin with, such as "http://127.0.0.1:8080".
	// Default: scheme and host of the request that asks.
	BaseURL string

	// Dir is the folder that keeps everything over restarts; it is made when
	// missing and used by one Server at a time. "": memory only.
	Dir string
	// KeepBytes keeps uploaded bytes in memory, for [Server.Open]. With Dir they
	// are always kept, on disk.
	KeepBytes bool

	Seed uint64           // ids are a function of it and of the order of creation
	Now  func() time.Time // nil: time.Now. Faked time of testing/synctest works
	// GateGrace is how long after an answer with Retry-After a call is not yet
	// counted as made inside the closed gate: it was under way. Default 250 ms.
	GateGrace time.Duration

	// Admin serves /_emulator/... to loopback addresses, without a token.
	Admin bool

	Switches Switches
}

// Division of the tenant.
type Division struct {
	ID             string // default: made from its place in the list
	Name           string
	SharingEnabled bool // isAssetSharingEnabled
	TagsShared     bool // its tags may be used in other Divisions
	Denied         bool // reading is allowed, every write is answered 403
	Hidden         bool // does not exist for the caller: missing from lists, 404
}

// User of the tenant.
type User struct {
	ID                         string // default: made from its place in the list
	Email, FirstName, LastName string

	Inactive   bool   // an account that nobody uses any more; nothing goes into its My Files
	MyFiles    string // id of the Division of My Files; default: made from the user's place in the list
	FileLimit  int64  // of one personal file, in bytes; 0: 1 GiB
	TotalLimit int64  // of all personal files, in bytes; 0: there is none
}

// Token is a personal API token.
type Token struct {
	Value   string
	User    string    // e-mail address; default: the first user
	Expires time.Time // zero: never
	Scopes  []string  // what it may do; nil: everything, as a personal token
}

// OAuth is the one OAuth client of the tenant and the account that signs in
// with it. Zero members are the Default constants.
type OAuth struct {
	ClientID, ClientSecret string
	Username, Password     string
	RefreshToken           string        // a refresh token that is valid from the start
	AccessLife             time.Duration // default 1 h. Source: dev Authentication
	RefreshLife            time.Duration // default 14 days. Source: dev Authentication
	// Scopes of the client, which its tokens get; nil: all of [Scopes]. Without
	// [ScopeRefresh] no refresh token is given. A refresh token that is valid from the
	// start works all the same.
	Scopes []string
	// Public lets the client go without its secret.
	Public bool
	// RedirectURLs are those registered with the client; nil: any plain http URL of
	// this machine. Source: RFC 8252.
	RedirectURLs []string
	// CodeLife is how long an authorization code works, once. Default 1 min.
	// Source: RFC 6749 (at most 10 min).
	CodeLife time.Duration
	PKCE     PKCE
	// KeepRefreshToken leaves the refresh token as it is at every use. The
	// default rotates: the old one dies and the answer has its successor.
	// Source: ASSUME.
	KeepRefreshToken bool
}

// PKCE is what the server makes of a code challenge. Source: RFC 7636; ASSUME:
// the service does not say whether it knows it.
type PKCE string

// Ways with a code challenge.
const (
	PKCEVerify         PKCE = ""                // a challenge has to be met, the default
	PKCEIgnore         PKCE = "ignore"          // as if it were not there
	PKCERefuse         PKCE = "refuse"          // the authorize endpoint refuses it
	PKCERefuseVerifier PKCE = "refuse-verifier" // the token endpoint does
)

// Budget is the number of API requests in a window. Requests to the token
// endpoint, to storage and to /_emulator are free.
type Budget struct {
	Limit  int           // 0: requests are counted, nothing is refused, and the v3 counters stand still at 5000
	Window time.Duration // default 24 h; begins with the first request
	Advice Advice        // what the 429 says about waiting
}

// Advice is the form of Retry-After in a 429 or 503.
type Advice string

// Forms of Retry-After.
const (
	AdviceSeconds Advice = ""     // whole seconds, the default
	AdviceDate    Advice = "date" // an HTTP date
	AdviceNone    Advice = "none" // no header
)

// Switches change how the service behaves where nobody documents it. The zero
// value is the documented or assumed behaviour. Change them at run time with
// [Server.Switch].
type Switches struct {
	DropExternalID   bool `json:"dropExternalId"`   // create answers 201 and keeps no externalId
	KeepExternalID   bool `json:"keepExternalId"`   // update answers 200 and leaves externalId as it is
	RefuseExternalID bool `json:"refuseExternalId"` // externalId on a local asset is 400
	DropTags         bool `json:"dropTags"`         // create ignores tags
	ResetPermissions bool `json:"resetPermissions"` // an update of permissions resets the members it leaves out
	SnapDates        bool `json:"snapDates"`        // releases and drafts move to the start of their day (UTC), expiries to its end
	IgnoreFileName   bool `json:"ignoreFileName"`   // `name` in the files call does not rename the asset
	FoldTags         bool `json:"foldTags"`         // tag names are the same whatever their case
	UniqueCategories bool `json:"uniqueCategories"` // a tag category's name is unique in its Division, not only among its siblings
	TrimDescriptions bool `json:"trimDescriptions"` // processing trims the description
	HideArchived     bool `json:"hideArchived"`     // archived assets are missing from lists, by id they are read. Source: ASSUME (listed)
	// TwinPersonalFiles: My Files take a second file of a name. Source: ASSUME (409)
	TwinPersonalFiles bool `json:"twinPersonalFiles"`
	MyFilesInLists    bool `json:"myFilesInLists"`    // a list of v3 users says where their My Files are. Source: ASSUME
	TicketAssetObject bool `json:"ticketAssetObject"` // tickets have their asset as an object, not as a link
	// TicketsWithoutAsset is a pattern of [path.Match] on the file's name: its ticket is
	// completed and names no asset. "": none.
	TicketsWithoutAsset string `json:"ticketsWithoutAsset"`

	// StillStamps: an update leaves updatedAt as it is. Source: ASSUME (it moves with
	// every change of an asset).
	StillStamps bool `json:"stillStamps"`
	// FrozenExports: the export of assets is what it was when this was switched on, or,
	// if it was from the start, when it was first asked for. Source: ASSUME (it shows
	// each change at once; see [Options].ExportLag).
	FrozenExports bool `json:"frozenExports"`
	// ExportRows is the most that a page of the export of assets has, whatever its limit;
	// 0: as many as asked for.
	ExportRows int `json:"exportRows"`

	NoShortLinks bool `json:"noShortLinks"` // downloads have only the link that takes the token

	// NotDownloadable is a pattern of [path.Match] on the asset's name: there is no
	// link to the bytes of what matches. "": there is one to all. Source: ASSUME.
	NotDownloadable string `json:"notDownloadable"`

	// TagsInFilters is a pattern of [path.Match] on the tag's name: filters use what
	// matches, so that it cannot be deleted. "": none. Source: v4 deleteTag.
	TagsInFilters string `json:"tagsInFilters"`

	// CursorLife is how many assets, versions and tags may be made before the cursor of
	// a query dies. 0: it does not. Source: ASSUME.
	CursorLife int `json:"cursorLife"`

	// Checksum is the form of an asset's checksum. Source: ASSUME (hex).
	Checksum ChecksumForm `json:"checksum"`

	// FailProcessing and StuckProcessing are patterns of [path.Match] on the
	// asset's name. A matching upload fails; a matching version stays in
	// processing while the switch is on. "": none.
	FailProcessing  string `json:"failProcessing"`
	StuckProcessing string `json:"stuckProcessing"`
	// Processing overrides the processing time for names; the first match wins.
	Processing []ProcessingTime `json:"processing"`

	// ReadLag is how long a new asset answers 404 when it is addressed by id.
	ReadLag Duration `json:"readLag"`
	// ListLag is Options.ListLag for the assets created from now on; the longer
	// of the two counts.
	ListLag Duration `json:"listLag"`

	// WithoutScopes are taken from every token, also from those given already.
	WithoutScopes []string `json:"withoutScopes"`
	DenySignIn    bool     `json:"denySignIn"` // whoever is asked in the browser says no

	// Rate refuses API requests above so many a second, with 429 and
	// Retry-After. 0: no limit.
	Rate  float64 `json:"rate"`
	Burst int     `json:"burst"` // requests that may come at once; default: Rate, at least 1
}

// ProcessingTime is the processing time of the assets whose names match.
type ProcessingTime struct {
	Pattern string   `json:"pattern"` // of [path.Match]
	Time    Duration `json:"time"`
}

// ChecksumForm is how an asset's MD5 is written.
type ChecksumForm string

// Forms of a checksum.
const (
	ChecksumHex      ChecksumForm = ""       // 32 lower-case hex digits, the default
	ChecksumUpperHex ChecksumForm = "HEX"    // 32 upper-case hex digits
	ChecksumBase64   ChecksumForm = "base64" // as in Content-MD5
	ChecksumNone     ChecksumForm = "none"   // null for ever
)

func (o Options) withDefaults() Options {
	o.Subdomain = cmp.Or(o.Subdomain, DefaultSubdomain)
	o.Divisions, o.Users = slices.Clone(o.Divisions), slices.Clone(o.Users) // they get ids
	if o.Divisions == nil {
		o.Divisions = []Division{
			{ID: DivisionMarketing, Name: "Marketing", SharingEnabled: true},
			{ID: DivisionSales, Name: "Sales EMEA"},
		}
	}
	if o.Users == nil {
		o.Users = []User{
			{Email: "jane@example.com", FirstName: "Jane", LastName: "Example"},
			{Email: "content-team@example.com", FirstName: "Content", LastName: "Team"},
			{Email: "john.q@example.com", FirstName: "John", LastName: "Example"},
		}
	}
	o.Themes = slices.Clone(o.Themes)
	if o.Languages == nil {
		o.Languages = defaultLanguages
	}
	if o.Countries == nil {
		o.Countries = defaultCountries
	}
	if o.Tokens == nil {
		o.Tokens = []Token{{Value: DefaultToken}}
	}
	o.OAuth.ClientID = cmp.Or(o.OAuth.ClientID, DefaultClientID)
	o.OAuth.ClientSecret = cmp.Or(o.OAuth.ClientSecret, DefaultClientSecret)
	o.OAuth.Username = cmp.Or(o.OAuth.Username, DefaultUsername)
	o.OAuth.Password = cmp.Or(o.OAuth.Password, DefaultPassword)
	o.OAuth.RefreshToken = cmp.Or(o.OAuth.RefreshToken, DefaultRefreshToken)
	o.OAuth.CodeLife = cmp.Or(o.OAuth.CodeLife, time.Minute)
	o.OAuth.AccessLife = cmp.Or(o.OAuth.AccessLife, time.Hour)
	o.OAuth.RefreshLife = cmp.Or(o.OAuth.RefreshLife, 14*24*time.Hour)
	o.Budget.Window = cmp.Or(o.Budget.Window, 24*time.Hour)
	o.GateGrace = cmp.Or(o.GateGrace, 250*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
