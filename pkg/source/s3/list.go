package s3

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/showpad-migrate/migrate/pkg/source"
)

// List implements source.Lister: a request for each thousand keys. Its Info has
// no MD5. A prefix that is not there is looked for in another Unicode form, too.
func (s *Source) List(ctx context.Context, prefix string) iter.Seq2[source.Info, error] {
	return func(yield func(source.Info, error) bool) {
		fail := func(err error) {
			yield(source.Info{}, s.failure(ctx, "list", prefix, object{s.bucket, s.prefix + prefix}, err))
		}
		switch {
		case ctx.Err() != nil:
			yield(source.Info{}, context.Cause(ctx))
			return
		case climbs(prefix):
			fail(hinted(source.ErrOutside, "name the bucket or the prefix that it is in under roots:"))
			return
		}
		c, err := s.store.client(ctx, s.bucket)
		if err != nil {
			fail(err)
			return
		}
		folder := strings.TrimRight(prefix, "/")
		if folder != "" {
			folder += "/"
		}
		for _, form := range append([]string{folder}, otherForms(folder)...) {
			found, more, err := s.list(ctx, c, s.prefix+form, yield)
			if err != nil {
				fail(err)
				return
			}
			if found || !more {
				return
			}
		}
		fail(source.ErrNotExist)
	}
}

// list yields what is in a folder; folder is "" or ends in a slash. found says
// that there is such a folder, more that yield wants more.
func (s *Source) list(ctx context.Context, c *minio.Client, folder string, yield func(source.Info, error) bool) (found, more bool, err error) {
	found = folder == ""
	owner := false
	last := ""
	for got := range c.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: folder, Recursive: true, WithRestoreStatus: true, FetchOwner: &owner}) {
		if got.Err != nil {
			return found, true, got.Err
		}
		below, ok := strings.CutPrefix(got.Key, folder)
		if !ok || last != "" && got.Key <= last {
			return found, true, hinted(fmt.Errorf("the store lists %q after %q: it does not sort by key", got.Key, last), "write a table with a row for each file")
		}
		found, last = true, got.Key
		path := strings.TrimPrefix(got.Key, s.prefix)
		switch {
		case below == "" || strings.HasSuffix(below, "/") && got.Size == 0:
			continue // the mark of a folder
		case strings.HasSuffix(below, "/"):
			more = yield(source.Info{}, &source.Error{Op: "stat", Path: path, Err: source.ErrNotRegular, Hint: "its key ends in a slash, as those of folders do; rename it"})
		default:
			more = yield(source.Info{
				Path: path, Size: got.Size, ModTime: wholeSecond(got.LastModified), Version: got.ETag,
				Offline: archived(got.StorageClass, got.Restore),
			}, nil)
		}
		if !more {
			return found, false, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return found, true, ctx.Err()
}
