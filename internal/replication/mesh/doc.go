// Package mesh holds the proof that peers converge: random peers, links, edits, cuts and
// restarts, replicated until all is quiet, and then compared. It has tests only; each seed
// reproduces:
//
//	go test ./internal/replication/mesh -mesh.seeds 1000
//	go test ./internal/replication/mesh -mesh.seed 42 -v
package mesh
