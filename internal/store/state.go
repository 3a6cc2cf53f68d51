package store

import (
	"time"

	"github.com/tandemdb/tandem/internal/revision"
)

// state is the writer's picture of the file, and what the next commit must see to. It is a value:
// a group, a transaction and an operation each copy it when they begin, and put the copy back when
// they are undone.
type state struct {
	fresh    bool          // false before the first look at the file, and after a failure
	version  int64         // of the file's content: changes when somebody else commits
	clock    revision.Time // that new versions go by
	reserved revision.Time // see writer
	counters counterList

	latestPurged revision.Time // of all documents that were purged
	purges       int           // since the first look at the file

	duties
}

// duties is what the commit of a group must see to.
type duties struct {
	blobs    bool          // a document refers to blobs
	reserve  revision.Time // the latest version beyond the reserved time: see writer
	sync     bool          // a version is far ahead of the clock
	wasAhead time.Duration // by so much the clock was ahead when it was last read
	settings bool          // a setting changed
	expiring bool          // an expiry was set
	purged   []Purge
	deleted  []int64 // collections
}
