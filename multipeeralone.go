package tandem

import (
	"context"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// checkAlone notices that another process runs this member, and lets that one notice it, too: each writes
// its ID over one that it has not seen yet, and where one has ended.
func (d *joinDesk) checkAlone(ctx context.Context) error {
	var running []byte
	err := d.g.db.view(ctx, func(tx *store.Tx) (err error) {
		running, err = tx.Info(groupRunningSpace, d.g.name)
		return err
	})
	switch other := string(running); {
	case err != nil, other == d.id, d.others[other], len(d.others) >= maxOthers:
		return err
	case other != "":
		d.others[other] = true
		d.run.tellOfOther()
	}
	return d.change(ctx, func(*namedInvitation) bool { return false }, []byte(d.id))
}

// maxOthers bounds the runs of other processes that are told of.
const maxOthers = 64

func (run *meshRun) tellOfOther() {
	run.m.mu.Lock()
	run.m.lastErr = fault.Invalid.In("sync group", run.m.cfg.PeerGroupID).
		Says("another process on this device runs this member, too: the others take the two for one").
		Try("end one of them")
	run.m.mu.Unlock()
	run.notify()
}
