package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// meshFlags are the flags of tandem mesh.
type meshFlags struct {
	memberFlags
	group      string
	identity   string
	ca         string
	anyGroup   bool
	every      time.Duration
	everyLeast time.Duration
}

// memberFlags are the flags of all commands that run a member.
type memberFlags struct {
	collections    []string
	peers          []string
	port           uint16
	networkAddress string
	name           string
	noDiscovery    bool
	maxLinks       int
	maxRate        int // kB per second
	asJSON         bool
}

func newMesh(a *app) *cobra.Command {
	var f meshFlags
	c := &cobra.Command{
		Use:   "mesh DB",
		Short: "Keep a database in sync with all devices of a group",
		Long: "mesh makes the database a member of a group of devices that keep each other in sync by\n" +
			"themselves, until it is stopped (Ctrl-C, SIGTERM). It creates the database and the named\n" +
			"collections if they do not exist. Each member connects to a few others, and no member is\n" +
			"special. Members find each other on the local network, one address given by --peer is enough\n" +
			"to find all others, and a member that starts again remembers those that it has met.\n\n" +
			"A device joins by a code: `tandem mesh invite` on a member, which makes the group if there is\n" +
			"none, and `tandem mesh join` on the new device; the group may then be left out. Where nobody is\n" +
			"there to type a code, members prove themselves by certificates that an authority of the group\n" +
			"has signed: make one with `tandem identity create LABEL --issuer CA --group NAME`, and name the\n" +
			"authority's own certificate by --ca.\n\n" +
			"With --every, the member is connected now and then alone, for at least ten seconds and until it is\n" +
			"in sync, for up to a minute if it finds nobody. It answers for codes only while it is connected,\n" +
			"and they end when it sleeps: stop it before tandem mesh invite.\n\n" +
			"On a terminal, mesh shows a table of the members; otherwise it prints a line for each that\n" +
			"comes, goes or fails. With --json it prints one object per line: event (listening, peer,\n" +
			"document or status) and what belongs to it.",
		Example: "  tandem mesh invite sales --group tills            # on the first device\n" +
			"  tandem mesh join sales H2W6-…                     # on the next one\n" +
			"  tandem mesh sales                                 # later, on either\n\n" +
			"  tandem identity create shop --usage issuer\n" +
			"  tandem identity show shop --pem > shop.pem\n" +
			"  tandem identity create till1 --issuer shop --group tills\n" +
			"  tandem mesh sales --group tills --identity till1 --ca shop.pem\n" +
			"  tandem mesh sales --group tills --identity till2 --ca shop.pem --peer 192.0.2.7:4985",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if f.identity == "" && f.ca == "" && !f.anyGroup {
				return a.meshAgain(ctx, args[0], &f)
			}
			cfg, err := f.configuration(a)
			if err != nil {
				return err
			}
			return a.withOptions(ctx, args[0], tandem.Options{}, func(db *tandem.Database) error {
				return a.mesh(ctx, db, cfg, &f.memberFlags, f.hooks(a))
			})
		}),
	}
	f.add(c)
	c.AddCommand(newMeshInvite(a), newMeshJoin(a), newMeshMembers(a), newMeshRename(a), newMeshRemove(a), newMeshStatus(a), newMeshLeave(a))
	return c
}

// meshAgain runs a member that has joined by a code before.
func (a *app) meshAgain(ctx context.Context, path string, f *meshFlags) error {
	if !tandem.Exists(path) {
		return usageError{
			text: "the database is not there, so it has joined no group",
			hint: "make a group with tandem mesh invite DB --group NAME, join one with tandem mesh join DB CODE, or give --identity and --ca",
		}
	}
	return a.with(ctx, path, func(db *tandem.Database) error {
		g, err := a.peerGroup(ctx, db, f.group)
		if err != nil {
			return err
		}
		return a.meshOf(ctx, db, g, &f.memberFlags, f.hooks(a))
	})
}

func (f *meshFlags) add(c *cobra.Command) {
	flags := c.Flags()
	addGroupFlag(c, &f.group)
	flags.StringVar(&f.identity, "identity", "", "`label` of the member's TLS identity (see tandem identity), in a group with an authority")
	flags.StringVar(&f.ca, "ca", "", "admit members with a certificate of one of the roots in this PEM `file`")
	flags.BoolVar(&f.anyGroup, "any-of-authority", false, "admit them even if their certificates do not name the group")
	flags.DurationVar(&f.every, "every", 0, "be connected once in this `time` alone, such as 15m, until all is in sync, to save the battery; 30s or more (default always)")
	flags.DurationVar(&f.everyLeast, "every-least", quietLeast, "least `time` that --every may be, for tests")
	_ = flags.MarkHidden("every-least") // it is there
	before(c, f.checkEvery)
	f.memberFlags.add(c)
}

func addGroupFlag(c *cobra.Command, group *string) {
	c.Flags().StringVar(group, "group", "", "`name` of the group (default the one that the database has joined)")
}

func (f *memberFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringArrayVar(&f.collections, "collection", nil,
		"`scope.collection` to share, the same ones on all members; repeatable (default all that the database has)")
	flags.StringArrayVar(&f.peers, "peer", nil, "`host:port` of a member, tried for ever; repeatable")
	flags.Uint16Var(&f.port, "port", 0, "TCP `port`; 0 chooses a free one")
	flags.StringVar(&f.networkAddress, "interface", "", "IP `address` or name of the network interface (default all)")
	flags.StringVar(&f.name, "name", "", "`name` of this device for the others (default see tandem mesh rename)")
	flags.BoolVar(&f.noDiscovery, "no-discovery", false, "do not look for members on the local network, nor be found there")
	flags.IntVar(&f.maxLinks, "max-links", 0, "most `neighbours` at once (default 8)")
	flags.IntVar(&f.maxRate, "max-rate", 0, "most `kB` per second that this member sends, and that it receives (default no limit)")
	flags.BoolVar(&f.asJSON, "json", false, "one JSON object per line")
	before(c, func() error { return checkCollections(f.collections...) })
}

// configuration returns the configuration of the member, without its collections.
func (f *meshFlags) configuration(a *app) (cfg tandem.MultipeerReplicatorConfiguration, err error) {
	switch {
	case f.group == "":
		return cfg, usageError{text: "--group is missing", hint: "name the group that this device belongs to"}
	case f.identity == "" || f.ca == "":
		return cfg, usageError{
			text: "a member needs an identity of the group: give --identity and --ca",
			hint: "make one with tandem identity create LABEL --issuer CA --group " + f.group,
		}
	}
	var roots []*x509.Certificate
	if roots, err = readCertificates(f.ca); err != nil {
		return cfg, err
	}
	cfg = f.member(a)
	cfg.PeerGroupID, cfg.Authenticator = f.group, tandem.MultipeerRoots(roots...)
	if f.anyGroup {
		cfg.Authenticator = tandem.AnyOfAuthority(roots...)
	}
	if cfg.Name == "" {
		cfg.Name = f.identity
	}
	cfg.Identity, err = loadIdentity(f.identity)
	return cfg, err
}

// memberHooks are called while a member runs; nil ones are not.
type memberHooks struct {
	started func(*tandem.MultipeerReplicator) error // after it has said where it listens
	until   func(ctx context.Context, m *tandem.MultipeerReplicator) error
}

// meshOf runs a member of a group that devices join by codes.
func (a *app) meshOf(ctx context.Context, db *tandem.Database, g *tandem.PeerGroup, f *memberFlags, hooks memberHooks) error {
	cfg := f.member(a)
	cfg.Group = g
	if cfg.Name == g.DeviceName() {
		cfg.Name = "" // so that it can be renamed while it runs
	}
	return a.mesh(ctx, db, cfg, f, hooks)
}

// member returns the configuration that the flags give, without group and collections.
func (f *memberFlags) member(a *app) tandem.MultipeerReplicatorConfiguration {
	return tandem.MultipeerReplicatorConfiguration{
		Name: f.name, Peers: f.peers, DisableDiscovery: f.noDiscovery, Port: f.port,
		NetworkInterface: f.networkAddress, MaxLinks: f.maxLinks, MaxBytesPerSecond: 1000 * f.maxRate, Logger: a.logger(),
	}
}

func (a *app) mesh(
	ctx context.Context, db *tandem.Database, cfg tandem.MultipeerReplicatorConfiguration, f *memberFlags, hooks memberHooks,
) error {
	shared, err := chooseCollections(ctx, db, f.collections, a.createCollection)
	if err != nil {
		return err
	}
	for _, coll := range shared {
		cfg.Collections = append(cfg.Collections, tandem.MultipeerCollectionConfiguration{Collection: coll})
	}
	member, err := tandem.NewMultipeerReplicator(cfg)
	if errors.Is(err, tandem.ErrInvalid) { // all settings come from the command line
		return usageError{text: err.Error(), hint: tandem.HintOf(err)}
	}
	if err != nil {
		return err
	}
	show := a.newMeshView(member, f.asJSON)
	defer member.AddPeerListener(show.peer).Remove()
	defer member.AddStatusListener(show.status).Remove()
	defer member.AddDocumentReplicationListener(show.documents).Remove()
	defer member.AddInvitationListener(show.invitation).Remove()
	if err := member.Start(); err != nil {
		return err
	}
	defer member.Close()
	a.tellCreated()
	if cfg.Group == nil {
		a.warnExpiry(cfg.Identity)
	}
	if err := show.begun(); err != nil {
		return err
	}
	if hooks.started != nil {
		if err := hooks.started(member); err != nil {
			return err
		}
	}
	ended := a.stay(ctx, member, hooks)
	member.Close()
	return errors.Join(ended, show.ended())
}

// stay waits until the member has done what it is for, is to stop, or belongs to the group no longer.
func (a *app) stay(ctx context.Context, member *tandem.MultipeerReplicator, hooks memberHooks) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer member.AddStatusListener(func(s tandem.MultipeerStatus) {
		if s.Removed {
			cancel()
		}
	}).Remove()
	if !member.Status().Removed {
		if hooks.until != nil {
			if err := hooks.until(ctx, member); ctx.Err() == nil {
				return err
			}
		}
		<-ctx.Done()
	}
	if s := member.Status(); s.Removed {
		return s.Err
	}
	return nil
}

// meshView shows what happens in a mesh. Its methods are called one at a time, but for documents.
type meshView interface {
	begun() error
	peer(p tandem.PeerInfo)
	status(s tandem.MultipeerStatus)
	documents(r tandem.PeerDocumentReplication)
	invitation(i tandem.InvitationInfo)
	ended() error
}

func (a *app) newMeshView(member *tandem.MultipeerReplicator, asJSON bool) meshView {
	switch {
	case asJSON:
		return &meshEvents{a: a, member: member}
	case a.display != nil && a.drawsBars():
		return newMeshTable(a, member)
	}
	return &meshLines{a: a, member: member, known: make(map[tandem.PeerID]tandem.PeerInfo), told: make(map[string]string)}
}

// meshName returns what people call a peer: its name, or the beginning of its ID.
func meshName(p tandem.PeerInfo) string {
	short := p.ID.String()[:11]
	if p.Name == "" {
		return short
	}
	return fmt.Sprintf("%s (%s)", oneLine(p.Name), short)
}
