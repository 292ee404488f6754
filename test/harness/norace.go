//go:build !race

package harness

// raced says that the program is built with the race detector, as the tests are.
const raced = false
