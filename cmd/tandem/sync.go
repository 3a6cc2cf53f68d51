package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newSync(a *app) *cobra.Command {
	var f syncFlags
	c := &cobra.Command{
		Use:   "sync DB URL",
		Short: "Sync a database with a peer",
		Long: "sync carries changes to and from the database at URL, and ends when both databases are the\n" +
			"same. With --continuous it keeps syncing changes as they happen, until it is stopped. It\n" +
			"creates the database and the named collections if they do not exist.\n\n" +
			"URL is an address that `tandem serve` prints, or the address of a database of Sync Gateway:\n" +
			"wss://host:port/database with TLS, ws://host:port/database without. With --discover, sync finds\n" +
			"the peer on the local network instead, and requires the fingerprint that the peer advertises.\n\n" +
			"The exit status is 0 if all documents have arrived. sync lists documents that have not.\n\n" +
			"With --json standard output is one object: status (done, stopped or failed), error (a text or\n" +
			"null), pushed, pulled, failed (documents), conflicts, deltasSent, deltasReceived, bytesSent,\n" +
			"bytesReceived and seconds. After an error it also has the error's domain and code, and\n" +
			"documents: the first 20 that failed, with direction, collection, id, error, domain and code.",
		Example: "  tandem sync copy wss://host:4984/travel --user u --password-file pw --self-signed\n" +
			"  tandem sync copy wss://host:4984/travel --pull --continuous --collection travel.airlines\n" +
			"  tandem sync copy --discover travel@host",
		Args: cobra.RangeArgs(1, 2),
		RunE: a.do(func(ctx context.Context, args []string) error { return a.sync(ctx, args[0], args[1:], &f) }),
	}
	f.add(c)
	return c
}

// sync runs a replication. With --json it prints the outcome even if the replication could not
// begin.
func (a *app) sync(ctx context.Context, path string, peer []string, f *syncFlags) error {
	begun, err := a.syncDatabase(ctx, path, peer, f)
	if err == nil || begun || !f.asJSON {
		return err
	}
	return errors.Join(err, a.jsonLines().Encode(outcome{err: err}.summary(0)))
}

// syncDatabase replicates, and reports whether the replication has begun. If so, it has printed the
// outcome.
func (a *app) syncDatabase(ctx context.Context, path string, peer []string, f *syncFlags) (begun bool, err error) {
	cfg, err := f.configuration(a)
	if err != nil {
		return false, err
	}
	if err := f.setPeer(ctx, &cfg, peer); err != nil {
		return false, err
	}
	if cfg.Authenticator, err = f.authenticator(a); err != nil {
		return false, err
	}
	o := tandem.Options{MustExist: cfg.Type == tandem.Push}
	err = a.withOptions(ctx, path, o, func(db *tandem.Database) error {
		if cfg.Collections, err = f.collectionConfigurations(ctx, a, db, cfg.Type); err != nil {
			return err
		}
		if f.forget {
			if err := db.ForgetServer(ctx, cfg.Endpoint); err != nil {
				return err
			}
		}
		if begun, err = a.syncWith(ctx, cfg, f); err != nil {
			return err
		}
		if len(f.collections) == 0 {
			a.noteIfEmpty(ctx, cfg.Collections)
		}
		return nil
	})
	return begun, err
}

// noteIfEmpty explains why no document has come to a database that has only its empty default
// collection: the protocol cannot list a peer's collections.
func (a *app) noteIfEmpty(ctx context.Context, all []tandem.CollectionConfiguration) {
	if len(all) != 1 {
		return
	}
	if last, err := all[0].Collection.LastSequence(ctx); err == nil && last == 0 {
		a.note("only the default collection was synced, and it is empty: name the peer's others with --collection")
	}
}

// syncWith replicates and prints the outcome, unless the replication cannot begin.
func (a *app) syncWith(ctx context.Context, cfg tandem.ReplicatorConfiguration, f *syncFlags) (begun bool, err error) {
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		return false, invalidSetting(err)
	}
	outcome, err := a.replicate(ctx, replicator, f)
	if err != nil {
		return false, err
	}
	known := isKnown(ctx, cfg)
	if known {
		f.met.tell(a) // the connection was too short for a status
	}
	return true, f.withTrust(a.conclude(outcome, f), replicator, known)
}

// isKnown reports whether the database has trusted a certificate of the peer on first use.
func isKnown(ctx context.Context, cfg tandem.ReplicatorConfiguration) bool {
	servers, err := cfg.Collections[0].Collection.Database().KnownServers(context.WithoutCancel(ctx))
	return err == nil && slices.ContainsFunc(servers, func(s tandem.KnownServer) bool {
		u, err := url.Parse(cfg.Endpoint.String())
		return err == nil && s.Address == u.Host
	})
}

// withTrust adds to an error about the peer's certificate a hint how to trust it. known tells
// whether the database has trusted a certificate of the peer on first use.
func (f *syncFlags) withTrust(err error, replicator *tandem.Replicator, known bool) error {
	cert := replicator.ServerCertificate()
	switch {
	case cert == nil:
	case errors.Is(err, tandem.ErrCertUnknownRoot) && (f.firstUse || known):
		return withHint(err, "if the peer's certificate was replaced on purpose, sync once with --forget; it is "+
			tandem.Fingerprint(cert)+" now")
	case errors.Is(err, tandem.ErrCertUnknownRoot):
		return withHint(err, "if the peer shows the same fingerprint, trust it this time with --fingerprint "+tandem.Fingerprint(cert)+
			", or from now on with --trust-on-first-use; other ways are --pinned-cert FILE, --ca FILE and, without proof who the peer is, --self-signed")
	case errors.Is(err, tandem.ErrCertUntrusted) && f.selfSigned:
		return withHint(err, "leave out --self-signed: others vouch for the certificate, such as those of --ca FILE")
	}
	return err
}

// outcome is the result of a replication.
type outcome struct {
	progress tandem.ReplicatorProgress
	err      error // the error that ended it, or nil
	stopped  bool  // a continuous replication was stopped
	failures *failures
	took     time.Duration
}

// replicate runs the replicator until it or ctx ends.
func (a *app) replicate(ctx context.Context, replicator *tandem.Replicator, f *syncFlags) (outcome, error) {
	view := a.newView(f.continuous, replicator.Config().Endpoint.String())
	defer view.close()
	ended := make(chan tandem.ReplicatorStatus, 1)
	defer replicator.AddChangeListener(func(status tandem.ReplicatorStatus) {
		if isConnected(status.Activity) {
			f.met.tell(a)
		}
		view.show(status)
		if status.Activity == tandem.Stopped {
			ended <- status
		}
	}).Remove()
	failures := newFailures()
	defer replicator.AddDocumentReplicationListener(failures.note).Remove()

	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, withHint(
			fmt.Errorf("sync: not done after %s", f.timeout),
			"give it longer, or check what answers at the URL; what has arrived is safe"))
		defer cancel()
	}
	begin := time.Now()
	start := replicator.Start
	if f.reset {
		start = replicator.StartWithReset
	}
	if err := start(); err != nil {
		return outcome{}, err
	}
	var status tandem.ReplicatorStatus
	interrupted := false
	select {
	case status = <-ended:
	case <-ctx.Done():
		interrupted = true
		replicator.Stop()
		status = <-ended
	}
	o := outcome{progress: status.Progress, err: status.Err, failures: failures, took: time.Since(begin)}
	if interrupted && o.err == nil {
		o.err, o.stopped = context.Cause(ctx), f.continuous
	}
	return o, nil
}
