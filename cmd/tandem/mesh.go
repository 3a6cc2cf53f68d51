package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// meshFlags are the flags of tandem mesh.
type meshFlags struct {
	group          string
	collections    []string
	identity       string
	ca             string
	anyGroup       bool
	peers          []string
	port           uint16
	networkAddress string
	name           string
	noDiscovery    bool
	maxLinks       int
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
			"special. Members find each other on the local network, and one address given by --peer is\n" +
			"enough to find all others.\n\n" +
			"Members prove themselves by certificates that an authority of the group has signed: make one\n" +
			"with `tandem identity create LABEL --issuer CA --group NAME`, and name the authority's own\n" +
			"certificate by --ca.\n\n" +
			"On a terminal, mesh shows a table of the members; otherwise it prints a line for each that\n" +
			"comes, goes or fails. With --json it prints one object per line: event (listening, peer,\n" +
			"document or status) and what belongs to it.",
		Example: "  tandem identity create shop --usage issuer\n" +
			"  tandem identity show shop --pem > shop.pem\n" +
			"  tandem identity create till1 --issuer shop --group tills\n" +
			"  tandem mesh sales --group tills --identity till1 --ca shop.pem\n" +
			"  tandem mesh sales --group tills --identity till2 --ca shop.pem --peer 192.0.2.7:4985",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			cfg, err := f.configuration(a)
			if err != nil {
				return err
			}
			return a.withOptions(ctx, args[0], tandem.Options{}, func(db *tandem.Database) error {
				return a.mesh(ctx, db, cfg, &f)
			})
		}),
	}
	f.add(c)
	return c
}

func (f *meshFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.group, "group", "", "`name` of the group (required)")
	flags.StringArrayVar(&f.collections, "collection", nil,
		"`scope.collection` to share, the same ones on all members; repeatable (default _default._default)")
	flags.StringVar(&f.identity, "identity", "", "`label` of the member's TLS identity (see tandem identity; required)")
	flags.StringVar(&f.ca, "ca", "", "admit members with a certificate of one of the roots in this PEM `file` (required)")
	flags.BoolVar(&f.anyGroup, "any-of-authority", false, "admit them even if their certificates do not name the group")
	flags.StringArrayVar(&f.peers, "peer", nil, "`host:port` of a member, tried for ever; repeatable")
	flags.Uint16Var(&f.port, "port", 0, "TCP `port`; 0 chooses a free one")
	flags.StringVar(&f.networkAddress, "interface", "", "IP `address` or name of the network interface (default all)")
	flags.StringVar(&f.name, "name", "", "`name` of this device for the others (default the label of the identity)")
	flags.BoolVar(&f.noDiscovery, "no-discovery", false, "do not look for members on the local network, nor be found there")
	flags.IntVar(&f.maxLinks, "max-links", 0, "most `neighbours` at once (default 8)")
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
	cfg = tandem.MultipeerReplicatorConfiguration{
		PeerGroupID: f.group, Authenticator: tandem.MultipeerRoots(roots...), Name: f.name, Peers: f.peers,
		DisableDiscovery: f.noDiscovery, Port: f.port, NetworkInterface: f.networkAddress, MaxLinks: f.maxLinks,
		Logger: a.logger(),
	}
	if f.anyGroup {
		cfg.Authenticator = tandem.AnyOfAuthority(roots...)
	}
	if cfg.Name == "" {
		cfg.Name = f.identity
	}
	cfg.Identity, err = loadIdentity(f.identity)
	return cfg, err
}

func (a *app) mesh(ctx context.Context, db *tandem.Database, cfg tandem.MultipeerReplicatorConfiguration, f *meshFlags) error {
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
	if err := member.Start(); err != nil {
		return err
	}
	defer member.Close() //nolint:contextcheck // stopping must not be cut short
	a.tellCreated()
	a.warnExpiry(cfg.Identity)
	if err := show.begun(); err != nil {
		return err
	}
	<-ctx.Done()
	member.Close() //nolint:contextcheck // stopping must not be cut short
	return show.ended()
}

// meshView shows what happens in a mesh. Its methods are called one at a time, but for documents.
type meshView interface {
	begun() error
	peer(p tandem.PeerInfo)
	status(s tandem.MultipeerStatus)
	documents(r tandem.PeerDocumentReplication)
	ended() error
}

func (a *app) newMeshView(member *tandem.MultipeerReplicator, asJSON bool) meshView {
	switch {
	case asJSON:
		return &meshEvents{a: a, member: member}
	case a.display && a.drawsBars():
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
