package store

import (
	"strconv"

	"github.com/tandemdb/tandem/internal/fault"
)

// PeerCheckpoint returns the checkpoint that a client has stored under its ID, and the checkpoint's
// revision. ok is false if the client has stored none.
func (tx *Tx) PeerCheckpoint(client string) (rev string, body []byte, ok bool, err error) {
	n, body, err := tx.peerCheckpoint(client)
	if err != nil || n == 0 {
		return "", nil, false, err
	}
	return checkpointRev(n), body, true, nil
}

// SetPeerCheckpoint stores a client's checkpoint and returns its new revision: "1-cc", "2-cc" and
// so on. expect is the revision that the client has seen, "" for none; if the stored revision
// differs, SetPeerCheckpoint fails with fault.Conflict.
func (tx *Tx) SetPeerCheckpoint(client, expect string, body []byte) (rev string, err error) {
	const op = "set checkpoint"
	n, _, err := tx.peerCheckpoint(client)
	if err != nil {
		return "", err
	}
	if is := checkpointRev(n); is != expect {
		return "", fault.Conflict.In(op, client).Says("the checkpoint is at revision %q, not %q", is, expect)
	}
	err = tx.atomic(func() error {
		return sqlFault(tx.rows.setPeerCheckpoint(client, n+1, body, last), op, client)
	})
	if err != nil {
		return "", err
	}
	return checkpointRev(n + 1), nil
}

func (tx *Tx) peerCheckpoint(client string) (n int64, body []byte, err error) {
	n, body, err = tx.rows.peerCheckpoint(client)
	return n, body, sqlFault(err, "get checkpoint", client)
}

func checkpointRev(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10) + "-cc"
}

// LocalCheckpoint returns the body that [Tx.SetLocalCheckpoint] stored under id, or nil.
func (tx *Tx) LocalCheckpoint(id string) (body []byte, err error) {
	body, err = tx.rows.localCheckpoint(id)
	return body, sqlFault(err, "get checkpoint", id)
}

// SetLocalCheckpoint stores the local copy of a replicator's checkpoint.
func (tx *Tx) SetLocalCheckpoint(id string, body []byte) error {
	return tx.atomic(func() error {
		return sqlFault(tx.rows.setLocalCheckpoint(id, body, last), "set checkpoint", id)
	})
}
