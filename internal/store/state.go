package store

import (
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/revision"
)

// state is the writer's copy of values in the file, plus the duties of the next commit. It is a
// value: a group, a transaction and an operation each copy it when they begin, and restore the copy
// when they are undone.
type state struct {
	fresh    bool          // false before the first look at the file, and after a failure
	version  int64         // SQLite's data_version: changes when another connection commits
	clock    revision.Time // of the latest version given or received
	reserved revision.Time // see writer.state
	counters counterList

	latestPurged revision.Time // of all purged documents
	purges       int           // since the first look at the file

	duties
}

// duties lists the work that the commit of a group brings with it.
type duties struct {
	blobs    bool          // a document refers to blobs
	reserve  revision.Time // the latest version beyond the reserved time: see writer.state
	sync     bool          // a version is far ahead of the clock
	wasAhead time.Duration // how far the clock was ahead when it was last read
	settings bool          // a setting changed
	branches bool          // likewise: see Tx.noteBranches
	trees    bool          // likewise: see Tx.hasTrees
	expiring bool          // an expiry was set
	purged   []Purge
	deleted  []int64 // numbers of deleted collections
	marked   []int64 // numbers of collections where an expiry or an index was set, which the feed does not show
}

// mark has the commit tell those who follow a collection.
func (d *duties) mark(c *Collection) {
	if !slices.Contains(d.marked, c.id) {
		d.marked = append(d.marked[:len(d.marked):len(d.marked)], c.id)
	}
}
