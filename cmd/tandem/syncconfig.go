package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// syncFlags are the flags of tandem sync.
type syncFlags struct {
	push, pull  bool
	continuous  bool
	collections []string
	login       loginFlags
	session     string
	connection  connectionFlags
	selfSigned  bool
	pinnedCert  string
	fingerprint string
	ca          string
	firstUse    bool
	met         *firstMeeting
	forget      bool
	identity    string
	noDelta     bool
	docIDs      []string
	channels    []string
	resolver    string
	reset       bool
	retry       bool
	timeout     time.Duration
	attempts    int
	discover    string
	asJSON      bool
	stats       bool
}

func (f *syncFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.push, "push", false, "carry changes to the peer (both directions unless one is named)")
	flags.BoolVar(&f.pull, "pull", false, "carry changes from the peer")
	flags.BoolVar(&f.continuous, "continuous", false, "keep syncing changes as they happen")
	flags.StringArrayVar(&f.collections, "collection", nil, "`scope.collection` to sync; repeatable (default all of DB)")
	f.login.add(c)
	flags.StringVar(&f.session, "session", "", "`ID` of a session of Sync Gateway, in place of a user; @FILE takes it from the first line of a file")
	f.connection.add(c)
	flags.BoolVar(&f.selfSigned, "self-signed", false,
		"accept only self-signed certificates, without proof who the peer is")
	flags.StringVar(&f.pinnedCert, "pinned-cert", "", "`file` of the certificate that the peer must show, or its issuer")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "`SHA-256` of the certificate that the peer must show")
	flags.StringVar(&f.ca, "ca", "", "`file` of the roots to trust, in place of the system's")
	flags.BoolVar(&f.firstUse, "trust-on-first-use", false,
		"accept the certificate of a peer that DB has not met before, and no other from then on")
	flags.BoolVar(&f.forget, "forget", false, "forget the certificate that was trusted on first use")
	flags.StringVar(&f.identity, "identity", "", "`label` of the TLS identity to show to the peer (see tandem identity)")
	flags.BoolVar(&f.noDelta, "no-delta", false, "send and request whole documents only")
	flags.StringSliceVar(&f.docIDs, "doc-ids", nil, "`IDs` of the only documents to sync, separated by commas")
	flags.StringSliceVar(&f.channels, "channels", nil, "`names` of the channels of a Sync Gateway to pull (default all)")
	flags.StringVar(&f.resolver, "resolver", "default", "`who` wins a conflict: default, local, remote, latest, merge, or none to leave it open")
	flags.BoolVar(&f.reset, "reset", false, "compare every document again, from the very beginning")
	flags.BoolVar(&f.retry, "retry-refused", false, "retry documents that either side has refused, even unchanged ones")
	flags.DurationVar(&f.timeout, "timeout", 0, "`time` after which to give up, such as 30s (default never)")
	flags.IntVar(&f.attempts, "attempts", 0, "`times` to try to connect (default 1, with --continuous no limit)")
	flags.StringVar(&f.discover, "discover", "", "`name` of the peer, or of its database, to find on the local network")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object at the end, however it ends")
	flags.BoolVar(&f.stats, "stats", false, "show statistics of deltas and blobs at the end")
	completeFlag(c, "resolver", slices.Sorted(maps.Keys(resolvers))...)
	before(c, func() error { return checkCollections(f.collections...) })
	exclusive(c, "user", "session", "identity")
	exclusive(c, "self-signed", "pinned-cert", "fingerprint", "ca", "trust-on-first-use")
}

// configuration returns the configuration of the replicator, without peer, authenticator and
// collections.
func (f *syncFlags) configuration(a *app) (cfg tandem.ReplicatorConfiguration, err error) {
	f.met = new(firstMeeting)
	if f.timeout < 0 || f.attempts < 0 {
		return cfg, usage("--timeout and --attempts cannot be negative")
	}
	cfg = tandem.ReplicatorConfiguration{
		Type:                                  f.direction(),
		Continuous:                            f.continuous,
		AcceptOnlySelfSignedServerCertificate: f.selfSigned,
		PinnedServerFingerprint:               f.fingerprint,
		DisableDeltaSync:                      f.noDelta,
		MaxAttempts:                           f.attempts,
		RetryRefused:                          f.retry,
		Logger:                                a.logger(),
	}
	if err := f.connection.configure(a, &cfg); err != nil {
		return cfg, err
	}
	if f.firstUse {
		cfg.TrustOnFirstUse = f.met.trust
	}
	if !f.continuous && f.attempts == 0 {
		cfg.MaxAttempts = 1
	}
	if f.pinnedCert != "" {
		if cfg.PinnedServerCertificate, err = readPin(f.pinnedCert); err != nil {
			return cfg, err
		}
	}
	if f.ca != "" {
		if cfg.TrustedRootCertificates, err = readCertificates(f.ca); err != nil {
			return cfg, err
		}
	}
	if _, ok := resolvers[f.resolver]; !ok {
		return cfg, usage("there is no resolver %q: want default, local, remote, latest, merge or none", f.resolver)
	}
	return cfg, nil
}

func (f *syncFlags) direction() tandem.ReplicatorType {
	switch {
	case f.push && !f.pull:
		return tandem.Push
	case f.pull && !f.push:
		return tandem.Pull
	}
	return tandem.PushAndPull
}

func (f *syncFlags) authenticator(a *app) (tandem.ReplicatorAuthenticator, error) {
	user, password, err := f.login.login(a)
	switch {
	case err != nil:
		return nil, err
	case user != "":
		return tandem.BasicAuthenticator{Username: user, Password: password}, nil
	case f.session != "":
		id, err := a.orFromFile(f.session)
		return tandem.SessionAuthenticator{SessionID: id}, err
	case f.identity == "":
		return nil, nil //nolint:nilnil // nobody in particular
	}
	id, err := loadIdentity(f.identity)
	if err != nil {
		return nil, err
	}
	a.warnExpiry(id)
	return tandem.ClientCertificateAuthenticator{Identity: id}, nil
}

// setPeer sets the peer: the URL in args, or the peer found on the network.
func (f *syncFlags) setPeer(ctx context.Context, cfg *tandem.ReplicatorConfiguration, args []string) (err error) {
	if (len(args) == 1) == (f.discover != "") {
		return usage("want the URL of the peer, or --discover NAME")
	}
	if len(args) == 1 {
		cfg.Endpoint, err = parseEndpoint(args[0])
		return err
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	peer, err := tandem.FindPeer(ctx, f.discover, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		return withHint(fmt.Errorf("find peer %s: none has appeared within %s", f.discover, f.timeout), tandem.HintOf(err))
	}
	if err != nil {
		return err
	}
	found, err := tandem.ReplicatorConfigurationForPeer(ctx, peer)
	if err != nil {
		return err
	}
	cfg.Endpoint = found.Endpoint
	if !f.selfSigned && !f.firstUse && f.ca == "" && f.pinnedCert == "" && f.fingerprint == "" {
		cfg.PinnedServerFingerprint = found.PinnedServerFingerprint
	}
	return nil
}

// parseEndpoint parses the URL of a peer.
func parseEndpoint(text string) (tandem.URLEndpoint, error) {
	endpoint, err := tandem.NewURLEndpoint(text)
	if err == nil {
		return endpoint, nil
	}
	wrong := usageError{text: err.Error(), hint: hintOf(err), cause: err}
	if u, _ := url.Parse(text); u != nil && u.User != nil {
		wrong.hint = "give the name with --user, and the password with --password-file or " + envPassword
	}
	return endpoint, wrong
}

func (f *syncFlags) collectionConfigurations(
	ctx context.Context, a *app, db *tandem.Database, direction tandem.ReplicatorType,
) ([]tandem.CollectionConfiguration, error) {
	find := a.createCollection
	if direction == tandem.Push {
		find = findCollection
	}
	chosen, err := chooseCollections(ctx, db, f.collections, find)
	if err != nil {
		return nil, err
	}
	configurations := make([]tandem.CollectionConfiguration, len(chosen))
	for i, coll := range chosen {
		configurations[i] = tandem.CollectionConfiguration{
			Collection: coll, DocumentIDs: f.docIDs, Channels: f.channels, ConflictResolver: resolvers[f.resolver],
		}
	}
	return configurations, nil
}

const resolverNone = "none"

var resolvers = map[string]tandem.ConflictResolver{
	"default":    nil,
	"local":      tandem.LocalWins,
	"remote":     tandem.RemoteWins,
	"latest":     tandem.LatestWins,
	"merge":      tandem.MergeFields,
	resolverNone: tandem.LeaveOpen,
}
