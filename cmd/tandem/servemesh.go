package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// serveMeshFlags are the flags of tandem serve about meshes.
type serveMeshFlags struct {
	group string
	peers []string
	port  uint16

	members map[*tandem.Database]*tandem.MultipeerReplicator // that run
}

// anyGroup stands for the group that a database has joined. It is what --mesh without a name gives.
const anyGroup = "*"

func (f *serveMeshFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.group, "mesh", "", "also be a member of the mesh of this `group`, which the database has joined (tandem mesh); by --mesh=NAME, or --mesh for its only one")
	flags.Lookup("mesh").NoOptDefVal = anyGroup
	flags.StringArrayVar(&f.peers, "mesh-peer", nil, "`host:port` of a member of the mesh, tried for ever; repeatable")
	flags.Uint16Var(&f.port, "mesh-port", 0, "TCP `port` for the members of the mesh; 0 chooses a free one")
	for _, needing := range []string{"mesh-peer", "mesh-port"} {
		before(c, func() error {
			if c.Flags().Changed(needing) && f.group == "" {
				return usage("--%s needs --mesh", needing)
			}
			return nil
		})
	}
}

// start starts a member for each database that is in the group. stop ends them, also after an error.
func (f *serveMeshFlags) start(ctx context.Context, a *app, dbs []*tandem.Database, networkAddress string) (stop func(), err error) {
	f.members = make(map[*tandem.Database]*tandem.MultipeerReplicator)
	stop = func() {
		for _, m := range f.members {
			m.Stop()
		}
	}
	if f.group == "" {
		return stop, nil
	}
	for _, db := range dbs {
		g, err := f.groupOf(ctx, a, db, len(dbs) > 1)
		if err != nil {
			return stop, err
		}
		if g == nil {
			continue
		}
		if err := f.startMember(ctx, a, db, g, networkAddress); err != nil {
			return stop, err
		}
	}
	if len(f.members) == 0 {
		return stop, usageError{text: "none of the databases is in the group of --mesh", hint: "join one with tandem mesh join DB CODE"}
	}
	return stop, nil
}

// groupOf returns the group of a database, or nil for one of several that is in none.
func (f *serveMeshFlags) groupOf(ctx context.Context, a *app, db *tandem.Database, several bool) (*tandem.PeerGroup, error) {
	name := f.group
	if name == anyGroup {
		name = ""
	}
	names, err := tandem.PeerGroups(ctx, db)
	if err != nil || several && len(names) == 0 {
		return nil, err
	}
	g, err := a.peerGroup(ctx, db, name)
	if several && errors.Is(err, tandem.ErrNotFound) {
		return nil, nil //nolint:nilnil // in another group
	}
	return g, err
}

func (f *serveMeshFlags) startMember(ctx context.Context, a *app, db *tandem.Database, g *tandem.PeerGroup, networkAddress string) error {
	collections, err := db.Collections(ctx)
	if err != nil {
		return err
	}
	cfg := tandem.MultipeerReplicatorConfiguration{
		Group: g, Peers: f.peers, Port: f.port, NetworkInterface: networkAddress, Logger: a.logger(),
	}
	for _, coll := range collections {
		cfg.Collections = append(cfg.Collections, tandem.MultipeerCollectionConfiguration{Collection: coll})
	}
	m, err := tandem.NewMultipeerReplicator(cfg)
	if err != nil {
		return invalidSetting(err)
	}
	if err := m.Start(); err != nil {
		return err
	}
	f.members[db] = m
	for _, address := range m.Addresses() {
		a.note("member of the mesh %s at %s", g.Name(), address)
	}
	return nil
}
