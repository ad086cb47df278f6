//go:build race

package scanner_test

// raceDetector says that the tests run under it.
const raceDetector = true
