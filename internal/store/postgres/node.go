package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// Leases. The server's clock alone counts.
const (
	leaseTime  = "30 seconds"
	leaseRenew = 10 * time.Second
)

// node is the row by which this process has a source of versions of its own.
type node struct {
	mu  sync.Mutex // guards the following
	now lease
}

// lease names a row and one use of it. Rows of a new incarnation may have the numbers of older ones.
type lease struct {
	number int32
	epoch  int64
	source [16]byte
}

func (n *node) lease() lease {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

// acquire takes over a source whose lease is over, and makes a new one if there is none.
func (n *node) acquire(ctx context.Context, db *database) error {
	var number int32
	var epoch int64
	var source []byte
	err := db.queryRow(ctx, `UPDATE @node SET epoch = epoch + 1, until = clock_timestamp() + $1::interval
		WHERE number = (SELECT number FROM @node WHERE until < clock_timestamp() ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING number, epoch, source`, leaseTime).Scan(&number, &epoch, &source)
	if errors.Is(err, pgx.ErrNoRows) {
		return n.renew(ctx, db)
	}
	return n.use(number, epoch, source, err)
}

// renew makes a new source.
func (n *node) renew(ctx context.Context, db *database) error {
	source := make([]byte, 16)
	rand.Read(source) // never fails
	var number int32
	var epoch int64
	err := db.queryRow(ctx, `INSERT INTO @node (source, until) VALUES ($1, clock_timestamp() + $2::interval)
		RETURNING number, epoch`, source, leaseTime).Scan(&number, &epoch)
	return n.use(number, epoch, source, err)
}

func (n *node) use(number int32, epoch int64, source []byte, err error) error {
	if err != nil {
		return wrapped(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = lease{number: number, epoch: epoch}
	copy(n.now.source[:], source)
	return nil
}

// keep renews the lease until ctx is done. Each write renews it too.
func (n *node) keep(ctx context.Context, db *database) {
	ticker := time.NewTicker(leaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := n.lease()
		// A failure leaves the lease to the next write, which finds out whether another node has it.
		renewing, cancel := context.WithTimeout(ctx, newsTime)
		_, err := db.exec(renewing, `UPDATE @node SET until = clock_timestamp() + $1::interval 
			WHERE number = $2 AND epoch = $3 AND source = $4`, leaseTime, now.number, now.epoch, now.source[:])
		cancel()
		if err != nil && ctx.Err() == nil {
			db.log.Debug("the lease of the node was not renewed", slog.String("database", db.place), slog.Any("error", err))
		}
	}
}

// release lets another node take the source over at once.
func (n *node) release(db *database) {
	now := n.lease()
	if now.number == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	_, _ = db.exec(ctx, `UPDATE @node SET until = clock_timestamp() - interval '1 second' WHERE number = $1 AND epoch = $2 AND source = $3`,
		now.number, now.epoch, now.source[:]) // otherwise the lease ends by itself
	_, _ = db.exec(ctx, `DELETE FROM @duty WHERE node = $1 AND epoch = $2`, now.number, now.epoch) // as above
}

// Lease takes or renews a duty.
func (db *database) Lease(ctx context.Context, duty string) (held bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, newsTime)
	defer cancel()
	now := db.node.lease()
	err = db.queryRow(bounded, `INSERT INTO @duty VALUES ($1, $2, $3, clock_timestamp() + $4::interval)
		ON CONFLICT (name) DO UPDATE SET node = excluded.node, epoch = excluded.epoch, until = excluded.until
		WHERE duty.until < clock_timestamp() OR duty.node = excluded.node AND duty.epoch = excluded.epoch RETURNING true`,
		duty, now.number, now.epoch, leaseTime).Scan(&held)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case bounded.Err() != nil && ctx.Err() == nil:
		return false, fault.ConnectionLost.Says("the database server does not answer").Because(err).Try("check that it runs")
	}
	return held, wrapped(err)
}

// EndLease leaves a duty to other nodes at once.
func (db *database) EndLease(ctx context.Context, duty string) {
	ctx, cancel := context.WithTimeout(ctx, newsTime)
	defer cancel()
	now := db.node.lease()
	_, _ = db.exec(ctx, `DELETE FROM @duty WHERE name = $1 AND node = $2 AND epoch = $3`, duty, now.number, now.epoch) // or it ends by itself
}

// Stats counts what the node does with the server.
func (db *database) Stats() row.Stats {
	pool := db.pool.Stat()
	return row.Stats{
		Connections: int(pool.TotalConns()), Busy: int(pool.AcquiredConns()), Most: int(pool.MaxConns()),
		Waits: pool.EmptyAcquireCount(), Waited: pool.EmptyAcquireWaitTime(),
		Commits: db.commits.Load(), Incarnation: db.incarnation.Load(),
	}
}
