package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// manyOwners is from how many owners on all users are listed, and the Divisions
// exported, instead of asking for each: a list has a thousand users a request, and two
// requests go for each owner otherwise.
const manyOwners = 5

// owner is whose My Files a personal file goes into.
type owner struct {
	showpad.Account
	division       string // to send to
	reason, detail string // why nothing can be sent; "" when it can
}

func (o *owner) no(reason, format string, args ...any) {
	o.reason, o.detail = reason, fmt.Sprintf(format, args...)
}

// findOwners finds users by their address or id, with where their My Files are and
// what may go there. Of [manifest.Mine] no Division has to be known. The keys are
// folded. A user who is unknown is one with a reason; the error is one of the service's.
func findOwners(ctx context.Context, g *gatherer, names []string) (map[string]*owner, error) {
	found := make(map[string]*owner, len(names))
	for _, name := range names {
		found[fold(name)] = &owner{}
	}
	if len(names) >= manyOwners {
		if err := listOwners(ctx, g, found); err != nil {
			return nil, err
		}
	}
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(orInt(g.in.Options.Requests, 8))
	for _, name := range names {
		eg.Go(func() error {
			o := found[fold(name)]
			err := o.ask(ctx, g, name)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, showpad.ErrNotFound):
				o.no(BlockedOwner, "there is no user %s that your account may see", name)
			case isRefusal(err):
				o.no(BlockedOwner, "%s cannot be looked up: %v (reading users needs the scope read_user_management)", name, err)
			default:
				return fmt.Errorf("looking up %s: %w", name, err)
			}
			return nil
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// ask completes what is known of a user by asking for that user alone.
func (o *owner) ask(ctx context.Context, g *gatherer, name string) error {
	id := o.ID
	switch {
	case name == manifest.Mine:
		g.count(1)
		me, err := g.in.API.Me(ctx)
		if err != nil {
			return err
		}
		id = me.ID
	case id == "" && strings.Contains(name, "@"):
		g.count(1)
		var all []showpad.Account
		for a, err := range g.in.API.Accounts(ctx, name) {
			if err != nil {
				return err
			}
			if fold(a.Email) == fold(name) {
				all = append(all, a)
			}
		}
		if o.reason = ""; !o.one(all, name) {
			return nil
		}
		id = o.ID
	case id == "":
		id = name
	}
	if o.MyFiles == "" || !o.HasQuota {
		g.count(1)
		known := o.Account
		a, err := g.in.API.Account(ctx, id)
		if err != nil {
			return err
		}
		o.Account = a
		if o.MyFiles == "" {
			o.MyFiles = known.MyFiles
		}
	}
	switch o.division = o.MyFiles; {
	case name == manifest.Mine:
		o.division = showpad.MyFiles
	case o.Inactive:
		o.no(BlockedInactive, "%s is not active in Showpad", name)
	case o.MyFiles == "":
		o.no(BlockedOwner, "Showpad tells of no My Files of %s (they may not have been used yet, or your account may not see them)", name)
	}
	return nil
}

// one takes the account with an address: the active one, if there is one only.
func (o *owner) one(all []showpad.Account, name string) bool {
	active := 0
	for _, a := range all {
		if !a.Inactive {
			active++
			o.Account = a
		}
	}
	switch {
	case active == 1:
		return true
	case active > 1:
		o.no(BlockedOwner, "%d users have the address %s (name the one by its id)", active, name)
	case len(all) > 0:
		o.no(BlockedInactive, "%s is not active in Showpad", name)
	default:
		o.no(BlockedOwner, "there is no user %s that your account may see", name)
	}
	return false
}

// listOwners finds many owners at once: users by a list, which ends when all are found
// or it would cost more than asking for each, and their Divisions by an export. What
// is refused, or left out, is asked for singly afterwards.
func listOwners(ctx context.Context, g *gatherer, found map[string]*owner) error {
	missing := len(found)
	if found[manifest.Mine] != nil {
		missing--
	}
	g.count(1)
	n := 0
	for a, err := range g.in.API.Accounts(ctx, "") {
		if err != nil {
			if isRefusal(err) {
				break
			}
			return fmt.Errorf("listing users: %w", err)
		}
		if n++; n%1000 == 1 && n > 1 {
			g.count(1)
		}
		for _, key := range []string{fold(a.Email), fold(a.ID)} {
			if o := found[key]; o != nil && key != "" && !a.Inactive && o.ID == "" {
				o.Account = a
				missing--
			}
		}
		if missing == 0 || n >= 1000*len(found) {
			break
		}
	}
	byID, without := map[string][]*owner{}, 0
	for _, o := range found {
		if o.ID == "" {
			continue
		}
		byID[o.ID] = append(byID[o.ID], o)
		if o.MyFiles == "" {
			without++
		}
	}
	if without < 2 {
		return nil
	}
	g.count(1)
	for d, err := range g.in.API.ExportDivisions(ctx) {
		if err != nil {
			if isRefusal(err) { // it needs the scope read_division_management
				return nil
			}
			return fmt.Errorf("exporting Divisions: %w", err)
		}
		if !d.Personal || !d.DeletedAt.IsZero() {
			continue
		}
		for _, o := range byID[d.OwnerID] {
			if o.MyFiles == "" {
				o.MyFiles = d.ID
			}
		}
	}
	return nil
}
