package fleet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// peer is a database: of both generations, or an app's of one.
type peer struct {
	n    *network
	name string
	skew time.Duration

	judged int64             // the conflicts that the judge has seen
	told   map[string]string // the last notes, by document

	disk *storetest.Disk
	db   *store.DB
	coll *store.Collection
}

func (n *network) addPeer(name string, v store.Versioning) {
	p := &peer{n: n, name: name, skew: time.Duration(n.random.IntN(7)-3) * time.Second, disk: storetest.NewDisk(), told: make(map[string]string)}
	p.open(v)
	n.peers = append(n.peers, p)
}

// today is the start of the simulated time: synctest's own clock starts before the minimum time of a version.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // constant

func (p *peer) now() time.Time { return today.Add(time.Since(p.n.began) + p.skew) }

func (p *peer) open(v store.Versioning) {
	path := filepath.Join(p.n.dir, p.name+store.Extension)
	db, err := store.Open(context.Background(), path, store.Options{Versioning: v, Now: p.now, Disk: p.disk})
	p.must(err)
	p.db = db
	p.coll, err = db.Collection(context.Background(), store.DefaultName, store.DefaultName)
	p.must(err)
}

func (p *peer) restart() {
	p.must(p.db.Close())
	p.open("")
}

func (p *peer) must(err error) {
	if err != nil {
		p.n.t.Fatalf("%s: %v", p.name, err)
	}
}

func (p *peer) isBridge() bool { return p.db.Versioning() == store.Both }

// protocol returns what p, or a database of both on its behalf, speaks with other.
func (p *peer) protocol(other *peer) string {
	if p.db.Versioning() == store.RevTrees || other.db.Versioning() == store.RevTrees {
		return replication.CBMobile3
	}
	return replication.CBMobile4
}

// save stores an edit, and reports whether its parent is still the head.
func (p *peer) save(e store.Edit) bool {
	err := p.db.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, e)
		return err
	})
	if errors.Is(err, fault.Conflict) {
		return false
	}
	p.must(err)
	return true
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

// state is the head of a document on a peer.
type state struct {
	rev     revision.Rev
	body    string
	deleted bool
	open    bool // in conflict
	content
}

func (s state) String() string {
	return fmt.Sprintf("%s %.60s%s%s", s.rev.ID, s.body, map[bool]string{true: " deleted"}[s.deleted],
		map[bool]string{true: " in conflict"}[s.open])
}

// same reports whether two peers have the same content.
func (s state) same(o state) bool { return s.body == o.body && s.deleted == o.deleted }

// documents returns all heads, and checks that their blobs are there.
func (p *peer) documents() map[string]state {
	all := make(map[string]state)
	p.must(p.db.View(context.Background(), func(tx *store.Tx) error {
		docs, err := tx.Changes(p.coll, 0, 1_000, store.Select{WithBody: true})
		for _, d := range docs {
			all[d.ID] = state{d.Rev, string(d.Body), d.Deleted, d.Conflicted, contentOf(d.Body)}
			blobs, err := document.Blobs(d.Body)
			if err != nil {
				return err
			}
			for _, blob := range blobs {
				if !p.db.HasBlob(blob.Digest) {
					p.n.complain("%s has no content for a blob of %s", p.name, d.ID)
				}
			}
		}
		return err
	}))
	return all
}

// noteNews logs what has changed since it was called last, if a single seed is played.
func (p *peer) noteNews() {
	if *fleetSeed == 0 {
		return
	}
	for id, s := range p.documents() {
		text := s.String()
		if p.isBridge() {
			text = fmt.Sprint(text, both.HeadOf(s.rev).Chain())
		}
		if p.told[id] != text {
			p.n.note("  %s on %s: %s", id, p.name, text)
			p.told[id] = text
		}
	}
}

func (p *peer) conflictLog() (log []*store.LoggedConflict) {
	p.must(p.db.View(context.Background(), func(tx *store.Tx) (err error) {
		log, err = tx.ConflictLog(store.ConflictFilter{}, 10_000)
		return err
	}))
	return log
}

func (p *peer) sound() {
	problems, err := p.db.Check(context.Background())
	p.must(err)
	if len(problems) > 0 {
		p.n.t.Errorf("%s is not sound: %v", p.name, problems)
	}
}

// content is what the judge reads in a body: its edits, and those that their maker knew. A body that a resolver
// has merged has several edits.
type content struct {
	Edits []int `json:"edits"`
	Knows []int `json:"knows"`
}

func contentOf(body []byte) (c content) {
	if err := json.Unmarshal(body, &c); err != nil {
		panic(err) // bodies are JSON objects
	}
	return c
}

// body writes a body with some more properties, each preceded by a comma.
func (c content) body(more ...string) []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return []byte(strings.TrimSuffix(string(text), "}") + strings.Join(more, "") + "}")
}
