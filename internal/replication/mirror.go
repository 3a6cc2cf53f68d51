package replication

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// The members of a mesh take turns in who dials, and the dialler is the active peer. So that the
// other one goes on from where the link has come as well, both keep each checkpoint a second time,
// mirrored: what the active peer has pushed is what the passive one need not pull, and the other way
// round. The passive peer names the ID of its checkpoint in its reply to getCollections.

// mirrored returns a checkpoint as the other peer sees it. It is no further than the first sequence
// that is not done. ok is false if the peers do not count alike.
func mirrored(body []byte, now time.Time) (mirror []byte, ok bool) {
	position, _, err := wire.ParseCheckpoint(body)
	if err != nil {
		return nil, false
	}
	theirs := uint64(0)
	if position.Remote != "" {
		if theirs, err = strconv.ParseUint(strings.Trim(position.Remote, `"`), 10, 63); err != nil {
			return nil, false
		}
	}
	other := checkpoint.Position{Done: []checkpoint.Span{{First: 0, End: theirs + 1}}}
	if len(position.Done) > 0 && position.Done[0].First == 0 && position.Done[0].End > 1 {
		other.Remote = strconv.FormatUint(position.Done[0].End-1, 10)
	}
	return wire.EncodeCheckpoint(other, now), true
}

// mirrorIDs returns the IDs of this member's own checkpoints with the peer, for the collections that
// the peer asks for.
func (m *Mesh) mirrorIDs(db *store.DB, names []string) []string {
	ids := make([]string, len(names))
	for i, name := range names {
		for _, opts := range m.Collections {
			if opts.Collection.FullName() == name {
				ids[i] = checkpointID(db.PrivateUUID(), m.Remote, &opts)
			}
		}
	}
	return ids
}

// readMirrors reads the IDs that the passive peer has named, none if they do not fit.
func readMirrors(text string, n int) []string {
	const longest = 100
	ids := strings.Split(text, ",")
	if text == "" || len(ids) != n {
		return make([]string, n)
	}
	for i, id := range ids {
		if len(id) > longest {
			ids[i] = ""
		}
	}
	return ids
}

// mirrorOurs keeps, on the passive side, the peer's checkpoint as our own.
func mirrorOurs(tx *store.Tx, c *collection, client string, body []byte) error {
	if c.mirror == "" || client != c.client {
		return nil
	}
	mirror, ok := mirrored(body, tx.Now())
	if !ok {
		return nil
	}
	return tx.SetLocalCheckpoint(c.mirror, mirror)
}

// mirrorTheirs keeps, on the active side, our checkpoint as the peer's.
func mirrorTheirs(tx *store.Tx, c *collection, body []byte) error {
	if c.mirror == "" {
		return nil
	}
	mirror, ok := mirrored(body, tx.Now())
	if !ok {
		return nil
	}
	rev, _, _, err := tx.PeerCheckpoint(c.mirror)
	if err != nil {
		return err
	}
	_, err = tx.SetPeerCheckpoint(c.mirror, rev, mirror)
	return err
}

// forgottenAtOnce is how many documents one transaction takes.
const forgottenAtOnce = 500

// Forget removes what a database keeps of a peer that was not met for long: what documents it is known
// to have, and how far the replications with it have come. When it comes back, both compare all
// documents anew.
func (m *Mesh) Forget(ctx context.Context, db *store.DB) error {
	for _, opts := range m.Collections {
		for after, more := store.Sequence(0), true; more; more = after > 0 {
			var next store.Sequence
			err := db.Update(ctx, func(tx *store.Tx) error {
				known, err := tx.Remotes()
				if remote := known[m.Remote]; err == nil && remote != 0 {
					next, err = tx.ForgetKnown(opts.Collection, remote, after, forgottenAtOnce)
				}
				return err
			})
			after = next
			if err != nil {
				return err
			}
		}
		err := db.Update(ctx, func(tx *store.Tx) error {
			return tx.DropLocalCheckpoint(checkpointID(db.PrivateUUID(), m.Remote, &opts))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
