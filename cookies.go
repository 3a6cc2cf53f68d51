package tandem

import (
	"bytes"
	"context"

	"github.com/tandemdb/tandem/internal/store"
)

// Cookies are kept in the database, for all its replicators. They are secrets of the device: where others read
// the rows of the database, too, they stay in memory.
const (
	cookieSpace = "replicator"
	cookieKey   = "cookies"
)

// cookies returns the cookies that replicators have kept, nil for none.
func (db *Database) cookies(ctx context.Context) (text []byte, err error) {
	if isURL(db.store.Path()) {
		text, _ = db.nodeCookies.Load().([]byte)
		return text, nil
	}
	err = db.store.View(ctx, func(tx *store.Tx) error {
		text, err = tx.Info(cookieSpace, cookieKey)
		return err
	})
	return text, err
}

// keepCookies keeps them in place of those before.
func (db *Database) keepCookies(ctx context.Context, text []byte) error {
	if isURL(db.store.Path()) {
		db.nodeCookies.Store(text)
		return nil
	}
	kept, err := db.cookies(ctx)
	if err != nil || bytes.Equal(kept, text) {
		return err
	}
	return db.store.Update(ctx, func(tx *store.Tx) error { return tx.SetInfo(cookieSpace, cookieKey, text) })
}
