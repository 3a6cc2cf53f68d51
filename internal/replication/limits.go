package replication

import "time"

// farewell bounds the work of a session after the request to end.
const farewell = 5 * time.Second

// The limits of the protocol, and our own where the protocol sets none.
const (
	changesPerBatch      = 200      // entries in one changes or proposeChanges message
	announcementBytes    = 15 << 10 // body of one message, which must fit into a frame
	announcementsInWork  = 5        // changes or proposeChanges messages awaiting their reply
	maxRemaining         = 1 << 40  // changes that a peer may foretell
	announcementsQueued  = 64       // incoming messages awaiting our reply; a peer that exceeds this is cut off
	defaultHistory       = 50       // length of a rev's history if the peer does not specify it
	revBytesAwaiting     = 4 << 20  // bytes of sent revs awaiting their reply
	revsAwaiting         = 2_000    // sent revs awaiting their reply
	revsWanted           = 2_000    // revs asked for and not yet received
	revBytesWanted       = 16 << 20 // as above in bytes, where the peer announces sizes
	arrivedBytes         = 32 << 20 // received bodies that are not stored yet
	revsFetchingBlobs    = 100      // received revs waiting for blobs, above which we ask for no more
	sequencesOpen        = 10_000   // sequences of the peer after one that is not stored
	maxAttachmentNonce   = 255      // bytes
	maxResolveAttempts   = 10       // per conflict, when the document keeps changing
	maxCheckpointRetries = 10       // 409 replies in a row
)

// How long a client that also pushes may take to begin with that: where documents wait for it, and where only the
// end of a one-shot subscription does, for which a client that only pulls should not wait long.
const (
	firstProposals = 2 * time.Second
	firstAtTheEnd  = 300 * time.Millisecond
)
