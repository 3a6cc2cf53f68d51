//go:build race

package slowlink_test

// raceDetector reports whether the race detector is on, which slows everything down tenfold.
const raceDetector = true
