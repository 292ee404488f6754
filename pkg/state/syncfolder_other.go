//go:build !linux && !darwin && !windows

package state

// isNetwork cannot tell here.
func isNetwork(string) bool { return false }
