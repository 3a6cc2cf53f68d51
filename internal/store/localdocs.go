package store

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// Bounds of local documents.
const (
	MaxLocal      = 10 << 10 // bytes of a body
	MaxLocalID    = 255      // bytes of an ID
	maxLocalCount = 10_000   // of a database
)

// localSpace is the [Tx.Info] space of local documents. Keys are the number of the collection, a slash and
// the ID. A value has the time of the last change in milliseconds, the number of the revision, both
// as eight bytes, and the body: so the documents that nobody has changed for longest go first.
const (
	localSpace  = "local"
	localPrefix = 16
)

// Local returns a local document of a collection, which is not replicated, and its revision: "0-1",
// "0-2" and so on. The body is nil if there is none.
func (tx *Tx) Local(c *Collection, id string) (rev string, body []byte, err error) {
	n, body, err := tx.local(c, id)
	if err != nil || n == 0 {
		return "", nil, err
	}
	return localRev(n), body, nil
}

// SetLocal stores a local document and returns its new revision. expect is the revision that it replaces,
// "" for none; if the stored revision differs, SetLocal fails with fault.Conflict. A nil body removes
// the document. Of more than 10,000 in a database the older half goes.
//
// The first local document tells that clients with revision trees of their own sync: from then on
// documents keep longer histories.
func (tx *Tx) SetLocal(c *Collection, id, expect string, body []byte) (rev string, err error) {
	const op = "set local document"
	if err := checkLocal(id, body); err != nil {
		return "", err
	}
	err = tx.atomic(func() error {
		n, _, err := tx.local(c, id)
		if err != nil {
			return err
		}
		if is := localRev(n); is != expect {
			return fault.Conflict.In(op, id).Says("the local document is at revision %q, not %q", is, expect)
		}
		if body == nil {
			rev = expect
			return tx.SetInfo(localSpace, localKey(c, id), nil)
		}
		rev = localRev(n + 1)
		return tx.setLocal(c, id, n+1, body)
	})
	return rev, err
}

func (tx *Tx) setLocal(c *Collection, id string, n int64, body []byte) error {
	if err := tx.noteBranches(); err != nil {
		return err
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(tx.now.UnixMilli()))
	value = append(binary.BigEndian.AppendUint64(value, uint64(n)), body...)
	return tx.SetBoundedInfo(localSpace, localKey(c, id), value, maxLocalCount)
}

func checkLocal(id string, body []byte) error {
	const op = "set local document"
	switch {
	case id == "" || len(id) > MaxLocalID || strings.ContainsRune(id, 0):
		return fault.BadDocID.In(op, id[:min(len(id), MaxLocalID)]).
			Says("the ID of a local document has %d bytes, want 1 to %d without NUL", len(id), MaxLocalID)
	case len(body) > MaxLocal:
		return fault.Invalid.In(op, id).Says("a local document has %d bytes, more than the %d allowed", len(body), MaxLocal)
	}
	return nil
}

// noteBranches raises the length of histories, once.
func (tx *Tx) noteBranches() error {
	if tx.hasBranches() {
		return nil
	}
	tx.state.settings, tx.state.branches = true, true
	return sqlFault(tx.rows.set(metaBranches, int64(1), more), "set "+metaBranches, tx.db.path)
}

// hasBranches reports whether a client with revision trees is known, also from this transaction.
func (tx *Tx) hasBranches() bool {
	return tx.db.hasBranches.Load() || tx.state.branches
}

func (tx *Tx) local(c *Collection, id string) (n int64, body []byte, err error) {
	value, err := tx.Info(localSpace, localKey(c, id))
	if err != nil || value == nil {
		return 0, nil, err
	}
	if len(value) < localPrefix {
		return 0, nil, damaged()
	}
	return int64(binary.BigEndian.Uint64(value[8:])), value[localPrefix:], nil
}

func localKey(c *Collection, id string) string { return strconv.FormatInt(c.id, 10) + "/" + id }

func localRev(n int64) string {
	if n == 0 {
		return ""
	}
	return "0-" + strconv.FormatInt(n, 10)
}
