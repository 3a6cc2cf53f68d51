package wire

// The profiles of the messages.
const (
	ProfileGetCollections  = "getCollections"
	ProfileGetCheckpoint   = "getCheckpoint"
	ProfileSetCheckpoint   = "setCheckpoint"
	ProfileSubChanges      = "subChanges"
	ProfileUnsubChanges    = "unsubChanges"
	ProfileChanges         = "changes"
	ProfileProposeChanges  = "proposeChanges"
	ProfileRev             = "rev"
	ProfileNoRev           = "norev"
	ProfileGetAttachment   = "getAttachment"
	ProfileProveAttachment = "proveAttachment"
	ProfilePing            = "PING" // of clients in JavaScript
)

// The properties of messages; each is described beside the message that carries it.
const (
	PropActiveOnly      = "activeOnly"
	PropBatch           = "batch"
	PropBlobs           = "blobs"
	PropChannels        = "channels"
	PropClient          = "client"
	PropClientSGR2      = "client_sgr2" // of a Sync Gateway that replicates with us
	PropCollection      = "collection"
	PropCompress        = "compress"
	PropConflictRev     = "conflictIncludesRev"
	PropContentType     = "Content-Type" // of Sync Gateway alone
	PropContinuous      = "continuous"
	PropDeleted         = "deleted"
	PropDeletedBranch   = "deleted_branch"
	PropDeltaSrc        = "deltaSrc"
	PropDeltas          = "deltas"
	PropDigest          = "digest"
	PropDocID           = "docID"
	PropError           = "error"
	PropFilter          = "filter"
	PropHistory         = "history"
	PropID              = "id"
	PropIgnoreConflicts = "ignoreNoConflicts" // tells such a one to take changes
	PropMaxHistory      = "maxHistory"
	PropNoConflicts     = "noconflicts"
	PropProfile         = "Profile"
	PropReason          = "reason"
	PropReplacedRev     = "replacedRev"
	PropRev             = "rev"
	PropRevocations     = "revocations"
	PropSendReplacement = "sendReplacementRevs"
	PropSequence        = "sequence"
	PropSince           = "since"
	PropSuperseded      = "superseded" // ours: what a tree revision has replaced on other branches
	PropToken           = "token"      // ours: what a listener has written that was called by its own UUID
	PropUUID            = "uuid"       // of the database that asks
	PropVersioning      = "versioning"
)

// filterByChannel is Sync Gateway's filter for a list of channels.
const filterByChannel = "sync_gateway/bychannel"

// Yes is how a true property is written: Sync Gateway tests for this exact text.
const Yes = "true"

// Limits of what a message names.
const (
	MaxKnown    = 10  // ancestors named in one answer to changes
	MaxSequence = 200 // bytes of a peer's sequence as JSON
)
