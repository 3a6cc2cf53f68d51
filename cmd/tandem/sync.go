package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// syncFlags are those of tandem sync.
type syncFlags struct {
	push, pull  bool
	continuous  bool
	collections []string
	login       loginFlags
	selfSigned  bool
	noDelta     bool
	docIDs      []string
	channels    []string
	resolver    string
	reset       bool
	timeout     time.Duration
	attempts    int
	asJSON      bool
	stats       bool
}

func newSync(a *app) *cobra.Command {
	var f syncFlags
	c := &cobra.Command{
		Use:   "sync DB URL",
		Short: "Sync a database with a peer",
		Long: "sync carries changes to the database at URL and from it, and ends when both have the same;\n" +
			"with --continuous it goes on with changes as they happen, until it is stopped. The database\n" +
			"and the collections that are named are created if there are none.\n\n" +
			"URL is what `tandem serve` prints, or the address of a database of Sync Gateway:\n" +
			"wss://host:port/database with TLS, ws://host:port/database without.\n\n" +
			"The exit status is 0 if everything has arrived. Documents that did not are listed.",
		Example: "  tandem sync copy wss://host:4984/travel --user u --password-file pw --self-signed\n" +
			"  tandem sync copy wss://host:4984/travel --pull --continuous --collection travel.airlines",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			endpoint, err := tandem.NewURLEndpoint(args[1])
			if err != nil {
				return err
			}
			o := tandem.Options{MustExist: f.push && !f.pull}
			return withOptions(ctx, args[0], o, func(db *tandem.Database) error {
				return a.sync(ctx, db, endpoint, &f)
			})
		}),
	}
	f.add(c)
	return c
}

func (f *syncFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.push, "push", false, "carry changes to the peer (both directions unless one is named)")
	flags.BoolVar(&f.pull, "pull", false, "carry changes from the peer")
	flags.BoolVar(&f.continuous, "continuous", false, "go on with changes as they happen")
	flags.StringArrayVar(&f.collections, "collection", nil, "`scope.collection` to sync; repeatable (default all of DB)")
	f.login.add(c)
	flags.BoolVar(&f.selfSigned, "self-signed", false, "accept just certificates that sign themselves, without proof who the peer is")
	flags.BoolVar(&f.noDelta, "no-delta", false, "send and take whole documents only")
	flags.StringSliceVar(&f.docIDs, "doc-ids", nil, "`IDs` of the only documents to sync, separated by commas")
	flags.StringSliceVar(&f.channels, "channels", nil, "`names` of the only channels of a Sync Gateway to pull")
	flags.StringVar(&f.resolver, "resolver", "default", "`who` wins a conflict: default, local, remote, latest or merge")
	flags.BoolVar(&f.reset, "reset", false, "compare every document again, from the very beginning")
	flags.DurationVar(&f.timeout, "timeout", 0, "`time` after which to give up, such as 30s (default never)")
	flags.IntVar(&f.attempts, "attempts", 0, "`times` to try to connect (default 1, with --continuous no limit)")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object at the end")
	flags.BoolVar(&f.stats, "stats", false, "tell about deltas and blobs at the end")
}

func (a *app) sync(ctx context.Context, db *tandem.Database, peer tandem.URLEndpoint, f *syncFlags) error {
	cfg, err := f.configuration(ctx, a, db)
	if err != nil {
		return err
	}
	cfg.Endpoint = peer
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		return err
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("sync with %s: not done after %s", peer, f.timeout))
		defer cancel()
	}
	outcome, err := a.replicate(ctx, replicator, f)
	if err != nil {
		return err
	}
	return a.conclude(outcome, f)
}

func (f *syncFlags) configuration(
	ctx context.Context, a *app, db *tandem.Database,
) (cfg tandem.ReplicatorConfiguration, err error) {
	cfg = tandem.ReplicatorConfiguration{
		Continuous:                            f.continuous,
		AcceptOnlySelfSignedServerCertificate: f.selfSigned,
		DisableDeltaSync:                      f.noDelta,
		MaxAttempts:                           f.attempts,
		Logger:                                a.logger(),
	}
	if !f.continuous && f.attempts == 0 {
		cfg.MaxAttempts = 1
	}
	switch {
	case f.push && !f.pull:
		cfg.Type = tandem.Push
	case f.pull && !f.push:
		cfg.Type = tandem.Pull
	}
	if cfg.Collections, err = f.collectionConfigurations(ctx, db, cfg.Type); err != nil {
		return cfg, err
	}
	user, password, err := f.login.login(a)
	if user != "" {
		cfg.Authenticator = tandem.BasicAuthenticator{Username: user, Password: password}
	}
	return cfg, err
}

func (f *syncFlags) collectionConfigurations(
	ctx context.Context, db *tandem.Database, direction tandem.ReplicatorType,
) ([]tandem.CollectionConfiguration, error) {
	resolver, ok := resolvers[f.resolver]
	if !ok {
		return nil, usage("there is no resolver %q: want default, local, remote, latest or merge", f.resolver)
	}
	find := createCollection
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
			Collection: coll, DocumentIDs: f.docIDs, Channels: f.channels, ConflictResolver: resolver,
		}
	}
	return configurations, nil
}

var resolvers = map[string]tandem.ConflictResolver{
	"default": nil,
	"local":   tandem.LocalWins,
	"remote":  tandem.RemoteWins,
	"latest":  tandem.LatestWins,
	"merge":   tandem.MergeFields,
}

// outcome is how a replication ended.
type outcome struct {
	progress tandem.ReplicatorProgress
	err      error // what ended it, nil if it came to its end
	stopped  bool  // a continuous one was stopped
	failures *failures
	took     time.Duration
}

// replicate runs the replicator to its end, or until ctx ends.
func (a *app) replicate(ctx context.Context, replicator *tandem.Replicator, f *syncFlags) (outcome, error) {
	view := a.newView(f.continuous)
	defer view.close()
	ended := make(chan tandem.ReplicatorStatus, 1)
	defer replicator.AddChangeListener(func(status tandem.ReplicatorStatus) {
		view.show(status)
		if status.Activity == tandem.Stopped {
			ended <- status
		}
	}).Remove()
	failures := newFailures()
	defer replicator.AddDocumentReplicationListener(failures.note).Remove()

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
