// Package powercut tests that acknowledged revisions are never lost. Two peers save, replicate,
// write blobs and compact, each on its own disk, and a power cut hits one of them at each step of
// its disk in turn. After the restart its database must be sound and hold every promised revision,
// and both peers must converge. The package has tests only:
//
//	go test ./internal/replication/powercut -powercut.all
//	go test ./internal/replication/powercut -run 'Lost/rev-trees/active' -powercut.at 42 -v
package powercut
