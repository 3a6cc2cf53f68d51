package replication

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// onDuty does work while this node has the duty of the replication. Other nodes of the database may run the same one;
// waiting is called while one does.
func (cfg *Active) onDuty(
	ctx context.Context, waiting func(error), work func(ctx context.Context) (good bool, err error),
) (good bool, err error) {
	if !cfg.DB.IsShared() {
		return work(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release, ok := cfg.DB.HoldDuty(ctx, cfg.duty(), cancel)
	for !ok {
		if !cfg.Continuous {
			return false, errOtherNode
		}
		waiting(errOtherNode)
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(dutyWait):
		}
		release, ok = cfg.DB.HoldDuty(ctx, cfg.duty(), cancel)
	}
	defer release()
	return work(ctx)
}

// dutyWait is the time between two looks whether another node has left the replication to this one.
const dutyWait = time.Second

var errOtherNode = fault.Busy.Says("another node of the database runs this replicator").
	Try("let it run there; this node takes over when that one ends")

// duty names the replication by its checkpoints.
func (cfg *Active) duty() string {
	h := sha256.New()
	for i := range cfg.Collections {
		_, _ = io.WriteString(h, checkpointID(cfg.DB.PrivateUUID(), cfg.Remote, &cfg.Collections[i]))
	}
	return "replicator " + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
