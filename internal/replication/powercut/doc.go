// Package powercut holds the proof that what a peer has been told is stored, is never lost. Two
// peers save, replicate, write blobs and compact, each on a disk of its own; the power of one is
// cut at each step of its disk in turn. After the restart its database is sound, has what was
// promised, and the two converge. It has tests only:
//
//	go test ./internal/replication/powercut -powercut.all
//	go test ./internal/replication/powercut -run 'Lost/rev-trees/active' -powercut.at 42 -v
package powercut
