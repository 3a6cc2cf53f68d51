//go:build !race

package testsize

// RaceDetector reports whether the race detector is on, which slows everything down tenfold.
const RaceDetector = false
