package config

import (
	"slices"
	"strings"
)

// nearest is the known name that text was probably meant to be, or "".
func nearest(text string, known []string) string {
	text = strings.ReplaceAll(strings.ToLower(text), "_", "-")
	best, limit := "", max(1, len(text)/3)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(text, k); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance is the number of single characters to insert, remove or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
