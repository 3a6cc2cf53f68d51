package powercut_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// How a document description ends.
const (
	tombstone  = " deleted"
	inConflict = " in conflict"
)

// peer is a database with the history of its documents.
type peer struct {
	t       *testing.T
	path    string
	options store.Options
	disk    *storetest.Disk // nil for a real one
	db      *store.DB
	coll    *store.Collection
	next    *seal.Secret // the key after a key change in progress; nil if there is none

	seen     map[string][]string // by document: its contents over time
	promised map[string]int      // by document: the index of the content that must not be lost
}

func newPeer(t *testing.T, path string, versioning store.Versioning) *peer {
	return &peer{
		t: t, path: path, options: store.Options{Versioning: versioning},
		seen: make(map[string][]string), promised: make(map[string]int),
	}
}

func (p *peer) name() string { return strings.TrimSuffix(filepath.Base(p.path), store.Extension) }

func (p *peer) open() (err error) {
	if p.db, err = store.Open(context.Background(), p.path, p.options); err != nil {
		return err
	}
	p.coll, err = p.db.Collection(context.Background(), store.DefaultName, store.DefaultName)
	return err
}

// openWhatIsLeft opens the database after a power cut that may have interrupted a change of the
// key.
func (p *peer) openWhatIsLeft() error {
	err := p.open()
	if errors.Is(err, fault.NotADatabase) {
		p.options.Secret = p.next
		err = p.open()
	}
	return err
}

// changeKey encrypts the database; nil removes the encryption.
func (p *peer) changeKey(to *seal.Secret) error {
	p.next = to
	err := p.db.ChangeKey(context.Background(), to)
	if err == nil {
		p.options.Secret = to
	}
	return err
}

func (p *peer) reopen() error { return errors.Join(p.db.Close(), p.open()) }

func (p *peer) compact() error { return p.db.Compact(context.Background()) }

func (p *peer) save(id, body string) error {
	return p.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Body: []byte(body)})
		return err
	})
}

func (p *peer) delete(id string) error {
	return p.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Deleted: true})
		return err
	})
}

// blob stores content and returns the JSON of its reference.
func (p *peer) blob(content string) (string, error) {
	w, err := p.db.BlobWriter(context.Background())
	if err != nil {
		return "", err
	}
	defer w.Abort()
	if _, err := w.Write([]byte(content)); err != nil {
		return "", err
	}
	digest, size, err := w.Commit(context.Background(), "")
	return fmt.Sprintf(`{"@type":"blob","digest":%q,"length":%d,"content_type":"text/plain"}`, digest, size), err
}

// promise makes every saved document durable.
func (p *peer) promise() error {
	err := p.db.UpdateDurable(context.Background(), func(*store.Tx) error { return nil })
	if err == nil {
		p.settle()
	}
	return err
}

// observe records the current content of each document.
func (p *peer) observe() {
	if p.db == nil {
		return
	}
	for id, is := range p.contents() {
		if all := p.seen[id]; len(all) == 0 || all[len(all)-1] != is {
			p.seen[id] = append(all, is)
		}
	}
}

// settle records that the current content of each document must not be lost.
func (p *peer) settle() {
	p.observe()
	for id, all := range p.seen {
		p.promised[id] = len(all) - 1
	}
}

// checkPromised fails if a document is missing, or has a content from before the promise.
func (p *peer) checkPromised(when string) {
	now := p.contents()
	for id, promised := range p.promised {
		if now[id] == "" {
			p.t.Errorf("%s %s: %s is lost, which was promised", p.name(), when, id)
		}
		for _, old := range p.seen[id][:promised] {
			if now[id] == old {
				p.t.Errorf("%s %s: %s is %.80s, which was replaced for good", p.name(), when, id, old)
			}
		}
	}
}

// contents maps the IDs of all documents to revision and body, and checks that their blobs are
// complete.
func (p *peer) contents() map[string]string {
	p.t.Helper()
	all := make(map[string]string)
	err := p.db.View(context.Background(), func(tx *store.Tx) error {
		docs, err := tx.Changes(p.coll, 0, 1_000, store.Select{WithBody: true})
		for _, d := range docs {
			all[d.ID] = describe(d)
			blobs, err := document.Blobs(d.Body)
			if err != nil {
				return err
			}
			for _, blob := range blobs {
				if !p.db.HasBlob(blob.Digest) {
					p.t.Errorf("%s has no content for a blob of %s", p.path, d.ID)
				}
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, fault.NotOpen) {
		p.t.Fatal(err)
	}
	return all
}

func describe(d *store.Document) string {
	text := fmt.Sprintf("%s %s", d.Rev.ID, d.Body)
	if d.Deleted {
		text += tombstone
	}
	if d.Conflicted {
		text += inConflict
	}
	return text
}
