//go:build !windows

package expand

// heldOpen reports whether another program keeps a file from being opened or
// read. Only Windows does that.
func heldOpen(error) bool { return false }
