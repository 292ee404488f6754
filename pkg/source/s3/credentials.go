package s3

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// chain is where credentials come from: the first link that has some. A link
// that was named by its variables and fails is an error; when no link has any,
// requests go unsigned, as public buckets allow.
type chain struct {
	links []link

	mu     sync.Mutex
	used   *link
	none   bool     // every link was asked, and none has any
	missed []string // what each link that was asked said
}

// link is one place where credentials may be.
type link struct {
	name     string
	named    bool // the user means this one
	provider credentials.Provider
}

// newChain is the usual chain: environment, profile, role.
func newChain() *chain {
	profile, sure := "default", false
	if p := os.Getenv("AWS_PROFILE"); p != "" {
		profile, sure = p, true
	}
	half := (os.Getenv("AWS_ACCESS_KEY_ID") == "") != (os.Getenv("AWS_SECRET_ACCESS_KEY") == "")
	c := &chain{links: []link{
		{"the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)", half, &credentials.EnvAWS{}},
		{fmt.Sprintf("profile %q in ~/.aws", profile), sure, &credentials.FileAWSCredentials{}},
	}}
	switch {
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		c.links = append(c.links, link{"the web identity (AWS_WEB_IDENTITY_TOKEN_FILE)", true, &credentials.IAM{}})
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		c.links = append(c.links, link{"the role of the container", true, &credentials.IAM{Client: direct()}})
	case !strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		c.links = append(c.links, link{"the role of the machine", false, &credentials.IAM{Client: direct()}})
	}
	return c
}

// direct asks what is on this machine or beside it: without a proxy, and not
// for long where there is nothing.
func direct() *http.Client {
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, DisableKeepAlives: true},
	}
}

var errNoKeys = errors.New("has none")

// RetrieveWithCredContext implements credentials.Provider.
func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	var missed []string
	for i := range c.links {
		l := &c.links[i]
		v, err := l.provider.RetrieveWithCredContext(cc)
		if err == nil && (v.AccessKeyID == "" || v.SecretAccessKey == "") {
			err = errNoKeys
		}
		if err == nil {
			c.settle(l, nil)
			return v, nil
		}
		if l.named {
			return credentials.Value{}, &credentialsError{l.name, err}
		}
		missed = append(missed, fmt.Sprintf("%s: %v", l.name, err))
	}
	c.settle(nil, missed)
	return credentials.Value{SignerType: credentials.SignatureAnonymous}, nil
}

func (c *chain) settle(used *link, missed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used, c.none, c.missed = used, used == nil, missed
}

// Retrieve implements credentials.Provider.
func (c *chain) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider. That there are none is found out
// once.
func (c *chain) IsExpired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.none && (c.used == nil || c.used.provider.IsExpired())
}

// anonymous reports whether requests go unsigned.
func (c *chain) anonymous() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.none
}

// whose says where the credentials are from; without any, where they were
// looked for.
func (c *chain) whose() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.used != nil:
		return c.used.name
	case c.none:
		return strings.Join(c.missed, "; ")
	}
	return "none yet"
}

// credentialsError is a failure of a link that the user means.
type credentialsError struct {
	link string
	err  error
}

func (e *credentialsError) Error() string {
	return fmt.Sprintf("no credentials from %s: %v", e.link, e.err)
}

func (e *credentialsError) Unwrap() error { return e.err }
