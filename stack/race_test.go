//go:build race

package stack_test

// raceDetector says that the tests run under it.
const raceDetector = true
