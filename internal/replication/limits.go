package replication

import "time"

// farewell bounds what a session still does once it was asked to end.
const farewell = 5 * time.Second

// Limits of spec/replication.md §13, and ours where the protocol leaves them open.
const (
	changesPerBatch      = 200      // entries in one changes or proposeChanges message
	announcementBytes    = 15 << 10 // of the body of one: it goes into a frame, whole
	announcementsInWork  = 5        // changes or proposeChanges messages awaiting their reply
	announcementsQueued  = 64       // incoming ones not yet answered; a peer that sends more is cut off
	defaultHistory       = 50       // length of a rev's history when the peer does not say
	revBytesAwaiting     = 4 << 20  // bytes of sent revs awaiting their reply
	revsAwaiting         = 2_000    // sent revs awaiting their reply
	revsWanted           = 2_000    // revs asked for and not yet received
	revBytesWanted       = 16 << 20 // the same in bytes, as far as the peer announced sizes
	arrivedBytes         = 32 << 20 // bodies that arrived, waiting to be looked at or stored
	revsFetchingBlobs    = 100      // received revs waiting for their blobs, before we ask for more
	sequencesOpen        = 10_000   // the peer's sequences after one that is not stored
	maxAttachmentNonce   = 255      // bytes
	maxResolveAttempts   = 10       // of one conflict, when the document changes meanwhile
	maxCheckpointRetries = 10       // answers 409 in a row
)
