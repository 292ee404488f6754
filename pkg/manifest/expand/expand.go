// Package expand turns a manifest into its items, one at a time: those of the
// assets list, those of further documents, and the rows of its tables.
//
// Nothing here holds more than one item (and what yaml.v3 holds of one
// document): a manifest of a million rows is read as a stream, as often as
// needed.
package expand
