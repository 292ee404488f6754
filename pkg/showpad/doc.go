// Package showpad is a client of Showpad's API: one file for each resource, one
// method for each operation, nothing clever in between.
//
// Two http.Clients do the work: one with the token and the [Gate] for the API,
// one for storage that never sees the token.
package showpad
