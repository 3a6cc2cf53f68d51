//go:build !race

package blip_test

// raceDetector tells that everything takes ten times as long.
const raceDetector = false
