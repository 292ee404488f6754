package showpad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ShareFields are the members of a share that is made. Title, Assets and Origin are
// required; absent ones are the service's defaults. Source: v4 create-share.
type ShareFields struct {
	Title             string         `json:"title"`  // at most 200 characters
	Assets            []ShareAsset   `json:"assets"` // at most 300
	Origin            string         `json:"origin"` // the calling application; at most 20 characters
	IsDownloadAllowed Opt[bool]      `json:"isDownloadAllowed,omitzero"`
	ExpiresAt         Opt[time.Time] `json:"expiresAt,omitzero"` // absent: never; null is no value of it
	Theme             Opt[Ref]       `json:"theme,omitzero"`     // absent: the Global Theme
}

// ShareAsset is an asset in a share.
type ShareAsset struct {
	ID   string `json:"id"`
	Page int    `json:"page,omitempty"` // that it opens with, from 1; 0: not said
}

// Share is a link to some assets. The service shows its links in the answer to
// its making and never again. Whoever has one of them opens it.
type Share struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	Origin    string `json:"origin"`
	Theme     Ref    `json:"theme"`
	ExpiresAt Time   `json:"expiresAt"` // zero: never
	CreatedAt Time   `json:"createdAt"`

	AnonymousURL Secret `json:"anonymousUrl"` // recipients are not tracked
	UntrackedURL Secret `json:"untrackedUrl"` // another one without tracking
	DynamicURL   Secret `json:"dynamicUrl"`   // trackable: takes the queries recipient and platform
}

// String names the share without its links.
func (s Share) String() string { return "share " + s.ID }

// Format prints String whatever the verb.
func (s Share) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// CreateShare makes a share. It cannot be read, changed or removed afterwards, and
// sent twice it is made twice: a lost answer gives [ErrUnknownOutcome], and nothing
// tells whether it was made.
//
// API: v4 create-share
func (c *Client) CreateShare(ctx context.Context, f ShareFields) (s Share, err error) {
	err = c.do(ctx, &request{op: "create-share", kind: KindCreate, method: "POST", url: c.apiURL + "/shares", body: f, decode: func(b []byte) error {
		if err := one(&s)(b); err != nil {
			return err
		}
		if s.ID == "" {
			return errors.New("it has no id")
		}
		return nil
	}})
	if err != nil {
		return Share{}, err
	}
	return s, nil
}
