// Package report keeps the evidence of a run: a folder of plain files that says
// what was asked, what was done to each item, and that nobody changed it since.
//
// The folder of a run holds
//
//	results.ndjson    a row for each item, appended while the run goes on
//	success.csv       the items with nothing left to do
//	failures.csv      the items that need somebody, with code and message
//	mapping.csv       external ID to asset: the redirect list
//	not-included.csv  files under the roots that no item uses, rows without a file
//	shares.csv        the links of shares; the only place that has them
//	summary.json      the outcome in numbers
//	summary.html      the same for people, as a page that stands alone
//	evidence.json     who did what, where, with which manifest and binary
//	SHA256SUMS        the digests of all others, as sha256sum -c reads them
//
// While the run goes on there are evidence.json, without an end, results.ndjson
// and not-included.csv; the others come when it is closed, SHA256SUMS last. A folder
// with SHA256SUMS is complete; one without it belongs to a run that is under
// way or was killed, and [Recover] completes it.
//
// Nothing here grows with the number of items, except 16 bytes for each row while
// a run is closed, and once more in [Recover]. No secrets are written: what the values hold was redacted before,
// and settings whose name sounds like a secret are left out here once more.
package report
