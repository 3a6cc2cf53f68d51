package wire

// The profiles of the protocol.
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
	PropClientSGR2      = "client_sgr2" // set by a Sync Gateway that replicates with us
	PropCollection      = "collection"
	PropCompress        = "compress"
	PropConflictRev     = "conflictIncludesRev"
	PropContentType     = "Content-Type" // Sync Gateway only
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
	PropIgnoreConflicts = "ignoreNoConflicts" // tells a peer without conflicts to accept changes
	PropMaxHistory      = "maxHistory"
	PropMirror          = "mirror" // ours: the checkpoints of the passive member of a mesh; see replication's mirror.go
	PropNoConflicts     = "noconflicts"
	PropProfile         = "Profile"
	PropReason          = "reason"
	PropRemaining       = "remaining" // ours: changes that follow those of this message
	PropReplacedRev     = "replacedRev"
	PropRev             = "rev"
	PropRevTree         = "revTree" // between databases of both generations: in getCollections that it is one; in rev the tree IDs of a version
	PropRevocations     = "revocations"
	PropSendReplacement = "sendReplacementRevs"
	PropSequence        = "sequence"
	PropSince           = "since"
	PropSuperseded      = "superseded" // ours: tree revisions on other branches that this one has replaced
	PropToken           = "token"      // ours: a listener's token for a caller with the listener's source
	PropUUID            = "uuid"       // of the source of the calling database's edits
	PropVersioning      = "versioning"
)

// filterByChannel is Sync Gateway's filter for a list of channels.
const filterByChannel = "sync_gateway/bychannel"

// Yes is the value of a true property. Sync Gateway compares the exact text.
const Yes = "true"

// Limits of the names in a message.
const (
	MaxKnown    = 10  // ancestors named in one answer to changes
	MaxSequence = 200 // bytes of a peer's sequence as JSON
)
