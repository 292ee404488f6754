package showpad

import (
	"context"
	"iter"
	"time"
)

// ExportedDivision is a row of the export of Divisions. Source: v3 get_exports_divisions.
type ExportedDivision struct {
	ID        string
	Name      string
	Global    bool
	Personal  bool      // the My Files of a user
	OwnerID   string    // whose My Files they are; "" for other Divisions
	DeletedAt time.Time // since when it is gone; zero: it is there
}

// ExportDivisions lists every Division of the tenant, 100,000 a request, each once:
// those of My Files and deleted ones too. It is a report: it may be behind by an unknown
// time. It needs the scope read_division_management.
//
// API: v3 get_exports_divisions
func (c *Client) ExportDivisions(ctx context.Context) iter.Seq2[ExportedDivision, error] {
	type row struct {
		DivisionID   string `json:"divisionId"`
		DivisionName string `json:"divisionName"`
		IsGlobal     bool   `json:"isGlobal"`
		IsPersonal   bool   `json:"isPersonal"`
		OwnerUserID  string `json:"ownerUserId"`
		DeletedAt    Time   `json:"deletedAt"`
	}
	return export(ctx, c, "v3 get_exports_divisions", "/exports/divisions.json", func(d *ExportedDivision) string { return d.ID }, func(r *row, _ func(string) string) ExportedDivision {
		return ExportedDivision{ID: r.DivisionID, Name: r.DivisionName, Global: r.IsGlobal, Personal: r.IsPersonal, OwnerID: r.OwnerUserID, DeletedAt: r.DeletedAt.Time}
	})
}

// ExportedUser is a row of the export of users. Source: v3 get_exports_users.
type ExportedUser struct {
	ID         string
	Email      string
	FirstName  string
	LastName   string
	Role       string
	ExternalID string // "" when null
	Active     bool   // it may be true of a deleted one
	DeletedAt  time.Time
}

// ExportUsers lists every user of the tenant, 100,000 a request, each once: inactive and
// deleted ones too. It is a report: it may be behind by an unknown time. It needs the
// scope read_division_management.
//
// API: v3 get_exports_users
func (c *Client) ExportUsers(ctx context.Context) iter.Seq2[ExportedUser, error] {
	type row struct {
		UserID       string `json:"userId"`
		EmailAddress string `json:"emailAddress"`
		FirstName    string `json:"firstName"`
		LastName     string `json:"lastName"`
		UserRole     string `json:"userRole"`
		ExternalID   string `json:"externalId"`
		IsActive     bool   `json:"isActive"`
		DeletedAt    Time   `json:"deletedAt"`
	}
	return export(ctx, c, "v3 get_exports_users", "/exports/users.json", func(u *ExportedUser) string { return u.ID }, func(r *row, share func(string) string) ExportedUser {
		return ExportedUser{ID: r.UserID, Email: r.EmailAddress, FirstName: r.FirstName, LastName: r.LastName, Role: share(r.UserRole), ExternalID: r.ExternalID, Active: r.IsActive, DeletedAt: r.DeletedAt.Time}
	})
}
