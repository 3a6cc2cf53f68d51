package sim_test

import (
	"context"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// link is a continuous replicator from one peer to another, with the network between them.
type link struct {
	w        *world
	from, to *peer
	runner   *replication.Runner
	cancel   context.CancelFunc
	ended    chan struct{} // closed when the runner has ended

	mu    sync.Mutex // guards the following
	up    bool
	left  int64 // frames until the connection breaks; 0 for never
	pipes [2]blip.Pipe
}

// start runs the replicator.
func (l *link) start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel, l.ended = cancel, make(chan struct{})
	runner := replication.NewRunner(replication.Active{
		Common:      replication.Common{DB: l.from.db, Deltas: true, Log: l.w.log},
		Collections: []replication.CollectionOptions{{Collection: l.from.coll, Push: true, Pull: true}},
		Continuous:  true,
		Remote:      "ws://" + l.to.name,
	}, l.dial, replication.Retry{}, nil)
	l.runner = runner
	go func() {
		defer close(l.ended)
		if err := runner.Run(ctx); err != nil {
			l.w.t.Errorf("the replicator from %s to %s has ended: %v", l.from.name, l.to.name, err)
		}
	}()
}

func (l *link) stop() {
	l.cancel()
	<-l.ended
}

// dial connects the peers, if the link is up.
func (l *link) dial(context.Context) (blip.Pipe, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w.dials.Add(1)
	if !l.up {
		return nil, "", fault.NetworkDown
	}
	active, passive := blip.NewPipePair()
	protocol := replication.Protocols(l.from.versioning, true)[0]
	if !l.to.serve(passive, protocol) {
		return nil, "", fault.ConnectionRefused
	}
	l.pipes = [2]blip.Pipe{active, passive}
	return &linkPipe{Pipe: active, link: l}, protocol, nil
}

func (l *link) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

// set takes the link up or down.
func (l *link) set(up bool) {
	l.mu.Lock()
	l.up, l.left = up, 0
	l.mu.Unlock()
	if !up {
		l.drop()
	}
}

// breakAfter makes the connection break after a number of frames from the active side.
func (l *link) breakAfter(frames int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = frames
}

// drop cuts the current connection.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, pipe := range l.pipes {
		if pipe != nil {
			_ = pipe.Abort()
		}
	}
}

// takes reports whether one more frame gets through.
func (l *link) takes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return true
	}
	l.left--
	return l.left > 0
}

// linkPipe is the active side's end of a link.
type linkPipe struct {
	blip.Pipe
	link *link
}

func (p *linkPipe) Write(ctx context.Context, frame []byte) error {
	if !p.link.takes() {
		p.link.drop()
		return fault.ConnectionLost
	}
	return p.Pipe.Write(ctx, frame)
}

// serve accepts a visitor, if the peer is running.
func (p *peer) serve(pipe blip.Pipe, protocol string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running {
		return false
	}
	session := replication.NewPassive(pipe, replication.Passive{
		Common:      replication.Common{DB: p.db, Protocol: protocol, Deltas: true, Log: p.w.log},
		Collections: []*store.Collection{p.coll},
	})
	p.visitors.Go(func() {
		_ = session.Run(context.Background()) // ends with the visitor
	})
	return true
}
