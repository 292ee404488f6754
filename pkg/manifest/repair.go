package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Repair is a slip that can be put right without a doubt, in the manifest
// itself: where it is, and what was made of it.
type Repair struct {
	Pos  Pos
	What string // "unknown key \"tagz\" is now \"tags\""
	text string
	kind repairKind
}

type repairKind int

const (
	repairText     repairKind = iota // the scalar becomes text, quoted as it was
	repairKey                        // likewise, unless the mapping has the key already
	repairLanguage                   // likewise, unless languages are mapped
	repairCountry                    // likewise, unless countries are mapped
	repairPlain                      // the scalar becomes text, without quotes
	repairList                       // the scalar becomes a list of itself
	repairDrop                       // the entry of a list goes
)

// repair notes a slip, if somebody wants to know.
func (d *decoder) repair(pos Pos, kind repairKind, text, what string, args ...any) {
	if d.repairs != nil {
		d.repairs(Repair{Pos: pos, What: fmt.Sprintf(what, args...), kind: kind, text: text})
	}
}

// respell notes that a name that is not known can only be one that is.
func (d *decoder) respell(pos Pos, kind repairKind, name string, known []string) {
	if s := misspelt(name, known); s != "" {
		d.repair(pos, kind, s, "%q is now %q", clip(name), s)
	}
}

// misspelt is the one known name from which name differs in case, or in two
// letters at most; "" when there is none, or another one is as near.
func misspelt(name string, known []string) string {
	best, at, tie := "", 1+min(2, len([]rune(name))/3), false
	for _, k := range known {
		d := distance(strings.ToLower(name), strings.ToLower(k))
		switch {
		case d < at:
			best, at, tie = k, d, false
		case d == at && best != "":
			tie = true
		}
	}
	if tie {
		return ""
	}
	return best
}

// truth is what a word or number in place of true or false means.
func truth(s string) (text string, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "y", "on", "1":
		return "true", true
	case "false", "no", "n", "off", "0":
		return "false", true
	}
	return "", false
}

var (
	slipYearFirst = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$`)
	slipYearLast  = regexp.MustCompile(`^(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4})$`)
)

var (
	dayLayouts    = []string{"2 January 2006", "2 Jan 2006", "January 2, 2006", "Jan 2, 2006", "2-Jan-2006", "2 January, 2006"}
	momentLayouts = []string{"2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05 Z0700", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00"}
)

// rewrittenDate is a date that is written in another form than the manifest's and
// can mean one day or moment only: with dots the day comes first, as in cells of
// tables; otherwise neither the order of day and month nor a missing time zone is
// guessed.
func rewrittenDate(s string) (string, bool) {
	s = strings.TrimSpace(s)
	var y, m, d int
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	if g := slipYearFirst.FindStringSubmatch(s); g != nil {
		y, m, d = number(g[1]), number(g[2]), number(g[3])
	} else if g := slipYearLast.FindStringSubmatch(s); g != nil {
		d, m, y = number(g[1]), number(g[3]), number(g[4])
		switch {
		case g[2] == ".":
		case m > 12:
			d, m = m, d
		case d <= 12 && d != m:
			return "", false
		}
	}
	if y != 0 {
		t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		return t.Format(time.DateOnly), t.Year() == y && int(t.Month()) == m && t.Day() == d
	}
	for _, layout := range dayLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly), true
		}
	}
	for _, layout := range momentLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.RFC3339), true
		}
	}
	return "", false
}

var (
	anyLanguage = regexp.MustCompile(`(?i)^([a-z]{2})(?:-([a-z]{2}))?$`)
	anyCountry  = regexp.MustCompile(`(?i)^[a-z]{2}$`)
)

// repairOf are the repairs of codes that can be mapped.
var repairOf = map[int]repairKind{mapLanguages: repairLanguage, mapCountries: repairCountry}

// usualCode is a code of a language or country in the case that ISO 639 and 3166
// give it; ok is false if it has that already, or is no such code.
func usualCode(field, s string) (code string, ok bool) {
	if field == "countries" {
		if strings.EqualFold(s, "UK") { // what people call it; ISO 3166 has it as GB
			return "GB", true
		}
		return strings.ToUpper(s), anyCountry.MatchString(s) && s != strings.ToUpper(s)
	}
	g := anyLanguage.FindStringSubmatch(s)
	if g == nil {
		return "", false
	}
	code = strings.ToLower(g[1])
	if g[2] != "" {
		code += "-" + strings.ToUpper(g[2])
	}
	return code, code != s
}

var addressForm = regexp.MustCompile(`(?i)^(?:https?://)?([a-z0-9-]+)\.showpad\.(?:biz|com)/?$`)
