package main

import (
	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// given is what the settings say about the pace of a run, for a plan's forecast.
func (s *session) given() pipeline.Given {
	return pipeline.Given{Near: s.target.mode == "SANDBOX" || s.target.host != ""}
}
