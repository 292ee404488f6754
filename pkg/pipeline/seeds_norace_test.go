//go:build !race

package pipeline_test

const defaultSeeds = 2000
