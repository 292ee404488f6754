//go:build unix && race

package crash_test

// defaultKills is small under the race detector: it does not see other processes.
const defaultKills = 20
