package manifest

import (
	"context"
	"errors"
	"io"
	"iter"

	"gopkg.in/yaml.v3"
)

// YAML reads the items of the manifest in r, from its start: those of the
// assets list, then those of further documents, one document at a time. The
// header's own problems are not repeated. An error ends the stream: [Problems]
// with one syntax problem, an error of r, or the context's.
func (b *Builder) YAML(ctx context.Context, r io.Reader) iter.Seq2[Parsed, error] {
	return func(yield func(Parsed, error) bool) {
		docs := newDocuments(r, b.m.Path)
		root, err := docs.next()
		if err == nil {
			err = b.list(ctx, root, yield)
		}
		for err == nil {
			if err = ctx.Err(); err != nil {
				break
			}
			if root, err = docs.next(); err != nil {
				break
			}
			if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
				continue // nothing between two --- lines
			}
			if !yield(b.node(root), nil) {
				return
			}
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errStopped) {
			yield(Parsed{}, err)
		}
	}
}

// errStopped says that the reader of a stream wants no more.
var errStopped = errors.New("stopped")

func (b *Builder) list(ctx context.Context, root *yaml.Node, yield func(Parsed, error) bool) error {
	if root.Kind != yaml.MappingNode {
		return nil
	}
	var assets *yaml.Node
	for i := 0; i+1 < len(root.Content) && assets == nil; i += 2 {
		if root.Content[i].Kind == yaml.ScalarNode && root.Content[i].Value == "assets" {
			assets = root.Content[i+1]
		}
	}
	if assets == nil || assets.Kind != yaml.SequenceNode {
		return nil
	}
	for i, n := range assets.Content {
		if err := ctx.Err(); err != nil {
			return err
		}
		assets.Content[i] = nil // read: may go
		if !yield(b.node(n), nil) {
			return errStopped
		}
	}
	return nil
}

func (b *Builder) node(n *yaml.Node) Parsed {
	ps := &problemList{}
	v := nodeReader{file: b.m.Path, ps: ps}.value(n)
	p := b.Item(v, nil)
	if len(ps.list) > 0 {
		for i := range ps.list {
			ps.list[i].ExternalID = p.Item.ExternalID
		}
		p.Problems = append(ps.list, p.Problems...)
		SortProblems(p.Problems)
	}
	return p
}
