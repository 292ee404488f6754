//go:build unix && race

package crash_test

// defaultKills is small under the race detector, which the program then has, too:
// it makes everything slow.
const defaultKills = 20
