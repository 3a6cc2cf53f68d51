package tandem

import "time"

// NodeStatistics counts what a node of a shared database does with the server: see [Database.NodeStatistics].
type NodeStatistics struct {
	Connections     int           // to the server, without the one that waits for news
	BusyConnections int           // of these, in use just now
	MaxConnections  int           // of the pool; when all are busy, reads open one more for a while
	Waits           uint64        // how often a connection was waited for
	Waited          time.Duration // in all
	Commits         uint64        // of this node, since the database was opened
	Incarnation     uint64        // of the database: how often its server has lost commits, plus one
}

// NodeStatistics counts what this process does with the server of a database that nodes share. ok is false for a
// database in a folder. The counts are a snapshot.
func (db *Database) NodeStatistics() (s NodeStatistics, ok bool) {
	is, ok := db.store.NodeStats()
	return NodeStatistics{
		Connections: is.Connections, BusyConnections: is.Busy, MaxConnections: is.Most,
		Waits: uint64(is.Waits), Waited: is.Waited, Commits: uint64(is.Commits), Incarnation: uint64(is.Incarnation), //nolint:gosec // counts
	}, ok
}
