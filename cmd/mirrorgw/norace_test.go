//go:build !race

package main

// raceDetector says that the tests run under it.
const raceDetector = false
