package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Suggest is the known name that a misspelt one probably means, or "".
func Suggest(name string, known []string) string {
	best, at := "", 1+min(3, len([]rune(name))/3)
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	if best != "" {
		return best
	}
	if s, ok := otherNames[strings.ToLower(name)]; ok {
		if slices.Contains(known, s) {
			return s
		}
	}
	return ""
}

// otherNames are names that other systems use for what a field holds.
var otherNames = map[string]string{
	"title": "name", "filename": "name", "displayname": "name", "summary": "description",
	"path": "file", "source": "file", "link": "url", "href": "url",
	"keywords": "tags", "labels": "tags", "owner": "authors", "owners": "authors", "author": "authors",
	"key": "externalId", "guid": "externalId", "uuid": "externalId",
	"locale": "languages", "locales": "languages", "regions": "countries", "market": "countries", "markets": "countries",
	"expiry": "expiresAt", "expires": "expiresAt", "expirydate": "expiresAt", "expirationdate": "expiresAt",
	"release": "releasedAt", "releasedate": "releasedAt", "publishedat": "releasedAt",
	"shareable": "isShareable", "items": "assets", "files": "assets", "includes": "include", "tenant": "target",
}

func didYouMean(name string, known []string) string {
	if s := Suggest(name, known); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return ""
}

// distance is the number of letters to insert, drop, change or swap with their
// neighbour to make b of a. Long names are cut: they suggest nothing anyway.
func distance(a, b string) int {
	const longest = 64
	ra, rb := []rune(a), []rune(b)
	ra, rb = ra[:min(len(ra), longest)], rb[:min(len(rb), longest)]
	before, prev, row := make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		row[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(rb)]
}
