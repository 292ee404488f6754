//go:build unix && !race

package crash_test

const defaultKills = 100
