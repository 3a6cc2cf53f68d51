package sim_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// How a document description ends.
const (
	tombstone  = " deleted"
	inConflict = " in conflict"
)

// today is the start of the simulated time. synctest's own clock starts before the minimum time of
// a version.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // constant

// peer is a database with its own disk and clock.
type peer struct {
	w          *world
	name       string
	versioning store.Versioning
	skew       time.Duration
	unlucky    bool // has lost edits that other peers may have

	path     string
	disk     *storetest.Disk
	db       *store.DB
	coll     *store.Collection
	visitors sync.WaitGroup // passive sessions
	cuts     int

	mu      sync.Mutex // guards the following
	running bool
}

func (p *peer) setRunning(running bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = running
}

func (p *peer) now() time.Time { return today.Add(time.Since(p.w.began) + p.skew) }

func (p *peer) open() {
	p.disk = storetest.NewDisk()
	p.reconnect()
	p.setRunning(true)
}

func (p *peer) reconnect() {
	db, err := store.Open(context.Background(), p.path, store.Options{Versioning: p.versioning, Now: p.now, Disk: p.disk})
	p.must(err)
	p.db = db
	p.coll, err = db.Collection(context.Background(), store.DefaultName, store.DefaultName)
	p.must(err)
}

func (p *peer) close() {
	p.must(p.db.Close())
	p.disk.Close()
}

func (p *peer) reopen() {
	p.must(p.db.Close())
	p.reconnect()
}

// cutPower restarts the peer from its disk after a power cut.
func (p *peer) cutPower() {
	p.cuts++
	p.disk.CutAt(1)
	_ = p.db.Close()                               // nothing of this reaches the disk
	p.must(p.disk.Restart(p.path, uint64(p.cuts))) //nolint:gosec // positive
	p.disk.Close()
	p.open()
	p.sound()
}

func (p *peer) must(err error) {
	if err != nil {
		p.w.t.Fatalf("%s after %s: %v", p.name, time.Since(p.w.began), err)
	}
}

func (p *peer) update(fn func(tx *store.Tx) error) { p.must(p.db.Update(context.Background(), fn)) }

func (p *peer) save(id, body string) {
	p.update(func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Body: []byte(body)})
		return err
	})
}

func (p *peer) delete(id string) {
	p.update(func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Deleted: true})
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
}

func (p *peer) blob(content string) string {
	w, err := p.db.BlobWriter(context.Background())
	p.must(err)
	defer w.Abort()
	_, err = w.Write([]byte(content))
	p.must(err)
	digest, size, err := w.Commit(context.Background(), "")
	p.must(err)
	return fmt.Sprintf(`{"@type":"blob","digest":%q,"length":%d,"content_type":"text/plain"}`, digest, size)
}

func (p *peer) sound() {
	problems, err := p.db.Check(context.Background())
	p.must(err)
	if len(problems) > 0 {
		p.w.t.Errorf("%s after %s: %v", p.name, time.Since(p.w.began), problems)
	}
}

// contents maps the IDs of all documents to revision and body.
func (p *peer) contents() map[string]string {
	all := make(map[string]string)
	p.must(p.db.View(context.Background(), func(tx *store.Tx) error {
		docs, err := tx.Changes(p.coll, 0, 1_000, store.Select{WithBody: true})
		for _, d := range docs {
			text := fmt.Sprintf("%s %s", d.Rev.ID, d.Body)
			if d.Deleted {
				text += tombstone
			}
			if d.Conflicted {
				text += inConflict
			}
			all[d.ID] = text
			blobs, err := document.Blobs(d.Body)
			if err != nil {
				return err
			}
			for _, blob := range blobs {
				if !p.db.HasBlob(blob.Digest) {
					p.w.t.Errorf("%s has no content for a blob of %s", p.name, d.ID)
				}
			}
		}
		return err
	}))
	return all
}
