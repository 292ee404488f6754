package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/config"
)

func TestLintSaysWhatLookingForAssetsCosts(t *testing.T) {
	for _, tt := range []struct {
		origin string
		assets int
		may    bool
		says   string
	}{
		{"default", 1000, true, ""},
		{"default", 1001, true, "reading 1,001 assets, to see which are there already: 2 requests (--twins=false leaves that out)"},
		{"default", 50_000, true, "reading 50,000 assets, to see which are there already: 50 requests (--twins=false leaves that out)"},
		{"default", 50_001, false, "the items' Divisions have 50,001 assets; whether items equal some of them was not looked at: --twins does it, for 51 requests"},
		{"flag", 50_001, true, "reading 50,001 assets, to see which are there already: 51 requests (--twins=false leaves that out)"},
		{"default", -1, true, "one request for each thousand"},
	} {
		var out bytes.Buffer
		a := &app{origins: config.Origins{"twins": tt.origin}}
		a.err = &out
		may := a.twins(true)(tt.assets)
		if says := strings.TrimSpace(out.String()); may != tt.may || !strings.Contains(says, tt.says) || tt.says == "" && says != "" {
			t.Errorf("%s, %d assets: %v %q", tt.origin, tt.assets, may, says)
		}
	}
	if (&app{}).twins(false) != nil {
		t.Error("--twins=false reads assets")
	}
}
