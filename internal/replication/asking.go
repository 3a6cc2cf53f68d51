package replication

import (
	"context"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// asking returns the configuration of a session that asks for due revisions, and these revisions by
// the index of their collection. It returns nil if none is due.
func (cfg Active) asking(ctx context.Context) (*Active, []map[string]awaited, error) {
	if len(cfg.Collections) == 0 {
		return nil, nil, nil
	}
	var collections []CollectionOptions
	var asked []map[string]awaited
	err := cfg.DB.View(ctx, func(tx *store.Tx) error {
		collections, asked = nil, nil
		remote, err := tx.RemoteFor(cfg.Remote)
		if err != nil || remote == 0 {
			return err
		}
		for _, opts := range cfg.Collections {
			all, err := readAwaited(tx, remote, opts.Collection)
			if err != nil && !isNotFound(err) {
				return err
			}
			if cfg.RetryRefused {
				if err := addRefused(tx, remote, opts.Collection, all); err != nil {
					return err
				}
			}
			due := make(map[string]awaited)
			sooner := cfg.Reset || cfg.RetryRefused // the peer may have another revision by now, or none
			wanted := idSet(opts.DocIDs)
			opts.DocIDs = nil
			for id, a := range all {
				if opts.Pull && (sooner || !tx.Now().Before(a.Due)) && (wanted == nil || wanted[id]) && document.CheckIncomingID(id) == nil {
					due[id] = a
					opts.DocIDs = append(opts.DocIDs, id)
				}
			}
			if len(due) > 0 {
				opts.Push, opts.Channels = false, nil // a gateway takes either IDs or channels
				collections, asked = append(collections, opts), append(asked, due)
			}
		}
		return nil
	})
	if err != nil || len(collections) == 0 {
		return nil, nil, err
	}
	cfg.Collections, cfg.Continuous, cfg.Reset, cfg.asks = collections, false, true, true
	return &cfg, asked, nil
}

// addRefused adds the documents that this side refused, as if they were due.
func addRefused(tx *store.Tx, remote store.Remote, c *store.Collection, all map[string]awaited) error {
	return eachRefusal(tx, remote, c, func(id string, r Refusal) error {
		if _, early := all[id]; early || r.Push {
			return nil
		}
		head, err := tx.Head(c, id)
		if err != nil && !isNotFound(err) {
			return err
		}
		if head == nil || !head.Rev.Contains(revision.ID(r.Revision)) {
			all[id] = awaited{Revision: revision.ID(r.Revision)}
		}
		return nil
	})
}

// forgetAsked drops the records of revisions that were requested and did not come: the peer no
// longer has them. Revisions that came too early again keep their records.
func (cfg Active) forgetAsked(ctx context.Context, asked []map[string]awaited) error {
	return cfg.DB.Update(ctx, func(tx *store.Tx) error {
		remote, err := tx.RemoteFor(cfg.Remote)
		if err != nil {
			return err
		}
		for i, opts := range cfg.Collections {
			now, err := readAwaited(tx, remote, opts.Collection)
			if err != nil {
				return err
			}
			for id, a := range asked[i] {
				if is, still := now[id]; still && is.equal(a) {
					if err := awaitedFrom(remote, opts.Collection).remove(tx, id); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}
