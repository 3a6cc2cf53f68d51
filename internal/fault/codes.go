package fault

import "syscall"

// The database's and the replicator's errors.
var (
	BadRevisionID   = code(Tandem, 4, "malformed revision ID")
	CorruptRevision = code(Tandem, 5, "malformed revision data")
	NotOpen         = code(Tandem, 6, "not open")
	NotFound        = code(Tandem, 7, "not found")
	Conflict        = code(Tandem, 8, "conflict")
	Invalid         = code(Tandem, 9, "invalid parameter")
	Unexpected      = code(Tandem, 10, "unexpected error")
	CantOpen        = code(Tandem, 11, "cannot open file")
	IO              = code(Tandem, 12, "input/output error")
	NotWriteable    = code(Tandem, 14, "not writeable")
	CorruptData     = code(Tandem, 15, "data is corrupt")
	Busy            = code(Tandem, 16, "busy")
	Unsupported     = code(Tandem, 19, "unsupported")
	NotADatabase    = code(Tandem, 20, "not a database, or the wrong encryption key")
	WrongFormat     = code(Tandem, 21, "wrong format")
	Crypto          = code(Tandem, 22, "cryptographic error")
	InvalidQuery    = code(Tandem, 23, "invalid query")
	NoSuchIndex     = code(Tandem, 24, "no such index")
	InvalidParam    = code(Tandem, 25, "the query has no such parameter")
	Remote          = code(Tandem, 26, "the peer reported an error")
	TooNew          = code(Tandem, 28, "database is of a newer format")
	BadDocID        = code(Tandem, 29, "invalid document ID")
	DeltaBase       = code(Tandem, 31, "delta base is unknown")
	CorruptDelta    = code(Tandem, 32, "delta is corrupt")
)

// BadJSON reports a body that is not the strict JSON the protocol allows.
var BadJSON = code(Fleece, 5, "malformed JSON")

// The network's errors.
var (
	DNSFailure         = code(Network, 1, "host name lookup failed")
	UnknownHost        = code(Network, 2, "unknown host or interface")
	Timeout            = code(Network, 3, "timed out")
	InvalidURL         = code(Network, 4, "invalid URL")
	TooManyRedirects   = code(Network, 5, "too many redirects")
	TLSHandshake       = code(Network, 6, "TLS handshake failed")
	CertExpired        = code(Network, 7, "certificate expired or not yet valid")
	CertUntrusted      = code(Network, 8, "certificate not trusted")
	CertRequired       = code(Network, 9, "peer requires a client certificate")
	CertRejected       = code(Network, 10, "peer rejected the client certificate")
	CertUnknownRoot    = code(Network, 11, "certificate of an unknown root")
	InvalidRedirect    = code(Network, 12, "invalid redirect")
	NetworkUnknown     = code(Network, 13, "unknown network error")
	CertNameMismatch   = code(Network, 15, "certificate is for another host name")
	NetworkReset       = code(Network, 16, "network reset")
	ConnectionAborted  = code(Network, 17, "connection aborted")
	ConnectionReset    = code(Network, 18, "connection reset")
	ConnectionRefused  = code(Network, 19, "connection refused")
	NetworkDown        = code(Network, 20, "network is down")
	NetworkUnreachable = code(Network, 21, "network is unreachable")
	NotConnected       = code(Network, 22, "not connected")
	HostDown           = code(Network, 23, "host is down")
	HostUnreachable    = code(Network, 24, "host is unreachable")
	AddressUnavailable = code(Network, 25, "address not available")
	BrokenPipe         = code(Network, 26, "broken pipe")
	UnknownInterface   = code(Network, 27, "unknown network interface")
)

// AddressInUse reports that another program has the port.
var AddressInUse = code(POSIX, int(syscall.EADDRINUSE), "address already in use")

// TooManyFiles reports that the process, or the system, can open no more files and connections.
var TooManyFiles = code(POSIX, int(syscall.EMFILE), "too many open files")

// Frequent errors of the WebSocket domain.
var (
	Unauthorized     = code(WebSocket, 401, "user name or password refused")
	Forbidden        = code(WebSocket, 403, "forbidden by the peer")
	NotFoundRemotely = code(WebSocket, 404, "not found on the peer")
	RemoteConflict   = code(WebSocket, 409, "conflict with the peer's revision")
	PeerClosed       = code(WebSocket, 1001, "closed by the peer")
	ProtocolError    = code(WebSocket, 1002, "protocol error")
	ConnectionLost   = code(WebSocket, 1006, "connection lost")
)

// New makes an error of any domain and code.
func New(domain Domain, number int, message string) *Error { return code(domain, number, message) }

func code(domain Domain, number int, message string) *Error {
	return &Error{Domain: domain, Code: number, Message: message}
}
