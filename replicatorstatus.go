package tandem

import (
	"time"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// ActivityLevel is the present activity of a replicator.
type ActivityLevel int

// The activity levels.
const (
	Stopped    ActivityLevel = ActivityLevel(replication.Stopped)    // not running
	Offline    ActivityLevel = ActivityLevel(replication.Offline)    // waiting for the next attempt to connect
	Connecting ActivityLevel = ActivityLevel(replication.Connecting) // connecting, and agreeing on where to go on
	Idle       ActivityLevel = ActivityLevel(replication.Idle)       // continuous, with nothing to do just now
	Busy       ActivityLevel = ActivityLevel(replication.Busy)       // replicating
)

// String returns the level in small letters, such as "busy".
func (a ActivityLevel) String() string { return replication.Activity(a).String() }

// ReplicatorStatus is a snapshot of a replicator.
type ReplicatorStatus struct {
	Activity ActivityLevel
	Progress ReplicatorProgress

	// Err is the last error, nil if there is none. It does not imply [Stopped].
	Err error

	// Attempt counts the attempts to connect, from the last successful one on.
	Attempt int

	// NextRetry is when the next attempt is due, while [Offline]; else zero.
	NextRetry time.Time
}

// same reports whether two snapshots are equal.
func (s ReplicatorStatus) same(o ReplicatorStatus) bool {
	sameErr := s.Err == nil && o.Err == nil || s.Err != nil && o.Err != nil && s.Err.Error() == o.Err.Error()
	s.Err, o.Err = nil, nil
	return sameErr && s == o
}

// ReplicatorProgress counts what a run has done, over all its connections.
type ReplicatorProgress struct {
	// Busy tells that data is being sent, received or resolved.
	Busy bool

	Push, Pull DirectionProgress

	Conflicts      uint64 // conflicts resolved
	DeltasSent     uint64
	DeltasReceived uint64
	DeltasRefused  uint64 // sent, refused by the peer, and sent again whole
	DeltaSaved     uint64 // bytes of bodies that deltas did not send
	BlobsSent      uint64
	BlobsReceived  uint64
	BlobBytes      uint64 // received

	BytesSent, BytesReceived uint64 // on the connection, before TLS
}

// DirectionProgress is the part of [ReplicatorProgress] in one direction.
//
// Total is right from the beginning for a push, and for a pull from another Tandem peer, which says
// how many changes it has. Other peers do not say that: Total then grows as they announce their
// changes. It shrinks when a revision turns out to need no transfer, for example because of a
// filter.
type DirectionProgress struct {
	Completed uint64 // processed revisions, of Total
	Total     uint64 // revisions to process, as far as known: see below
	Documents uint64 // documents that have arrived, without those that were there already
	Failed    uint64 // documents that have failed to arrive
	Bytes     uint64 // of bodies that have arrived
}

func publicProgress(p replication.Progress) ReplicatorProgress {
	return ReplicatorProgress{
		Busy: p.Busy, Push: DirectionProgress(p.Push), Pull: DirectionProgress(p.Pull),
		Conflicts: p.Conflicts, DeltasSent: p.DeltasSent, DeltasReceived: p.DeltasReceived,
		DeltasRefused: p.DeltasRefused, DeltaSaved: p.DeltaSaved,
		BlobsSent: p.BlobsSent, BlobsReceived: p.BlobsReceived, BlobBytes: p.BlobBytes,
		BytesSent: p.BytesSent, BytesReceived: p.BytesReceived,
	}
}

func publicStatus(s replication.Status) ReplicatorStatus {
	return ReplicatorStatus{
		Activity: ActivityLevel(s.Activity), Progress: publicProgress(s.Progress), Err: s.Err, Attempt: s.Attempt, NextRetry: s.NextRetry,
	}
}

// DocumentReplication is the outcome for some documents in one direction.
type DocumentReplication struct {
	IsPush    bool // sent to the peer; otherwise received
	Documents []ReplicatedDocument
}

// ReplicatedDocument is the outcome for one document.
type ReplicatedDocument struct {
	Scope, Collection, ID string
	Flags                 DocumentFlags

	// Err is nil when the document has arrived.
	Err error

	// Transient says that Err may pass, and that the document will be tried again.
	Transient bool
}

// publicEvents splits events into runs of one direction.
func publicEvents(events []replication.DocumentEvent) []DocumentReplication {
	var batches []DocumentReplication
	for _, e := range events {
		if n := len(batches); n == 0 || batches[n-1].IsPush != e.Push {
			batches = append(batches, DocumentReplication{IsPush: e.Push})
		}
		batch := &batches[len(batches)-1]
		batch.Documents = append(batch.Documents, publicEvent(e))
	}
	return batches
}

func publicEvent(e replication.DocumentEvent) ReplicatedDocument {
	return ReplicatedDocument{
		Scope: e.Collection.Scope(), Collection: e.Collection.Name(), ID: e.ID,
		Flags: flagsOf(e.Deleted, e.AccessRemoved),
		Err:   e.Err, Transient: e.Transient,
	}
}

func flagsOf(deleted, accessRemoved bool) (flags DocumentFlags) {
	if deleted {
		flags |= FlagDeleted
	}
	if accessRemoved {
		flags |= FlagAccessRemoved
	}
	return flags
}

// filter makes a filter of the API one of the session.
func (c *Collection) filter(f ReplicationFilter) replication.Filter {
	if f == nil {
		return nil
	}
	return func(doc *store.Document, accessRemoved bool) bool {
		return f(stored(c, doc), flagsOf(doc.Deleted, accessRemoved))
	}
}
