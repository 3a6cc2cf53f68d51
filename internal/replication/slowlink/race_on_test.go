//go:build race

package slowlink_test

// raceDetector says that everything takes ten times as long.
const raceDetector = true
