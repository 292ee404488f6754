package main

import (
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// given is what the settings say about the pace of a run, for a plan's forecast.
func (s *session) given(n *night, f serviceFlags) pipeline.Given {
	g := pipeline.Given{Near: s.target.mode == "SANDBOX" || s.target.host != "", Rate: f.rate.perSecond, MaxDuration: n.most}
	if n.windows.Any() {
		g.Next = n.windows.Next
	}
	if s.ledger != nil {
		if b := s.ledger.Standing(); b.Limited {
			left := b.There
			g.Budget, g.Window, g.Reserve, g.Left = b.Limit, b.Window, b.Reserve, &left
		}
	}
	return g
}
