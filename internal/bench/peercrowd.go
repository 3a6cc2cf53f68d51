package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tandemdb/tandem"
)

// mostClients is the number of clients that a listener accepts.
const mostClients = 2000

// member is one of many clients in a process, with a database of its own.
type member struct {
	db        *tandem.Database
	documents *tandem.Collection
}

func (m *member) close() error { return m.db.Close() }

// gatherArgs say how many clients to make, and where to keep their databases.
type gatherArgs struct {
	Clients int
	Folder  string
}

// gather opens a database for each client.
func (p *peer) gather(ctx context.Context, args gatherArgs) (none, error) {
	for i := range args.Clients {
		db, err := tandem.Open(ctx, filepath.Join(args.Folder, fmt.Sprintf("client-%04d", i)), tandem.Options{Logger: quiet})
		if err != nil {
			return none{}, err
		}
		m := &member{db: db}
		p.crowd = append(p.crowd, m)
		if m.documents, err = db.DefaultCollection(ctx); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
}

// runCrowd has all clients replicate once, at the same time.
func (p *peer) runCrowd(ctx context.Context, args syncArgs) (synced, error) {
	replicators := make([]*tandem.Replicator, len(p.crowd))
	for i, m := range p.crowd {
		var err error
		if replicators[i], err = args.replicator(m.documents, false); err != nil {
			return synced{}, err
		}
		defer replicators[i].Close()
	}
	begin := time.Now()
	door := make(chan struct{}, handshakes)
	var g errgroup.Group
	for _, r := range replicators {
		g.Go(func() error { return enter(ctx, r, door) })
	}
	err := g.Wait()
	s := synced{Seconds: time.Since(begin).Seconds()}
	for _, r := range replicators {
		s.Documents += r.Status().Progress.Pull.Documents
	}
	return s, err
}

// handshakes is the number of clients that connect at once: with hundreds, a listener pushes out
// slow ones.
const handshakes = 64

// enter starts the replicator when its turn has come, and waits for its end.
func enter(ctx context.Context, r *tandem.Replicator, door chan struct{}) error {
	door <- struct{}{}
	var once sync.Once
	leave := func() { once.Do(func() { <-door }) }
	defer leave()
	defer r.AddChangeListener(func(s tandem.ReplicatorStatus) {
		if s.Activity != tandem.Connecting {
			leave()
		}
	}).Remove()
	return errors.Join(r.Start(), r.Wait(ctx))
}

// stayArgs say how many continuous replicators to start.
type stayArgs struct {
	syncArgs
	Clients int
}

// stay starts continuous replicators, all on one database, and waits until they are idle.
func (p *peer) stay(ctx context.Context, args stayArgs) (none, error) {
	var g errgroup.Group
	g.SetLimit(handshakes)
	for range args.Clients {
		r, err := args.replicator(p.documents, true)
		if err != nil {
			return none{}, err
		}
		g.Go(func() error { return errors.Join(r.Start(), r.Wait(ctx)) })
	}
	return none{}, g.Wait() // they end with the database
}
