package emulator

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Books are what a Server has noted since it was made, and what it finds in its
// data now. They are a copy.
type Books struct {
	Requests map[string]int `json:"requests"` // by operation; "unknown" for what is none
	API      int            `json:"api"`      // requests to v4 and v3, without tokens and storage
	Puts     int            `json:"puts"`     // uploads that were stored
	Commits  map[string]int `json:"commits"`  // by operation: requests that changed something
	Faults   map[Kind]int   `json:"faults"`   // that were applied
	// Unanswered counts, by operation, the commits whose answer a fault or a dropped hold
	// kept from the caller, wholly or in part: with postAssetFiles each is a version that
	// nobody knows of. Callers that were killed are not in it.
	Unanswered map[string]int `json:"unanswered"`

	TooMany           int `json:"tooMany"`           // 429 by budget or rate
	InsideClosedGate  int `json:"insideClosedGate"`  // API calls made while a Retry-After said to wait
	TokensAtStorage   int `json:"tokensAtStorage"`   // PUTs and GETs of bytes that carried Authorization
	RepeatedPuts      int `json:"repeatedPuts"`      // PUTs to a version that had bytes already
	DeadRefreshTokens int `json:"deadRefreshTokens"` // refreshes with a token that is used, expired or unknown
	InFlight          int `json:"inFlight"`          // most API requests at one time
	PutsInFlight      int `json:"putsInFlight"`      // most PUTs at one time

	Unknown      int      `json:"unknown"`      // requests that the specification does not know
	UnknownNotes []string `json:"unknownNotes"` // the first hundred of them
	Renames      []Rename `json:"renames"`      // changes of an asset's name

	Duplicates   map[string][]string `json:"duplicates"`   // external ids with several living assets
	Orphans      []string            `json:"orphans"`      // assets, other than links, that never got bytes
	FileVersions map[string]int      `json:"fileVersions"` // by asset: upload URLs given; only those with any
	Uploaded     map[string]int      `json:"uploaded"`     // by asset: versions that have bytes; only those with any
	Assets       int                 `json:"assets"`
	Tags         int                 `json:"tags"`

	PersonalFiles     int                 `json:"personalFiles"`     // uploads into My Files, those that failed included
	PersonalTwins     map[string][]string `json:"personalTwins"`     // what one user has several times, by address and name
	PersonalConflicts int                 `json:"personalConflicts"` // 409 to an upload into My Files
	Categories        int                 `json:"categories"`        // of tags
	Shares            int                 `json:"shares"`            // links
	ShareTwins        map[string][]string `json:"shareTwins"`        // shares of the same title and assets, ids by title
	Late              int                 `json:"late"`              // requests that were reset and wait to be executed
}

// Rename is a change of an asset's name.
type Rename struct {
	Op      string `json:"op"` // updateAsset or postAssetFiles
	AssetID string `json:"assetId"`
	From    string `json:"from"`
	To      string `json:"to"`
}

func newBooks() Books {
	return Books{Requests: map[string]int{}, Commits: map[string]int{}, Faults: map[Kind]int{}, Unanswered: map[string]int{}}
}

// Books returns the books as they are now.
func (s *Server) Books() Books {
	s.runLate()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.books
	b.Requests, b.Commits, b.Faults = maps.Clone(b.Requests), maps.Clone(b.Commits), maps.Clone(b.Faults)
	b.Unanswered = maps.Clone(b.Unanswered)
	b.UnknownNotes, b.Renames = some(slices.Clone(b.UnknownNotes)), some(slices.Clone(b.Renames))
	b.Duplicates, b.Orphans = map[string][]string{}, []string{}
	b.FileVersions, b.Uploaded = map[string]int{}, map[string]int{}
	b.Assets, b.Tags, b.Late = len(s.st.assets), len(s.st.tags), len(s.late)
	b.Categories = len(s.st.categories)
	b.Shares, b.ShareTwins = len(s.st.shares), s.st.shareTwins()
	b.PersonalFiles, b.PersonalTwins = len(s.st.personal), s.personalTwins()
	for id, set := range s.st.byExternal {
		if len(set) > 1 {
			for _, a := range bySeq(set) {
				b.Duplicates[id] = append(b.Duplicates[id], a.ID)
			}
		}
	}
	for _, a := range s.st.order {
		if a.Deleted != nil {
			continue
		}
		if len(a.Files) > 0 {
			b.FileVersions[a.ID] = len(a.Files)
		}
		for _, f := range a.Files {
			if !f.Uploaded.IsZero() {
				b.Uploaded[a.ID]++
			}
		}
		if !a.isLink() && a.newestUploaded() == nil {
			b.Orphans = append(b.Orphans, a.ID)
		}
	}
	return b
}

// ResetBooks forgets what was noted so far.
func (s *Server) ResetBooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books = newBooks()
}

// noteUnknown books a request that the specification does not know.
func (s *Server) noteUnknown(c *call, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.Unknown++
	if len(s.books.UnknownNotes) < 100 {
		s.books.UnknownNotes = append(s.books.UnknownNotes, fmt.Sprintf("%s %s: %s", c.method, c.url.Path, why))
	}
}

// noteUnanswered books a request that did its work and whose answer does not arrive.
func (s *Server) noteUnanswered(op string, c *call) {
	if !c.done {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books.Unanswered[op]++
}

func (s *Server) renamed(op string, a *asset, to string) {
	if a.Name != to {
		s.books.Renames = append(s.books.Renames, Rename{op, a.ID, a.Name, to})
	}
}

// Asset is an asset as tests look at it: names instead of ids.
type Asset struct {
	ID          string     `json:"id"`
	Slug        string     `json:"slug"`
	Name        string     `json:"name"`
	ExternalID  string     `json:"externalId"` // "" for null
	Division    string     `json:"division"`   // name
	Description string     `json:"description"`
	Status      string     `json:"status"`
	Type        string     `json:"type"`
	URL         string     `json:"url"`
	Tags        []string   `json:"tags"`    // names, sorted
	Authors     []string   `json:"authors"` // e-mail addresses, as set
	Languages   []string   `json:"languages"`
	Countries   []string   `json:"countries"`
	ReleasedAt  *time.Time `json:"releasedAt"`
	ExpiresAt   *time.Time `json:"expiresAt"`
	DraftedAt   *time.Time `json:"draftedAt"`

	IsAnnotatable                 bool     `json:"isAnnotatable"`
	IsEditable                    bool     `json:"isEditable"`
	IsShareable                   bool     `json:"isShareable"`
	IsArchived                    bool     `json:"isArchived"`
	IsSensitive                   bool     `json:"isSensitive"`
	IsDivisionShared              bool     `json:"isDivisionShared"`
	IsProcessedUsed               bool     `json:"isProcessedUsed"`
	IsOnlyEntireDocumentShareable bool     `json:"isOnlyEntireDocumentShareable"`
	DownloadableExternal          []string `json:"downloadableExternal"`
	DownloadableInternal          []string `json:"downloadableInternal"`
	Primary                       string   `json:"primary"` // id of the asset that it is a variant of; "" for none

	CurrentFile string    `json:"currentFile"` // "" before the first version is active
	MD5         string    `json:"md5"`         // hex, of the current version
	Size        int64     `json:"size"`        // bytes, of the current version
	Files       int       `json:"files"`       // versions
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

// Assets returns copies of all living assets, by creation.
func (s *Server) Assets() []Asset {
	s.runLate()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	out := make([]Asset, 0, len(s.st.assets))
	for _, a := range s.st.order {
		if a.Deleted != nil {
			continue
		}
		a.settle(now, &s.sw)
		v := Asset{
			ID: a.ID, Slug: a.Slug, Name: a.Name, ExternalID: deref(a.ExternalID), Description: deref(a.Description),
			Status: a.status(now), Type: typeOf(a.Name), URL: deref(a.URL), Tags: []string{}, Authors: []string{},
			Languages: some(slices.Clone(a.Languages)), Countries: some(slices.Clone(a.Countries)),
			ReleasedAt: a.Released, ExpiresAt: a.Expires, DraftedAt: a.Drafted,
			IsAnnotatable: a.Annotatable, IsEditable: a.Editable, IsShareable: a.Shareable, IsArchived: a.Archived,
			IsSensitive: a.Sensitive, IsDivisionShared: a.DivShared, IsProcessedUsed: a.Processed, IsOnlyEntireDocumentShareable: a.Entire,
			DownloadableExternal: some(slices.Clone(a.DownExternal)), DownloadableInternal: some(slices.Clone(a.DownInternal)),
			CurrentFile: a.CurrentFile, MD5: a.Checksum, Size: a.Size, Files: len(a.Files),
			CreatedAt: a.Created, UpdatedAt: a.Updated,
		}
		if d := s.divisions[a.Division]; d != nil {
			v.Division = d.Name
		}
		if p := s.primaryOf(a); p != nil {
			v.Primary = p.ID
		}
		for _, id := range a.Tags {
			v.Tags = append(v.Tags, s.st.tags[id].Name)
		}
		slices.Sort(v.Tags)
		for _, id := range a.Authors {
			if u := s.userByID(id); u != nil {
				v.Authors = append(v.Authors, u.Email)
			}
		}
		out = append(out, v)
	}
	return out
}

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// Open opens the bytes of a version; they are kept with Options.Dir or
// Options.KeepBytes. The error wraps fs.ErrNotExist when there are none.
func (s *Server) Open(fileID string) (io.ReadCloser, error) { return s.blobs.open(fileID) }

// Damage changes the kept bytes of a version behind the service's back: what it tells
// of their checksum and size stays. It is for tests of who reads them back.
func (s *Server) Damage(fileID string, change func([]byte) []byte) error {
	return s.blobs.change(fileID, change)
}
