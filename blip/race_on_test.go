//go:build race

package blip_test

// raceDetector says that everything takes ten times as long.
const raceDetector = true
