package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// Config says where a store is and how it is reached. The zero value is AWS.
// Credentials come from where AWS's own tools have them: the environment, the
// profile in ~/.aws, and the role of the machine, in this order.
type Config struct {
	Endpoint  string            // https://host[:port], http:// for this machine alone; "" is AWS
	Region    string            // "": the bucket's own at AWS, else us-east-1
	Transport http.RoundTripper // connections, with their proxy and certificates; nil: http.DefaultTransport
}

// FromEnv reads the variables that AWS's own tools know: AWS_ENDPOINT_URL_S3,
// else AWS_ENDPOINT_URL; AWS_REGION, else AWS_DEFAULT_REGION.
func FromEnv(getenv func(string) string) Config {
	return Config{
		Endpoint: cmp.Or(getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL")),
		Region:   cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
	}
}

// Store is a store with all its buckets. Its methods may be called concurrently.
type Store struct {
	endpoint *url.URL
	aws      bool // by the name of AWS, so that each bucket's region is looked up
	region   string
	http     *transport
	chain    *chain
	creds    *credentials.Credentials // of chain

	mu      sync.Mutex
	clients map[string]*minio.Client // by bucket
}

// New is a store. Nothing is sent. Errors are *source.Error about the endpoint.
func New(cfg Config) (*Store, error) {
	bad := func(why, fix string) (*Store, error) {
		return nil, &source.Error{Op: "open", Path: cfg.Endpoint, Err: errors.New(why), Hint: fix}
	}
	u, err := url.Parse(cmp.Or(cfg.Endpoint, "https://s3.amazonaws.com"))
	const fix = "correct AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL: https://host, or https://host:port"
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		if err == nil && u.User != nil {
			cfg.Endpoint = u.Redacted()
		}
		return bad("this is no endpoint of S3", fix)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return bad("plain http is for this machine alone", "write https://")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("this is no endpoint of S3", fix)
	}
	s := &Store{
		endpoint: u, aws: cfg.Endpoint == "", region: cfg.Region,
		http: newTransport(cfg.Transport), chain: newChain(), clients: map[string]*minio.Client{},
	}
	s.creds = credentials.New(s.chain)
	return s, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close gives up idle connections.
func (s *Store) Close() error {
	(&http.Client{Transport: s.http.next}).CloseIdleConnections()
	return nil
}

// Root is the source of the objects at s3://bucket or s3://bucket/prefix, as
// far as they lie below the prefix as a folder. It asks the store once, so that
// a bucket that is not there, or credentials that are refused, are found before
// any object is asked for. A right to list is not needed until List is called.
func (s *Store) Root(ctx context.Context, location string) (*Source, error) {
	rest, ok := strings.CutPrefix(location, "s3://")
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return nil, &source.Error{Op: "open", Path: location, Err: errors.New("it names no bucket"), Hint: "write s3://bucket/path"}
	}
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	src := &Source{store: s, bucket: bucket, prefix: prefix}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c, err := s.client(ctx, bucket)
	if err == nil {
		src.prefix, err = thePrefix(ctx, c, bucket, prefix)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil && (code(err) != minio.AccessDenied || s.chain.anonymous()) {
		return nil, src.failure(ctx, "list", location, object{bucket, prefix}, err)
	}
	return src, nil
}

// thePrefix is prefix, or another Unicode form of it when only that has objects.
func thePrefix(ctx context.Context, c *minio.Client, bucket, prefix string) (string, error) {
	for _, form := range append([]string{prefix}, otherForms(prefix)...) {
		for got := range c.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: form, Recursive: true, MaxKeys: 1}) {
			return form, got.Err
		}
	}
	return prefix, nil
}

// Addresses is the source of all objects, by bucket/key.
func (s *Store) Addresses() source.Source {
	return struct{ source.Source }{&Source{store: s}} // which cannot be listed
}

// client is that of a bucket.
func (s *Store) client(ctx context.Context, bucket string) (*minio.Client, error) {
	s.mu.Lock()
	c := s.clients[bucket]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	region, err := s.regionOf(ctx, bucket)
	if err != nil {
		return nil, err
	}
	c, err = minio.New(s.endpoint.Host, &minio.Options{
		Creds: s.creds, Secure: s.endpoint.Scheme == "https", Transport: s.http, Region: region,
		MaxRetries: 1, // transport repeats
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.clients[bucket]; ok {
		return first, nil
	}
	s.clients[bucket] = c
	return c, nil
}

// regionOf is the region to sign for. AWS tells it of every bucket to anybody,
// also when it refuses the request.
// Source: Amazon S3 API reference, "HeadBucket" (x-amz-bucket-region).
func (s *Store) regionOf(ctx context.Context, bucket string) (string, error) {
	given := cmp.Or(s.region, s3utils.GetRegionFromURL(*s.endpoint), "us-east-1")
	if !s.aws || apart(s.region) {
		return given, nil
	}
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return "", minio.ErrorResponse{Code: minio.InvalidBucketName, Message: err.Error(), StatusCode: http.StatusBadRequest}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.endpoint.JoinPath(bucket).String(), nil)
	if err != nil {
		return "", err
	}
	resp, err := s.http.RoundTrip(req)
	if err != nil {
		if s.region != "" && ctx.Err() == nil {
			return given, nil // a network that reaches one region only
		}
		return "", fmt.Errorf("the region of bucket %q cannot be looked up: %w", bucket, err)
	}
	resp.Body.Close()
	return cmp.Or(resp.Header.Get("X-Amz-Bucket-Region"), given), nil
}

// apart reports whether a region belongs to a part of AWS that the others know
// nothing of, where the same name is another bucket.
// Source: AWS General Reference, "Partitions".
func apart(region string) bool {
	for _, prefix := range []string{"cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"} {
		if strings.HasPrefix(region, prefix) {
			return true
		}
	}
	return false
}
