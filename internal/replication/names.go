package replication

// The profiles of spec/replication.md §1.
const (
	profileGetCollections  = "getCollections"
	profileGetCheckpoint   = "getCheckpoint"
	profileSetCheckpoint   = "setCheckpoint"
	profileSubChanges      = "subChanges"
	profileUnsubChanges    = "unsubChanges"
	profileChanges         = "changes"
	profileProposeChanges  = "proposeChanges"
	profileRev             = "rev"
	profileNoRev           = "norev"
	profileGetAttachment   = "getAttachment"
	profileProveAttachment = "proveAttachment"
	profilePing            = "PING" // of clients in JavaScript (spec/handshake.md §7)
)

// The properties of messages; each is described beside the message that carries it.
const (
	propActiveOnly      = "activeOnly"
	propBatch           = "batch"
	propBlobs           = "blobs"
	propChannels        = "channels"
	propClient          = "client"
	propCollection      = "collection"
	propCompress        = "compress"
	propConflictRev     = "conflictIncludesRev"
	propContinuous      = "continuous"
	propDeleted         = "deleted"
	propDeletedBranch   = "deleted_branch"
	propDeltaSrc        = "deltaSrc"
	propDeltas          = "deltas"
	propDigest          = "digest"
	propDocID           = "docID"
	propError           = "error"
	propFilter          = "filter"
	propHistory         = "history"
	propID              = "id"
	propMaxHistory      = "maxHistory"
	propNoConflicts     = "noconflicts"
	propProfile         = "Profile"
	propReason          = "reason"
	propReplacedRev     = "replacedRev"
	propRev             = "rev"
	propRevocations     = "revocations"
	propSendReplacement = "sendReplacementRevs"
	propSequence        = "sequence"
	propSince           = "since"
	propSuperseded      = "superseded" // ours: what a tree revision has replaced on other branches
	propVersioning      = "versioning"
)

// filterByChannel is Sync Gateway's filter for a list of channels.
const filterByChannel = "sync_gateway/bychannel"

// yes is how a true property is written: Sync Gateway tests for this exact text.
const yes = "true"

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
	revsFetchingBlobs    = 100      // received revs waiting for their blobs, before we ask for more
	sequencesOpen        = 10_000   // the peer's sequences after one that is not stored
	knownRevsAnswered    = 10       // ancestors named in a reply to changes
	maxAttachmentNonce   = 255      // bytes
	maxSequence          = 200      // bytes of a peer's sequence as JSON
	maxResolveAttempts   = 10       // of one conflict, when the document changes meanwhile
	maxCheckpointRetries = 10       // answers 409 in a row
)
