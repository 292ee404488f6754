//go:build race

package pipeline_test

// defaultSeeds is smaller under the race detector, which makes everything slow.
const defaultSeeds = 300
