package main

import (
	"context"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/s3"
)

// s3Opener opens buckets of one store, the one that the environment names.
func s3Opener(set sourceSettings) opener {
	var opened *s3.Store
	store := sync.OnceValues(func() (*s3.Store, error) {
		cfg := s3.FromEnv(set.getenv)
		transport, err := showpad.NewTransport(showpad.TransportConfig{CAFile: set.caFile, HTTP1: true})
		if err != nil {
			return nil, err
		}
		cfg.Transport = transport
		opened, err = s3.New(cfg)
		return opened, err
	})
	return opener{
		root: func(ctx context.Context, r manifest.Root) (source.Source, error) {
			s, err := store()
			if err != nil {
				return nil, err
			}
			return s.Root(ctx, r.Location)
		},
		addresses: func(context.Context) (source.Source, error) {
			s, err := store()
			if err != nil {
				return nil, err
			}
			return s.Addresses(), nil
		},
		lists: true,
		close: func() error {
			if opened == nil {
				return nil
			}
			return opened.Close()
		},
	}
}
