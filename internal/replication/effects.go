package replication

import (
	"context"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// effect is what an announcement or a proposal makes of a head, without any revision being sent.
type effect struct {
	id    string
	head  revision.ID // as stored
	renew bool
	learn revision.ID
}

// effectOn appends what r makes of head, if anything.
func (r ruling) effectOn(effects []effect, head *store.Document) []effect {
	if head == nil || !r.renew && r.learn == "" {
		return effects
	}
	return append(effects, effect{head.ID, head.Rev.ID, r.renew, r.learn})
}

// perform stores effects.
func perform(ctx context.Context, c *collection, effects []effect) error {
	if len(effects) == 0 {
		return nil
	}
	return c.s.db.Update(ctx, func(tx *store.Tx) error {
		for _, e := range effects {
			if e.renew {
				if err := tx.Touch(c.store(), e.id, e.head); err != nil {
					return err
				}
				continue
			}
			if err := tx.Learn(c.store(), e.id, e.learn, c.s.remote); err != nil {
				return err
			}
		}
		return nil
	})
}
