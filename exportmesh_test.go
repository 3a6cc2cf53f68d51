package tandem

import (
	"context"

	"github.com/tandemdb/tandem/internal/mesh"
)

// StartServing starts a member that knows no others. It serves each link by way of a function of a test.
func (m *MultipeerReplicator) StartServing(by func(serve func() error) error) error {
	run, err := newMeshRun(m)
	if err != nil {
		return err
	}
	run.node = mesh.New(mesh.Config{
		Self: mesh.ID(run.self), Name: m.name(), Addresses: run.addresses, Dial: run.dial, Changed: run.notify,
		Serve: func(ctx context.Context, l *mesh.Link) error { return by(func() error { return run.serve(ctx, l) }) },
	})
	m.mu.Lock()
	m.run, m.identity = run, run.identity.Load()
	m.mu.Unlock()
	run.begin()
	return nil
}

// Connect connects to a member as this one would, which is not started, and says nothing until end.
func (m *MultipeerReplicator) Connect(ctx context.Context, address string) (end func(), err error) {
	run, err := newMeshRun(m)
	if err != nil {
		return nil, err
	}
	run.cancel()
	if err := run.server.Close(ctx); err != nil {
		return nil, err
	}
	conn, err := run.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return conn.Abort, nil
}
