//go:build !race

package expand

// officeRows are the rows of the lists of an office.
const officeRows = 100_000
