// Package htmldoc writes HTML pages that stand alone: one file with its style and its
// charts in it, without a script, which asks nothing of any server. It renders
// values and knows nothing of what they mean.
//
// A page is read on paper and by screen readers too. It has one heading, sections
// that the contents lead to, tables with headers that scroll in boxes of their own,
// and no meaning that is in a colour alone. It is dark where the reader's system is.
//
// What comes from outside may be hostile. html/template escapes it, [Shown] makes
// characters visible that would hide or turn text, bdi elements keep its direction to
// itself, and the page's own policy forbids whatever would still be loaded or run.
package htmldoc
