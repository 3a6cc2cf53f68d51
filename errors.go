package tandem

import (
	"github.com/tandemdb/tandem/failure"
	"github.com/tandemdb/tandem/internal/fault"
)

// Error is one failure. See package failure for its fields and methods. For [errors.Is], two errors
// with the same domain and code are equal.
type Error = failure.Error

// Domain is the family of an error code, a text. See package failure.
type Domain = failure.Domain

// The domains, with the numbers that Couchbase Lite's C API gives them.
const (
	DomainDatabase  Domain = fault.Tandem    // 1: the database and the replicator
	DomainPOSIX     Domain = fault.POSIX     // 2: codes of the operating system
	DomainSQLite    Domain = fault.SQLite    // 3
	DomainJSON      Domain = fault.Fleece    // 4: malformed JSON
	DomainNetwork   Domain = fault.Network   // 5
	DomainWebSocket Domain = fault.WebSocket // 6: HTTP statuses below 1000, WebSocket close codes above
	DomainTLS       Domain = fault.TLS       // 7
)

// Errors of the database.
var (
	// ErrNotFound reports that a document, collection, blob or database does not exist. A
	// deleted document counts as missing.
	ErrNotFound = fault.NotFound

	// ErrConflict reports that the document was changed meanwhile. Read the document again, and
	// repeat the change.
	ErrConflict = fault.Conflict

	// ErrInvalid reports a parameter, option or body that cannot be accepted. The message
	// says which, and why.
	ErrInvalid = fault.Invalid

	// ErrNotOpen reports that the database is closed, or is being closed.
	ErrNotOpen = fault.NotOpen

	// ErrBadDocID reports a document ID that breaks the rules: see [NewDocument].
	ErrBadDocID = fault.BadDocID

	// ErrBadJSON reports text that is no JSON, or a value that has no JSON form.
	ErrBadJSON = fault.BadJSON

	// ErrBadBody reports JSON that cannot be a document: another value than an object, or a
	// key that occurs twice.
	ErrBadBody = fault.CorruptRevision

	// ErrNotADatabase reports that something else is at the path, or that the encryption key does
	// not fit: it is wrong, missing, or not needed.
	ErrNotADatabase = fault.NotADatabase

	// ErrTooNew reports a database that a later version of this package has made.
	ErrTooNew = fault.TooNew

	// ErrCorrupt reports damage: of the database's files, or of a blob.
	ErrCorrupt = fault.CorruptData

	// ErrNotWriteable reports missing permissions, or a disk that is read-only.
	ErrNotWriteable = fault.NotWriteable

	// ErrBusy reports that another process has held the database for too long. Try again.
	ErrBusy = fault.Busy

	// ErrIO reports that the disk failed, or is full.
	ErrIO = fault.IO

	// ErrInvalidQuery reports a query that cannot be understood, or cannot be run: see [QueryError].
	ErrInvalidQuery = fault.InvalidQuery

	// ErrInvalidParameter reports a parameter that a query does not have.
	ErrInvalidParameter = fault.InvalidParam

	// ErrTooManyFiles reports that the process, or the system, can open no more files and
	// connections. Continuous replicators and listeners wait until files can be opened again.
	ErrTooManyFiles = fault.TooManyFiles
)

// Errors of replication.
var (
	// ErrUnauthorized reports that the peer does not know the user, or has another password.
	ErrUnauthorized = fault.Unauthorized

	// ErrForbidden reports that the peer does not allow what was tried: it is read-only, or
	// its access rules forbid it.
	ErrForbidden = fault.Forbidden

	// ErrNotFoundRemotely reports that the peer has no such database or collection.
	ErrNotFoundRemotely = fault.NotFoundRemotely

	// ErrUnknownHost reports that a host, or the network interface of a listener, does not exist.
	ErrUnknownHost = fault.UnknownHost

	// ErrUnknownInterface reports that this device lacks the network interface in a replicator's
	// configuration. A continuous replicator waits for the interface.
	ErrUnknownInterface = fault.UnknownInterface

	// ErrAddressUnavailable reports that this device lacks the IP address in a replicator's
	// configuration.
	ErrAddressUnavailable = fault.AddressUnavailable

	// ErrAddressInUse reports that another program has the port.
	ErrAddressInUse = fault.AddressInUse

	// ErrCertExpired reports a certificate that has expired or is not valid yet: the peer's, or
	// that of an identity.
	ErrCertExpired = fault.CertExpired

	// ErrCertNameMismatch reports that the peer's certificate is for another host name.
	ErrCertNameMismatch = fault.CertNameMismatch

	// ErrCertRequired reports that the listener lets in clients with a certificate only.
	ErrCertRequired = fault.CertRequired

	// ErrCertRejected reports that the listener does not accept the client's certificate.
	ErrCertRejected = fault.CertRejected

	// ErrTLSHandshake reports that the peer does not speak TLS, or ended the handshake without
	// saying why.
	ErrTLSHandshake = fault.TLSHandshake

	// ErrCertUntrusted reports that the peer's certificate was not accepted.
	ErrCertUntrusted = fault.CertUntrusted

	// ErrCertUnknownRoot reports that no trusted root issued the peer's certificate (it may be
	// self-signed), or that it differs from the pinned certificate.
	ErrCertUnknownRoot = fault.CertUnknownRoot

	// ErrUnexpected reports that a function of the application panicked, such as a filter or
	// resolver.
	ErrUnexpected = fault.Unexpected

	// ErrUnsupported reports a request that this configuration does not allow.
	ErrUnsupported = fault.Unsupported

	// ErrInvalidURL reports an address that names no peer's database: see [NewURLEndpoint].
	ErrInvalidURL = fault.InvalidURL

	// ErrCrypto reports a wrong password of a key, a key without its certificate, or an
	// identity whose label is taken. For a document it reports a property that is marked for
	// encryption, which Tandem does not support.
	ErrCrypto = fault.Crypto

	// ErrPeerClosed reports that the peer has ended the connection in the regular way.
	ErrPeerClosed = fault.PeerClosed

	// ErrConnectionRefused reports that nobody listens at the address.
	ErrConnectionRefused = fault.ConnectionRefused

	// ErrTimeout reports that the peer did not answer in time.
	ErrTimeout = fault.Timeout
)

// IsTransient reports whether a retry may succeed later without anybody's help. It is false for
// nil.
func IsTransient(err error) bool { return fault.IsTransient(err) }

// IsNetworkDependent reports whether a retry may succeed once the network has changed. A
// continuous replicator waits for that change, a one-shot replicator gives up. It is false for
// nil.
func IsNetworkDependent(err error) bool { return fault.IsNetworkDependent(err) }

// HintOf returns advice for people about an error, "" if there is none.
func HintOf(err error) string { return fault.HintOf(err) }
