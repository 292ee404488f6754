package pipeline

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/content"
	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// inspect looks into the files of a chunk that are on this machine: whether they
// are what their names say, and whether a password is needed to open them, which
// the service has not. Source: ASSUME, nobody documents what it does with those.
func (g *gatherer) inspect(ctx context.Context, chunk []*work) error {
	var eg errgroup.Group
	eg.SetLimit(readers)
	for part := range batchesOf(chunk, max(1, len(chunk)/readers)) {
		eg.Go(func() error {
			for _, w := range part {
				l := w.item.Location
				if w.item.URL != "" || blockedByManifest(&w.item) || w.facts.SourceErr != nil ||
					l.Kind != manifest.RootFolder || w.facts.Info.Offline || !content.Promises(l.Base()) {
					continue
				}
				w.finding, w.facts.SourceErr = inspectFile(ctx, g.in.Sources, l)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
			return nil
		})
	}
	return eg.Wait()
}

// inspectFile looks into one file; of a source that cannot read at any place, at
// its head. A web page in place of the file is [source.ErrWebPage].
func inspectFile(ctx context.Context, sources map[string]source.Source, l manifest.Location) (f content.Finding, err error) {
	src, err := sourceOf(sources, l)
	if err != nil {
		return f, err
	}
	r, info, err := src.Open(ctx, l.Path)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	at, ok := r.(io.ReaderAt)
	if !ok {
		_, err = readHead(r, l, make([]byte, content.HeadSize))
		return f, err
	}
	if f, err = content.Inspect(at, info.Size, l.Base()); errors.Is(err, io.ErrUnexpectedEOF) {
		err = &source.Error{Op: "read", Path: l.String(), Hint: "let its writer finish", Err: source.ErrChanged}
	}
	if err == nil && f.WebPage {
		err = webPage(l)
	}
	return f, err
}
