package main

import (
	"context"
	"os"
	"sync"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/source"
	"github.com/showpad-migrate/migrate/pkg/source/rclone"
	"github.com/showpad-migrate/migrate/pkg/source/spool"
)

// rcloneOpener opens remotes of the user's rclone, which is one process for all
// of them.
func rcloneOpener(set sourceSettings) opener {
	var opened *rclone.Rclone
	program := sync.OnceValues(func() (*rclone.Rclone, error) {
		var kept *spool.Spool
		if set.spool != nil { // else nothing is read
			var err error
			if kept, err = set.spool(); err != nil {
				return nil, err
			}
		}
		opened = rclone.New(rclone.Options{Path: set.rclone, Env: os.Environ(), Spool: kept, Log: set.log})
		return opened, nil
	})
	return opener{
		root: func(ctx context.Context, r manifest.Root) (source.Source, error) {
			p, err := program()
			if err != nil {
				return nil, err
			}
			return p.Root(ctx, r.Location)
		},
		addresses: func(context.Context) (source.Source, error) {
			p, err := program()
			if err != nil {
				return nil, err
			}
			return p.Addresses(), nil
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
