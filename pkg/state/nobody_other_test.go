//go:build unix && !linux

package state

import "testing"

// asNobody calls f; tests are not run as root here.
func asNobody(_ *testing.T, f func()) { f() }
