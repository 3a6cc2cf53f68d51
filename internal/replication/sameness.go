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

// If a tool copies a database's folder without changing its UUID, both databases use one source for
// their edits. A peer would assume that all these edits come from one database, and that each has
// seen the earlier ones: edits of the other database would be lost. Two such databases must therefore
// not replicate. The active peer sends its
// UUID. A listener with the same UUID shares nothing: it replies with its UUID and a token that it
// has written into its database. If the active peer finds the token in its own database, it has
// called itself, which is harmless, and it asks again with the token.

// publicUUID returns the UUID by which peers know the database, in the usual form.
func publicUUID(db *store.DB) string {
	b := db.PublicUUID()
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

// refuseTwin replies to a peer with our UUID.
func (h *host) refuseTwin(req *blip.Request, collections int) error {
	h.s.log.Warn("a peer has the UUID of this database, and is refused", "uuid", publicUUID(h.s.db))
	token, err := leaveToken(h.s.work, h.s.db)
	if err != nil {
		return err
	}
	m := &blip.Message{Body: wire.NoCollections(collections)}
	m.Properties.Add(wire.PropUUID, publicUUID(h.s.db))
	m.Properties.Add(wire.PropToken, token)
	req.Reply(m)
	return nil
}

// isTwin reports whether the peer has our UUID but is another database.
func (h *host) isTwin(asked blip.Properties) (bool, error) {
	if asked.Value(wire.PropUUID) != publicUUID(h.s.db) {
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

// checkTwin checks whether the reply to getCollections comes from a database with our UUID. itself
// means our own database; a copy is an error.
func (l *leader) checkTwin(ctx context.Context, answer blip.Properties) (itself bool, err error) {
	if answer.Value(wire.PropUUID) != publicUUID(l.s.db) {
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
