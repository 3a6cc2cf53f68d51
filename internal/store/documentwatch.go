package store

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// DocumentChange is what a commit has made of a document: nil before it was there, and nil when it is gone.
type DocumentChange struct{ Before, After *ChangedDocument }

// ChangedDocument is a document before or after a change.
type ChangedDocument struct {
	ID       string
	Sequence Sequence
	Deleted  bool
	Expiry   int64 // Unix milliseconds, 0 for never
	Rev      string
	Body     []byte
}

// The bounds of what a subscription remembers of changed documents. They are low: a thousand queries look at each.
const (
	maxDocumentChanges = 8
	maxDocumentBytes   = 256 << 10
)

// SubscribeDocuments is [DB.Subscribe] for one collection, with [Subscription.Documents].
func (db *DB) SubscribeDocuments(c *Collection) *Subscription {
	sub := db.Subscribe(c)
	db.signals.mu.Lock()
	defer db.signals.mu.Unlock()
	if _, open := db.signals.subs[sub]; open {
		sub.documents, sub.lost = true, true // until the writer records
		db.signals.documented.Add(1)
	}
	return sub
}

// Documents returns how many commits the subscription has reported, and the changes of documents that these have made
// since the last call. It reports false if it does not know them all: others have written, or there were too many.
func (sub *Subscription) Documents() (count uint64, changes []DocumentChange, known bool) {
	sub.signals.mu.Lock()
	defer sub.signals.mu.Unlock()
	changes, known = sub.changes, !sub.lost
	sub.changes, sub.bytes, sub.lost = nil, 0, false
	return sub.count.Load(), changes, known
}

// lose gives up the changes until the next call of Documents.
func (sub *Subscription) lose() { sub.changes, sub.bytes, sub.lost = nil, 0, true }

// note takes the changes of a commit; nil if they are not recorded.
func (sub *Subscription) note(r *recorder) {
	if r == nil {
		sub.lose()
		return
	}
	of := sub.of[0]
	changes := r.changes[of]
	sub.bytes += r.bytes
	if sub.lost || r.lost || len(changes) == 0 || len(sub.changes)+len(changes) > maxDocumentChanges || sub.bytes > maxDocumentBytes {
		sub.lose()
		return
	}
	sub.changes = append(sub.changes, changes...)
}

// recorded returns the collections whose changes somebody wants: true if now, false if not before the next call of
// [Subscription.Documents].
func (s *signals) recorded() map[int64]bool {
	if s.documented.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[int64]bool{}
	for sub := range s.subs {
		if sub.documents {
			all[sub.of[0]] = all[sub.of[0]] || !sub.lost
		}
	}
	return all
}

// recorder notes the changes of documents that a connection writes, by triggers that no other connection has.
type recorder struct {
	triggers map[int64]bool // collections that have them; nil before the first
	wanted   map[int64]bool

	changes map[int64][]DocumentChange
	bytes   int
	lost    bool // not all are in changes
}

// record prepares for a group of transactions. A change that is undone later may stay among those noted.
func (c *conn) record(wanted map[int64]bool) {
	r := &c.recorder
	r.wanted = wanted
	clear(r.changes)
	r.bytes, r.lost = 0, false
	for collection := range r.triggers {
		if _, still := wanted[collection]; !still {
			_ = c.Exec(forCollection(dropRecording, collection)) // a trigger too many costs time alone
			delete(r.triggers, collection)
		}
	}
	for collection := range wanted {
		if r.triggers[collection] {
			continue
		}
		if r.triggers == nil {
			r.triggers, r.changes = map[int64]bool{}, map[int64][]DocumentChange{}
			if c.CreateFunction("tandem_document", -1, 0, r.note) != nil {
				return
			}
		}
		r.triggers[collection] = c.Exec(forCollection(createRecording, collection)) == nil
		if !r.triggers[collection] { // the collection may be gone
			_ = c.Exec(`ROLLBACK TO recording; RELEASE recording`)
		}
	}
}

const recordedColumns = "%[1]s.id, %[1]s.seq, %[1]s.flags, %[1]s.expiry, %[1]s.rev, %[1]s.body"

var (
	recordedOld = fmt.Sprintf(recordedColumns, "OLD")
	recordedNew = fmt.Sprintf(recordedColumns, "NEW")

	createRecording = `SAVEPOINT recording;
CREATE TEMP TRIGGER recorded_#_insert AFTER INSERT ON main.docs_# BEGIN SELECT tandem_document(#, 1, ` + recordedNew + `); END;
CREATE TEMP TRIGGER recorded_#_delete AFTER DELETE ON main.docs_# BEGIN SELECT tandem_document(#, 0, ` + recordedOld + `); END;
CREATE TEMP TRIGGER recorded_#_update AFTER UPDATE OF seq, flags, expiry ON main.docs_#
WHEN (OLD.seq, OLD.flags & 1, OLD.expiry) IS NOT (NEW.seq, NEW.flags & 1, NEW.expiry)
BEGIN SELECT tandem_document(#, 2, ` + recordedOld + ", " + recordedNew + `); END;
RELEASE recording;`

	dropRecording = `DROP TRIGGER IF EXISTS temp.recorded_#_insert; DROP TRIGGER IF EXISTS temp.recorded_#_delete;
DROP TRIGGER IF EXISTS temp.recorded_#_update;`
)

// note is the SQL function that the triggers call.
func (r *recorder) note(_ sqlite3.Context, a ...sqlite3.Value) {
	collection := a[0].Int64()
	if !r.wanted[collection] || r.lost {
		return
	}
	r.bytes += 64
	for _, v := range a[2:] {
		if v.Type() == sqlite3.TEXT {
			r.bytes += len(v.RawText())
		}
	}
	if r.bytes > maxDocumentBytes || len(r.changes[collection]) >= maxDocumentChanges {
		r.lost = true
		return
	}
	var change DocumentChange
	switch a[1].Int() {
	case 0:
		change.Before = changedDocument(a[2:])
	case 1:
		change.After = changedDocument(a[2:])
	default:
		change.Before, change.After = changedDocument(a[2:8]), changedDocument(a[8:])
	}
	r.changes[collection] = append(r.changes[collection], change)
}

func changedDocument(a []sqlite3.Value) *ChangedDocument {
	return &ChangedDocument{
		ID: a[0].Text(), Sequence: Sequence(a[1].Int64()), Deleted: a[2].Int64()&flagDeleted != 0, Expiry: a[3].Int64(),
		Rev: a[4].Text(), Body: []byte(a[5].Text()),
	}
}
