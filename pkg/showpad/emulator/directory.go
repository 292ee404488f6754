package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Source of the operations in this file: v4 getDivisions, getDivisionById,
// getUsers, getUserById, getLanguages, getCountries.

// founded is when the tenant's Divisions and users were made.
var founded = time.Date(2025, 1, 15, 9, 0, 0, 0, time.UTC)

// division is the visible Division with an id, or nil.
func (s *Server) division(id string) *Division {
	d := s.divisions[id]
	if d == nil || d.Hidden {
		return nil
	}
	return d
}

func (s *Server) userByID(id string) *User {
	for i := range s.opts.Users {
		if s.opts.Users[i].ID == id {
			return &s.opts.Users[i]
		}
	}
	return nil
}

func (s *Server) userByEmail(email string) *User {
	for i := range s.opts.Users {
		if strings.EqualFold(s.opts.Users[i].Email, email) {
			return &s.opts.Users[i]
		}
	}
	return nil
}

func (d *Division) wire() wireDivision {
	return wireDivision{d.ID, d.Name, d.SharingEnabled, stamp(founded), stamp(founded)}
}

func (u *User) wire() wireUser {
	return wireUser{u.ID, u.Email, u.FirstName, u.LastName, stamp(founded), stamp(founded)}
}

func getDivisions(s *Server, c *call) answer {
	p, no := c.query(true, nil, nil)
	if no != nil {
		return *no
	}
	found := []wireDivision{}
	for i := range s.opts.Divisions {
		if d := &s.opts.Divisions[i]; !d.Hidden {
			found = append(found, d.wire())
		}
	}
	return jsonAnswer(http.StatusOK, list[wireDivision]{len(found), page(found, p)})
}

func getDivisionByID(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	d := s.division(c.params["divisionId"])
	if d == nil {
		return notFound("Division", c.params["divisionId"])
	}
	return jsonAnswer(http.StatusOK, d.wire())
}

func getUsers(s *Server, c *call) answer {
	p, no := c.query(true, nil, []string{"ids", "emails"})
	if no != nil {
		return *no
	}
	for i, email := range p.lists["emails"] {
		p.lists["emails"][i] = strings.ToLower(email)
	}
	found := []wireUser{}
	for i := range s.opts.Users {
		u := &s.opts.Users[i]
		if p.lists["ids"] != nil && !slices.Contains(p.lists["ids"], u.ID) ||
			p.lists["emails"] != nil && !slices.Contains(p.lists["emails"], strings.ToLower(u.Email)) {
			continue
		}
		found = append(found, u.wire())
	}
	return jsonAnswer(http.StatusOK, list[wireUser]{len(found), page(found, p)})
}

func getUserByID(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	u := s.userByID(c.params["userId"])
	if u == nil {
		return notFound("user", c.params["userId"])
	}
	return jsonAnswer(http.StatusOK, u.wire())
}

func getLanguages(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	return jsonAnswer(http.StatusOK, list[wireCode]{len(s.opts.Languages), codes(s.opts.Languages)})
}

func getCountries(s *Server, c *call) answer {
	if _, no := c.query(false, nil, nil); no != nil {
		return *no
	}
	return jsonAnswer(http.StatusOK, list[wireCode]{len(s.opts.Countries), codes(s.opts.Countries)})
}
