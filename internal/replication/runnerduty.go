package replication

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// duty is what one node of a database does at a time.
type duty struct {
	db    dutyHolder
	name  string
	waits bool // for its turn
}

// dutyHolder is what a duty needs of a store.DB.
type dutyHolder interface {
	IsShared() bool
	HoldDuty(ctx context.Context, name string, lost func()) (release func(), err error)
}

// duty names the replication by its checkpoints.
func (cfg *Active) duty() duty {
	d := duty{db: cfg.DB, waits: cfg.Continuous}
	if !cfg.DB.IsShared() {
		return d
	}
	var ids []string
	for i := range cfg.Collections {
		ids = append(ids, checkpointID(cfg.DB.PrivateUUID(), cfg.Remote, &cfg.Collections[i]))
	}
	slices.Sort(ids) // configurations may list the same collections in any order
	h := sha256.New()
	for _, id := range ids {
		_, _ = io.WriteString(h, id)
	}
	d.name = "replicator " + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	return d
}

// do does work while this node has the duty. Before it waits, it calls waiting with the reason.
func (d duty) do(
	ctx context.Context, waiting func(error), work func(ctx context.Context) (good bool, err error),
) (good bool, err error) {
	if !d.db.IsShared() {
		return work(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	release, err := d.take(ctx, func() { cancel(errDutyLost) }, waiting)
	if release == nil {
		return false, err
	}
	defer release()
	good, err = work(ctx)
	if errors.Is(context.Cause(ctx), errDutyLost) {
		err = errDutyLost
	}
	return good, err
}

// take waits for the duty if d does. release is nil without it.
func (d duty) take(ctx context.Context, lost func(), waiting func(error)) (release func(), err error) {
	told := ""
	for {
		release, err := d.db.HoldDuty(ctx, d.name, lost)
		if err == nil && release == nil {
			err = errOtherNode
		}
		if err == nil || !d.waits || ctx.Err() != nil {
			return release, err
		}
		if why := err.Error(); why != told {
			told = why
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(dutyWait):
		}
	}
}

// dutyWait is the time between two looks whether another node has left the replication to this one.
const dutyWait = time.Second

var errOtherNode = fault.Busy.Says("another node of the database runs this replicator").
	Try("let it run there; this node takes over when that one ends")

// errDutyLost has the runner try again, which waits for its turn or finds out who has it.
var errDutyLost = fault.ConnectionLost.Says("the node has lost its turn to run this replicator").
	Try("check the connection to the database server")
