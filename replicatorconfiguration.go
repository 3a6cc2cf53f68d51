package tandem

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
	"github.com/tandemdb/tandem/internal/transport"
)

// ReplicatorType selects the directions of a replicator. Push and pull are named from the
// replicator's side.
type ReplicatorType int

// The types.
const (
	PushAndPull ReplicatorType = iota
	Push
	Pull
)

// String names the type.
func (t ReplicatorType) String() string {
	switch t {
	case PushAndPull:
		return "push and pull"
	case Push:
		return "push"
	case Pull:
		return "pull"
	default:
		return "unknown"
	}
}

// ReplicatorConfiguration says what a replicator does. Only Endpoint and Collections are
// needed.
type ReplicatorConfiguration struct {
	// Endpoint is the peer: a [URLEndpoint], or a [DatabaseEndpoint].
	Endpoint Endpoint

	// Collections are replicated; at least one, all of one open database, none twice.
	Collections []CollectionConfiguration

	// Type selects the directions.
	Type ReplicatorType

	// Continuous keeps the connection and carries changes as they happen, until stopped.
	Continuous bool

	// Authenticator authenticates us to the peer. Nil sends no credentials.
	Authenticator ReplicatorAuthenticator

	// Heartbeat is the silence after which the peer is asked whether it is still there.
	// Zero means 300 s.
	Heartbeat time.Duration

	// RetryRefused makes the replicator, when it starts, retry documents that either side has
	// permanently refused in earlier runs: because the user had no access (403), or a body was too
	// large. Without it, a refused document is retried when it changes. The replicator also
	// requests documents that came too early by its clock, before their time.
	RetryRefused bool

	// MaxAttempts is how often to try to connect in a row, the first time included. Zero
	// means 10 for a one-shot replicator, and no limit for a continuous one.
	MaxAttempts int

	// MaxAttemptWaitTime caps the time between attempts: 2, 4, 8 … seconds. Zero means 300 s.
	MaxAttemptWaitTime time.Duration

	// StopWhenPeerCloses stops a continuous replicator when the peer says goodbye (WebSocket
	// 1001) or hangs up before it answers, as Couchbase Lite does. By default the replicator
	// reconnects.
	StopWhenPeerCloses bool

	// DisableAutoPurge keeps documents that the user has lost access to.
	DisableAutoPurge bool

	// DisableDeltaSync sends and asks for whole documents only. Deltas also need that the peer has
	// them on, and that [Options.DisableDeltaSync] has not turned them off for the database.
	DisableDeltaSync bool

	// AcceptOnlySelfSignedServerCertificate accepts each certificate that is signed with its own
	// key, and no other: encryption without proof of who the peer is.
	AcceptOnlySelfSignedServerCertificate bool

	// PinnedServerCertificate is a certificate that the server's chain must contain: PEM, DER,
	// or the Base64 of either. Names and dates are then ignored. Nil pins no certificate; a
	// text without exactly one certificate is [ErrInvalid].
	PinnedServerCertificate []byte

	// PinnedServerFingerprint is the [Fingerprint], in any common form, of the server's
	// certificate, or of a former certificate of the same key that the server shows with it.
	// Names and dates are then ignored. PinnedServerCertificate takes precedence. Empty pins no
	// fingerprint.
	PinnedServerFingerprint string

	// TrustOnFirstUse, unless nil, decides whether to trust the certificate of a server that
	// the database has not met before. Names, dates and issuers are then ignored; the server
	// must still have the certificate's key. After a successful connection the database
	// remembers the certificate for all its replicators, including those without a setting for
	// certificates: see [Database.KnownServers]. A server that later shows another certificate
	// is refused with [ErrCertUnknownRoot]. A pinned certificate or fingerprint takes
	// precedence. The function runs on a goroutine of the replicator within Timeout; a panic
	// counts as false.
	TrustOnFirstUse func(cert *x509.Certificate) bool

	// TrustedRootCertificates replace the system's roots. Empty means the system's roots.
	TrustedRootCertificates []*x509.Certificate

	// Headers are added to the request. They may replace User-Agent, Host and
	// Authorization, and never those of the handshake. A name or value that HTTP does not
	// allow is [ErrInvalid].
	Headers http.Header

	// AcceptParentDomainCookies lets the peer set cookies for the domains above its own.
	AcceptParentDomainCookies bool

	// NetworkInterface is the local IP address or interface to connect from. Empty means any. A
	// missing interface is [ErrUnknownInterface].
	NetworkInterface string

	// Proxy is an HTTP proxy to tunnel through: http://[user:password@]host[:port]. Nil means
	// the proxy that the environment variables HTTPS_PROXY (for wss), HTTP_PROXY (for ws) and
	// NO_PROXY name, and an empty URL no proxy. The variables never apply to peers on this
	// machine, in .local and at link-local addresses.
	Proxy *url.URL

	// CheckRedirect, unless nil, is asked before a redirect of the peer is followed: to is the ws or
	// wss URL that it leads to, or the http URL of a proxy. An error ends the attempt with Network/12.
	// Nil follows up to ten redirects, but none from TLS to clear text. The function runs on a
	// goroutine of the replicator within Timeout.
	CheckRedirect func(to *url.URL) error

	// Timeout bounds each attempt to connect. Zero means 15 s.
	Timeout time.Duration

	// Logger receives details beyond status and events. At level Debug it logs each message of
	// the protocol: its properties, and its body unless the body is a document's. Nil logs
	// nothing.
	Logger *slog.Logger
}

// CollectionConfiguration configures the replication of one collection.
type CollectionConfiguration struct {
	Collection *Collection

	// DocumentIDs, unless empty, limits both directions to these documents.
	DocumentIDs []string

	// Channels, unless empty, limits the pull to these channels of a Sync Gateway.
	Channels []string

	// PushFilter and PullFilter, unless nil, are asked for each document.
	PushFilter, PullFilter ReplicationFilter

	// ConflictResolver decides conflicts. Nil means the default rules: see [ConflictResolver].
	ConflictResolver ConflictResolver
}

// ReplicationFilter reports whether a document may pass. It is called on goroutines of the
// replicator, may be slow, and must not change the document. A document that the push filter
// refuses is not pushed. A document that the pull filter refuses is not stored, and is reported
// as an error. After a panic ([ErrUnexpected]) the document waits for the next run.
type ReplicationFilter func(doc *Document, flags DocumentFlags) bool

// DocumentFlags tell what happened to a replicated document, as a set of bits.
type DocumentFlags int

// The flags.
const (
	FlagDeleted       DocumentFlags = 1 << iota // the document was deleted
	FlagAccessRemoved                           // the user has lost access to the document
)

// AddCollection adds a collection with default settings.
func (c *ReplicatorConfiguration) AddCollection(coll *Collection) {
	c.Collections = append(c.Collections, CollectionConfiguration{Collection: coll})
}

// Validate reports everything that cannot work, as [ErrInvalid].
func (c ReplicatorConfiguration) Validate() error {
	var errs []error
	check := func(ok bool, text, hint string) {
		if !ok {
			errs = append(errs, fault.Invalid.In("configure replicator", "").Says("%s", text).Try(hint))
		}
	}
	const trustOne = "choose one way to trust the server"
	if c.Endpoint == nil {
		errs = append(errs, errNoEndpoint)
	} else {
		errs = append(errs, c.Endpoint.check(c))
	}
	check(len(c.Collections) > 0, "there is no collection to replicate", "add collections with AddCollection")
	check(c.Type >= PushAndPull && c.Type <= Pull, "the type is none of push and pull, push, pull",
		"set Type to PushAndPull, Push or Pull")
	check(min(c.Heartbeat, c.MaxAttemptWaitTime, c.Timeout) >= 0, "times cannot be negative", "leave them 0 for the defaults")
	check(c.MaxAttempts >= 0, "the number of attempts cannot be negative", "leave MaxAttempts 0 for the default")
	check(!c.AcceptOnlySelfSignedServerCertificate || len(c.TrustedRootCertificates) == 0,
		"accepting only self-signed certificates excludes root certificates", trustOne)
	check(c.TrustOnFirstUse == nil || !c.AcceptOnlySelfSignedServerCertificate && len(c.TrustedRootCertificates) == 0,
		"trust on first use excludes root certificates, and accepting only self-signed ones", trustOne)
	for _, err := range transport.CheckRequest(c.Headers, c.Proxy) {
		check(false, err.Error(), "correct Headers or Proxy, or leave them out")
	}
	if c.Authenticator != nil {
		errs = append(errs, c.Authenticator.check())
	}
	seen := make(map[string]bool)
	for _, coll := range c.Collections {
		if coll.Collection == nil || coll.Collection.Database() != c.Collections[0].Collection.Database() {
			check(false, "all collections have to be of one database, and none nil", "make a replicator for each database")
			break
		}
		name := coll.Collection.FullName()
		check(!seen[name], "collection "+name+" is there twice", "add each collection once")
		seen[name] = true
	}
	if _, err := c.trust(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c ReplicatorConfiguration) clone() ReplicatorConfiguration {
	c.Collections = slices.Clone(c.Collections)
	c.Headers = c.Headers.Clone()
	c.PinnedServerCertificate = slices.Clone(c.PinnedServerCertificate)
	c.TrustedRootCertificates = slices.Clone(c.TrustedRootCertificates)
	return c
}

// server returns the endpoint if it is a server's, otherwise the zero value.
func (c ReplicatorConfiguration) server() URLEndpoint {
	server, _ := c.Endpoint.(URLEndpoint)
	return server
}

func (c ReplicatorConfiguration) pushes() bool { return c.Type != Pull }
func (c ReplicatorConfiguration) pulls() bool  { return c.Type != Push }

func (c ReplicatorConfiguration) trust() (transport.Trust, error) {
	trust := transport.Trust{SelfSignedOnly: c.AcceptOnlySelfSignedServerCertificate, Roots: c.TrustedRootCertificates}
	if c.PinnedServerCertificate != nil {
		pinned, err := ParseCertificates(c.PinnedServerCertificate)
		if err != nil {
			return trust, fault.Invalid.In("configure replicator", "").Says("the pinned certificate cannot be read").Because(err).
				Try("set PinnedServerCertificate to the DER or PEM of one certificate")
		}
		if len(pinned) != 1 {
			return trust, fault.Invalid.In("configure replicator", "").
				Says("%d certificates are pinned, want just one", len(pinned)).
				Try("pin the server's own certificate, or the root that issued it")
		}
		trust.Pinned = pinned[0].Raw
	}
	if c.PinnedServerFingerprint != "" {
		sum, err := identity.ParseFingerprint(c.PinnedServerFingerprint)
		if err != nil {
			return trust, fault.Invalid.In("configure replicator", "").Says("the pinned fingerprint cannot be read").Because(err).
				Try("take the fingerprint that the listener shows: 32 pairs of hexadecimal digits")
		}
		trust.PinnedSHA256 = sum
	}
	return trust, nil
}
