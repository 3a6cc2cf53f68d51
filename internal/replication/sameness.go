package replication

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// Edits of one source must come from one database, since a peer assumes that each has seen the
// earlier ones. The store gives the copy of a database's files a source of its own, but it cannot
// notice every copy: some get the path or the inode of the original. Two databases with one source
// must not replicate, as edits of either would be lost. The active peer sends the UUID of its
// source. A listener with the same source shares nothing: it replies with that UUID and a token
// that it has written into its database. If the active peer finds the token in its own database, it
// has called itself, which is harmless, and it asks again with the token.

// sourceUUID returns the UUID of the database's source, in the usual form.
func sourceUUID(db *store.DB) string {
	b := db.SourceUUID()
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// tokenSpace names the space of small values that holds a listener's tokens and their times.
const tokenSpace = "called by its own UUID"

// tokenLife is how long a token is kept, so that the active peer can look for it.
const tokenLife = time.Minute

// leaveToken writes a new token into the database.
func leaveToken(ctx context.Context, db *store.DB) (token string, err error) {
	token = rand.Text()
	return token, db.Update(ctx, func(tx *store.Tx) error {
		err := tx.Infos(tokenSpace, func(old string, written []byte) error {
			if t, err := time.Parse(time.RFC3339, string(written)); err == nil && tx.Now().Sub(t).Abs() < tokenLife {
				return nil
			}
			return tx.SetInfo(tokenSpace, old, nil)
		})
		if err != nil {
			return err
		}
		return tx.SetInfo(tokenSpace, token, []byte(tx.Now().UTC().Format(time.RFC3339)))
	})
}

// refuseTwin replies to a peer with our source.
func (h *host) refuseTwin(req *blip.Request, collections int) error {
	h.s.log.Warn("a peer signs its edits as this database does, and is refused", "uuid", sourceUUID(h.s.db))
	token, err := leaveToken(h.s.work, h.s.db)
	if err != nil {
		return err
	}
	m := &blip.Message{Body: wire.NoCollections(collections)}
	m.Properties.Add(wire.PropUUID, sourceUUID(h.s.db))
	m.Properties.Add(wire.PropToken, token)
	req.Reply(m)
	return nil
}

// isTwin reports whether the peer has our source but is another database.
func (h *host) isTwin(asked blip.Properties) (bool, error) {
	if asked.Value(wire.PropUUID) != sourceUUID(h.s.db) {
		return false, nil
	}
	itself, err := hasToken(h.s.work, h.s.db, asked.Value(wire.PropToken))
	return !itself, err
}

func hasToken(ctx context.Context, db *store.DB, token string) (has bool, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		written, err := tx.Info(tokenSpace, token)
		has = written != nil
		return err
	})
	return has, err
}

// checkTwin checks whether the reply to getCollections comes from a database with our source.
// itself means our own database; a copy is an error.
func (l *leader) checkTwin(ctx context.Context, answer blip.Properties) (itself bool, err error) {
	if answer.Value(wire.PropUUID) != sourceUUID(l.s.db) {
		return false, nil
	}
	if itself, err = hasToken(ctx, l.s.db, answer.Value(wire.PropToken)); err != nil {
		return false, err
	}
	if itself {
		l.s.log.Info("the peer is this database itself")
		return true, nil
	}
	return false, fault.Invalid.In("sync", l.s.db.Path()).
		Says("the peer was copied from this database, or this from the peer, with its files: both write under one name, " +
			"and edits would be lost").
		Try("make one of them a database of its own with `tandem copy DB NEW`, and go on with NEW in its place")
}
