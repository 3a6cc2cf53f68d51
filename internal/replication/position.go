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

// anyPositionOf returns positionOf for the combination of directions that has been replicated.
func anyPositionOf(tx *store.Tx, db *store.DB, remote string, opts CollectionOptions) (done checkpoint.Local, err error) {
	for _, pull := range []bool{opts.Pull, !opts.Pull} {
		opts.Push, opts.Pull = true, pull
		if done, err = positionOf(tx, db, remote, opts); err != nil || done.Seen() > 0 {
			break
		}
	}
	return done, err
}

// positionOf reads the position that the checkpoint has saved.
func positionOf(tx *store.Tx, db *store.DB, remote string, opts CollectionOptions) (done checkpoint.Local, err error) {
	_, text, err := localCheckpoint(tx, checkpointIDs(db, remote, &opts))
	if err != nil || text == nil {
		return done, err
	}
	position, _, err := wire.ParseCheckpoint(text)
	if err != nil {
		return done, nil //nolint:nilerr // an unreadable checkpoint counts as missing
	}
	return checkpoint.NewLocal(position.Done), nil
}

// localCheckpoint reads our copy of a checkpoint, nil if there is none, and the ID that it has.
func localCheckpoint(tx *store.Tx, ids []string) (id string, text []byte, err error) {
	for _, id = range ids {
		if text, err = tx.LocalCheckpoint(id); err != nil || text != nil {
			return id, text, err
		}
	}
	return ids[0], nil, nil
}

// checkpointIDs returns the ID of the checkpoint of one collection of one replication, and then those that
// it had in the databases that db is a copy of, the latest first.
func checkpointIDs(db *store.DB, remote string, c *CollectionOptions) []string {
	ids := []string{checkpointID(db.PrivateUUID(), remote, c)}
	for _, uuid := range db.PreviousUUIDs() {
		ids = append(ids, checkpointID(uuid, remote, c))
	}
	return ids
}

// checkpointID returns the ID of a collection's checkpoint. Every setting that changes the set of
// replicated documents changes the ID.
func checkpointID(uuid [16]byte, remote string, c *CollectionOptions) string {
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

// idSet returns the set of document IDs that are valid. nil stays nil, and means all documents.
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
