// Command testprogress shows how far "go test -json" has come, and what has failed.
//
//	go test -json ./... | go run ./internal/testprogress
//
// It repeats what go test says of each package and the output of tests that fail, and leaves out
// what tests that pass have written. On a terminal the last line says what is at work now;
// elsewhere such a line comes every half a minute. The last line sums up.
//
// Use it with pipefail: the exit status is go test's.
package main
