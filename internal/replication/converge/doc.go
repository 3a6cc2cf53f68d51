// Package converge tests that peers converge: it replicates between random peers with random links,
// edits, breaks and restarts until all are quiet, and compares them. The package has tests only.
// Each seed is reproducible:
//
//	go test ./internal/replication/converge -converge.seeds 1000
//	go test ./internal/replication/converge -converge.seed 42 -v
package converge
