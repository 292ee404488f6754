//go:build race

package expand

// officeRows are the rows of the lists of an office; the race detector makes
// them slow, and finds nothing in the later ones.
const officeRows = 5_000
