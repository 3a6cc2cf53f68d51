package rest

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/tandemdb/tandem/internal/plainjson"
)

// Replication says what a replication does: the body of POST /_replicate, and an item of
// [Configuration].Replications. One of Source and Target is the name of a database of the handler,
// which may be followed by the names of a scope and a collection; the other is the URL of a peer.
type Replication struct {
	// Source is where changes come from, Target where they go.
	Source string `json:"source"`
	Target string `json:"target"`

	// Peer is the name of a peer on the local network, in place of a URL: Source or Target is then empty.
	// The peer must show the certificate that it advertises, unless the settings of trust say otherwise.
	Peer string `json:"peer"`

	// Bidirectional carries changes both ways.
	Bidirectional bool `json:"bidirectional"`

	// Continuous keeps the connection and carries changes as they happen.
	Continuous bool `json:"continuous"`

	// Collections are replicated: names without settings, or with some. Empty means the default
	// collection, or the one that Source or Target names.
	Collections ReplicatedCollections `json:"collections"`

	// Channels and DocumentIDs, unless empty, limit the replication of the collections that have no
	// such limits of their own.
	Channels    []string `json:"channels"`
	DocumentIDs []string `json:"doc_ids"`

	// Headers are added to the request.
	Headers map[string]Secret `json:"headers"`

	ReplicationTrust

	// Auth says who we are. Nil sends no credentials.
	Auth *ReplicationAuth `json:"auth"`

	// Proxy is an HTTP proxy: http://[user:password@]host[:port], or "none". Empty means the proxy
	// that the environment names.
	Proxy Secret `json:"proxy"`

	// Conflicts says who wins a conflict: "default", "local", "remote", "latest", "merge", or "ask" to
	// leave it open. Empty means "default".
	Conflicts string `json:"conflicts"`

	// Reset compares every document again, from the very beginning.
	Reset bool `json:"reset"`
}

// ReplicationTrust says which certificates of a peer are accepted: without any setting those that the
// system trusts.
type ReplicationTrust struct {
	// TrustedRoots is PEM text of the roots to trust, in place of the system's.
	TrustedRoots string `json:"trusted_root_certs"`

	// PinnedCertificate is PEM text of the certificate that the peer must show.
	PinnedCertificate string `json:"pinned_cert"`

	// PinnedFingerprint is the SHA-256 of the certificate that the peer must show.
	PinnedFingerprint string `json:"pinned_fingerprint"`

	// TrustOnFirstUse accepts the certificate of a peer that the database has not met before, and no
	// other from then on.
	TrustOnFirstUse bool `json:"trust_on_first_use"`
}

// ReplicationAuth says who a replication is to its peer: a user, a session, or a certificate.
type ReplicationAuth struct {
	User     string `json:"user"`
	Password Secret `json:"password"`

	// SessionCookie is the ID of a session of Sync Gateway.
	SessionCookie Secret `json:"session_cookie"`

	// OpenIDToken is not supported.
	OpenIDToken Secret `json:"openid_token"`

	// ClientCertificate and ClientKey are PEM text.
	ClientCertificate string `json:"tls_client_cert"`
	ClientKey         Secret `json:"tls_client_cert_key"`
}

// ReplicatedCollection is a collection of a [Replication].
type ReplicatedCollection struct {
	Name        string   `json:"-"` // "scope.collection", or "collection" in the default scope
	Channels    []string `json:"channels"`
	DocumentIDs []string `json:"doc_ids"`
}

// ReplicatedCollections are the collections of a [Replication]. Its JSON is an array of names, or an
// object of names with settings.
type ReplicatedCollections []ReplicatedCollection

// UnmarshalJSON implements [json.Unmarshaler].
func (all *ReplicatedCollections) UnmarshalJSON(text []byte) error {
	var names []string
	if json.Unmarshal(text, &names) == nil {
		*all = nil
		for _, name := range names {
			*all = append(*all, ReplicatedCollection{Name: name})
		}
		return nil
	}
	var settings map[string]json.RawMessage
	if err := json.Unmarshal(text, &settings); err != nil {
		return err
	}
	*all = nil
	for name, text := range settings {
		coll := ReplicatedCollection{Name: name}
		if err := plainjson.Decode(text, &coll); err != nil {
			return err
		}
		*all = append(*all, coll)
	}
	slices.SortFunc(*all, func(a, b ReplicatedCollection) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}
