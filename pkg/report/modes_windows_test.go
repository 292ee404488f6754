package report

import "io/fs"

// Windows keeps rights in lists of its own; Go shows these.
const (
	ownerDir  fs.FileMode = 0o777
	ownerFile fs.FileMode = 0o666
)
