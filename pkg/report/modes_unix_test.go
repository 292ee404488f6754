//go:build !windows

package report

import "io/fs"

// What others see of evidence: nothing.
const (
	ownerDir  fs.FileMode = 0o700
	ownerFile fs.FileMode = 0o600
)
