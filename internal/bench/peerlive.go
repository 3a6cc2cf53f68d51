package bench

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/tandemdb/tandem"
)

// arrivals are the times at which changes were noticed, in nanoseconds of the machine's clock,
// which both processes share.
type arrivals struct {
	mu sync.Mutex // guards the following
	at map[string]int64
}

// follow starts a continuous replicator, and waits until it has nothing to do.
func (p *peer) follow(ctx context.Context, args syncArgs) (none, error) {
	replicator, err := args.replicator(p.documents, true)
	if err != nil {
		return none{}, err
	}
	p.replicator = replicator
	if err := replicator.Start(); err != nil {
		return none{}, err
	}
	return none{}, replicator.Wait(ctx)
}

// note notes from now on when documents change.
func (p *peer) note(ctx context.Context, _ none) (none, error) {
	seen := &arrivals{at: make(map[string]int64)}
	p.arrivals = seen
	_, err := p.documents.AddChangeListener(ctx, func(change tandem.CollectionChange) {
		now := time.Now().UnixNano()
		seen.mu.Lock()
		defer seen.mu.Unlock()
		for _, id := range change.DocumentIDs {
			seen.at[id] = now
		}
	})
	return none{}, err
}

// pulseArgs say how many documents to save, and the pause after each.
type pulseArgs struct {
	Documents int
	Pause     time.Duration
}

// pulse saves single documents, and returns the time before each, by ID.
func (p *peer) pulse(ctx context.Context, args pulseArgs) (map[string]int64, error) {
	sent := make(map[string]int64, args.Documents)
	ticks := time.NewTicker(args.Pause)
	defer ticks.Stop()
	for i := range args.Documents {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticks.C:
		}
		id := fmt.Sprintf("pulse-%06d", i)
		doc, err := tandem.NewDocumentWithBody(id, body(i, kilobyte))
		if err != nil {
			return nil, err
		}
		sent[id] = time.Now().UnixNano()
		if err := p.documents.Save(ctx, doc); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// arrived waits until n documents have arrived, and returns their times by ID.
func (p *peer) arrived(ctx context.Context, documents int) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ticks := time.NewTicker(sampling)
	defer ticks.Stop()
	for {
		if at := p.arrivals.snapshot(); len(at) >= documents {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %d documents: %w", documents, ctx.Err())
		case <-ticks.C:
		}
	}
}

func (a *arrivals) snapshot() map[string]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.at)
}
