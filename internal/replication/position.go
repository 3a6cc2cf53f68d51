package replication

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// anyPositionOf is positionOf for the directions that were replicated in, whichever it was.
func anyPositionOf(tx *store.Tx, db *store.DB, remote string, opts CollectionOptions) (done checkpoint.Local, err error) {
	for _, pull := range []bool{opts.Pull, !opts.Pull} {
		opts.Push, opts.Pull = true, pull
		if done, err = positionOf(tx, db, remote, opts); err != nil || done.Seen() > 0 {
			break
		}
	}
	return done, err
}

// positionOf reads what the checkpoint says is done.
func positionOf(tx *store.Tx, db *store.DB, remote string, opts CollectionOptions) (done checkpoint.Local, err error) {
	text, err := tx.LocalCheckpoint(checkpointID(db, remote, &opts))
	if err != nil || text == nil {
		return done, err
	}
	position, _, err := wire.ParseCheckpoint(text)
	if err != nil {
		return done, nil //nolint:nilerr // a checkpoint that cannot be read is none
	}
	return checkpoint.NewLocal(position.Done), nil
}

// checkpointID names the checkpoint of one collection of one replication: the same for the
// same work, another for any other.
func checkpointID(db *store.DB, remote string, c *CollectionOptions) string {
	uuid := db.PrivateUUID()
	h := sha256.New()
	h.Write(uuid[:])
	fmt.Fprintf(h, "%q %q push=%t pull=%t", remote, c.Collection.FullName(), c.Push, c.Pull)
	if c.DocIDs != nil {
		fmt.Fprintf(h, " ids=%q", c.DocIDs)
	}
	if len(c.Channels) > 0 {
		fmt.Fprintf(h, " channels=%q", strings.Join(c.Channels, ","))
	}
	return "cp-" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// idSet is the set of the IDs that a document can have; nil stays nil, and means all documents.
func idSet(ids []string) map[string]bool {
	if ids == nil {
		return nil
	}
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		if document.CheckIncomingID(id) == nil {
			set[id] = true
		}
	}
	return set
}
