package emulator

import (
	"maps"
	"net/http"
	"strings"
	"time"
)

// Source of the operations in this file: v3 get_users, get_users_id, get_users_me,
// get_exports_divisions, get_exports_users. That a list leaves out where My Files are is
// ASSUME: page Asset Management reads that singly.

// v3User has the members of a user that are served of the many there are.
func (s *Server) v3User(u *User) map[string]any {
	limit := u.FileLimit
	if limit == 0 {
		limit = defaultFileLimit
	}
	return map[string]any{
		"id": u.ID, "resourcetype": "User", "email": u.Email, "userName": u.Email,
		"firstName": u.FirstName, "lastName": u.LastName, "companyName": "Example", "language": "en",
		"isActive": !u.Inactive, "createdAt": founded.Format(time.RFC3339), "updatedAt": founded.Format(time.RFC3339),
		"myUploadsDivisionId": u.MyFiles, "personalContentIndividualFileSizeLimit": limit, "personalContentTotalFileSizeLimit": u.TotalLimit,
		"personalContentFileSizeUsed": s.personalBytes(u), "isPersonalContentTotalUnlimited": u.TotalLimit == 0,
	}
}

func getV3Users(s *Server, c *call) answer {
	texts := []string{"email", "userName", "firstName", "lastName", "isActive", "limit", "offset", "suppress_response_codes"}
	p, no := c.query(false, texts, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	limit, offset, bad := p.v3Paging(0, maxLimit, defaultLimit)
	if bad != nil {
		return *bad
	}
	found := []map[string]any{}
	for i := range s.opts.Users {
		u := &s.opts.Users[i]
		match := true
		for name, have := range map[string]string{"email": u.Email, "userName": u.Email, "firstName": u.FirstName, "lastName": u.LastName} {
			wanted, given := p.text[name]
			match = match && (!given || strings.EqualFold(wanted, have))
		}
		if active, given := p.text["isActive"]; !match || given && (active == "true") == u.Inactive {
			continue
		}
		row := s.v3User(u)
		if !s.sw.MyFilesInLists {
			delete(row, "myUploadsDivisionId")
		}
		found = append(found, row)
	}
	return s.v3List(&p, found, limit, offset)
}

func getV3User(s *Server, c *call) answer {
	p, no := c.query(false, []string{"suppress_response_codes"}, []string{"fields", "expand"})
	if no != nil {
		return v3BadQuery(no)
	}
	u := s.userByID(c.params["id"])
	if u == nil {
		return v3Answer(http.StatusNotFound, 3004, "ResourceNotFoundError", "there is no such user")
	}
	return s.v3OK(p.fields(s.v3User(u)))
}

// v3List is a page of a v3 list, with the members that were asked for.
func (s *Server) v3List(p *params, found []map[string]any, limit, offset int) answer {
	items := []map[string]any{}
	for _, m := range found[min(offset, len(found)):min(offset+limit, len(found))] {
		items = append(items, p.fields(maps.Clone(m)))
	}
	return s.v3OK(list[map[string]any]{len(found), items})
}

type wireExportedDivision struct {
	DivisionID   string  `json:"divisionId"`
	DivisionName string  `json:"divisionName"`
	IsGlobal     bool    `json:"isGlobal"`
	IsPersonal   bool    `json:"isPersonal"`
	OwnerUserID  *string `json:"ownerUserId"`
	DeletedAt    *stamp  `json:"deletedAt"`
}

func getExportDivisions(s *Server, c *call) answer {
	rows := []wireExportedDivision{}
	for i := range s.opts.Divisions {
		if d := &s.opts.Divisions[i]; !d.Hidden {
			rows = append(rows, wireExportedDivision{DivisionID: d.ID, DivisionName: d.Name})
		}
	}
	for i := range s.opts.Users {
		u := &s.opts.Users[i]
		rows = append(rows, wireExportedDivision{DivisionID: u.MyFiles, DivisionName: "My Files", IsPersonal: true, OwnerUserID: &u.ID})
	}
	return exportOf(s, c, rows)
}

type wireExportedUser struct {
	UserID       string  `json:"userId"`
	FirstName    string  `json:"firstName"`
	LastName     string  `json:"lastName"`
	EmailAddress string  `json:"emailAddress"`
	DeletedAt    *stamp  `json:"deletedAt"`
	IsActive     bool    `json:"isActive"`
	IsForgotten  bool    `json:"isForgotten"`
	CreatedAt    stamp   `json:"createdAt"`
	UserRole     string  `json:"userRole"`
	ManagerID    *string `json:"managerId"`
	ExternalID   *string `json:"externalId"`
}

func getExportUsers(s *Server, c *call) answer {
	rows := []wireExportedUser{}
	for i := range s.opts.Users {
		u := &s.opts.Users[i]
		role := "User"
		if i == 0 {
			role = "Admin"
		}
		rows = append(rows, wireExportedUser{
			UserID: u.ID, FirstName: u.FirstName, LastName: u.LastName, EmailAddress: u.Email, IsActive: !u.Inactive, CreatedAt: stamp(founded), UserRole: role,
		})
	}
	return exportOf(s, c, rows)
}

// exportOf is a page of an export that is small enough to be made whole.
func exportOf[T any](s *Server, c *call, rows []T) answer {
	p, no := c.query(false, []string{"limit", "offset"}, nil)
	if no != nil {
		return v3BadQuery(no)
	}
	limit, offset, bad := p.v3Paging(1, maxExport, defaultExport)
	if bad != nil {
		return *bad
	}
	return s.v3OK(list[T]{len(rows), rows[min(offset, len(rows)):min(offset+limit, len(rows))]})
}
