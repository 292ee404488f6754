package main

import (
	"context"
	"iter"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/source"
)

// leftovers are those of the manifest; among the files that no item uses, those
// that may be the file of an item under another name are told as such.
func (s *session) leftovers(ctx context.Context, in pipeline.Input) iter.Seq2[manifest.Leftover, error] {
	return func(yield func(manifest.Leftover, error) bool) {
		moved := pipeline.NewMovedFiles(in)
		for l, err := range s.set.Leftovers(ctx) {
			if err == nil && l.Reason == manifest.LeftNoItem {
				var id, was string
				info := source.Info{Path: l.Location.Path, Size: l.Size, ModTime: l.ModTime, Offline: l.Offline}
				if id, was, err = moved.Find(ctx, l.Location, info); id != "" {
					l.Reason, l.Detail = manifest.LeftMoved, id+", which was "+was
				}
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}
