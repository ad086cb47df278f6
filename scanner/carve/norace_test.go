//go:build !race

package carve_test

// slowdown is how much longer a test may take than without the race detector.
const slowdown = 1
