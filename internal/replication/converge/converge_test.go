package converge_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	meshSeeds = flag.Int("converge.seeds", 0, "how many random meshes to try; 0 for as many as the size of the tests says")
	meshSeed  = flag.Uint64("converge.seed", 0, "try only the mesh of this seed")
)

// TestMeshesConverge edits documents on randomly linked peers, breaks links in mid-frame, and
// restarts peers. At the end every peer must have the same documents and revisions, no conflict may
// remain, and no edit may be lost unless somebody has edited the document since. Repeat a failed
// seed with -converge.seed.
func TestMeshesConverge(t *testing.T) {
	if *meshSeed != 0 {
		runMesh(t, *meshSeed)
		return
	}
	for seed := range uint64(cmp.Or(*meshSeeds, testsize.Pick(4, 30))) { //nolint:gosec // positive
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			t.Parallel()
			runMesh(t, seed+1)
		})
	}
}

// mesh is a set of peers with the links between them.
type mesh struct {
	t      *testing.T
	random *rand.Rand
	peers  []*meshPeer
	links  [][2]int        // from the active to the passive peer
	over   map[[2]int]bool // links whose next session must start over
	edits  int
	purged map[string]bool   // purged somewhere
	last   map[string]string // the last body of a document that was edited when all peers agreed
}

type meshPeer struct {
	path string
	db   *store.DB
	coll *store.Collection
}

func runMesh(t *testing.T, seed uint64) {
	m := &mesh{
		t: t, random: rand.New(rand.NewPCG(seed, 17)), //nolint:gosec // reproducible on purpose
		over: make(map[[2]int]bool), purged: make(map[string]bool), last: make(map[string]string),
	}
	versioning := store.RevTrees
	if seed%2 == 0 {
		versioning = store.VersionVectors
	}
	upgrades := seed%4 == 3 // with unsettled edits and conflicts
	for i := range 5 + m.random.IntN(2) {
		m.peers = append(m.peers, &meshPeer{path: filepath.Join(t.TempDir(), fmt.Sprintf("peer%d.tandem", i))})
		m.open(m.peers[i], versioning)
	}
	defer m.closeAll()
	m.linkUp()
	for range 2 {
		for range 12 + m.random.IntN(20) {
			m.step()
		}
		if upgrades {
			m.upgrade()
		}
		m.settle()
		m.check(seed)
		m.editEachOnce()
	}
	m.settle()
	m.check(seed)
}

func (m *mesh) open(p *meshPeer, v store.Versioning) {
	db, err := storetest.Open(m.t, p.path, store.Options{Versioning: v})
	if err != nil {
		m.t.Fatal(err)
	}
	p.db = db
	if p.coll, err = db.Collection(context.Background(), "_default", "_default"); err != nil {
		m.t.Fatal(err)
	}
}

// upgrade switches all databases to version vectors.
func (m *mesh) upgrade() {
	for _, p := range m.peers {
		if err := p.db.UpgradeVersioning(context.Background()); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *mesh) closeAll() {
	for _, p := range m.peers {
		if err := p.db.Close(); err != nil {
			m.t.Error(err)
		}
	}
}

// linkUp joins all peers by a random tree plus a few links.
func (m *mesh) linkUp() {
	for i := 1; i < len(m.peers); i++ {
		m.addLink(i, m.random.IntN(i))
	}
	for range m.random.IntN(4) {
		i := m.random.IntN(len(m.peers))
		m.addLink(i, (i+1+m.random.IntN(len(m.peers)-1))%len(m.peers))
	}
}

func (m *mesh) addLink(i, j int) {
	if m.random.IntN(2) == 0 {
		i, j = j, i
	}
	m.links = append(m.links, [2]int{i, j})
}

func (m *mesh) step() {
	p := m.peers[m.random.IntN(len(m.peers))]
	switch n := m.random.IntN(20); {
	case n < 9:
		m.edit(p, m.anyID())
	case n < 11:
		m.delete(p, m.anyID())
	case n < 12:
		m.purge(p, m.anyID())
	case n < 13:
		m.note("restart %s", filepath.Base(p.path))
		if err := p.db.Close(); err != nil {
			m.t.Error(err)
		}
		m.open(p, "")
	default:
		link := m.links[m.random.IntN(len(m.links))]
		cut := int64(0)
		if m.random.IntN(2) == 0 {
			cut = 1 + m.random.Int64N(40)
		}
		m.sync(link, cut)
	}
}

func (m *mesh) anyID() string { return fmt.Sprintf("doc%d", m.random.IntN(6)) }

// edit saves a new body, sometimes with a blob, sometimes long enough for deltas.
func (m *mesh) edit(p *meshPeer, id string) string {
	m.edits++
	m.note("edit %d of %s at %s", m.edits, id, filepath.Base(p.path))
	body := fmt.Sprintf(`{"edit":%d}`, m.edits)
	switch m.random.IntN(4) {
	case 0:
		body = fmt.Sprintf(`{"edit":%d,"blob":%s}`, m.edits, m.blob(p))
	case 1:
		body = fmt.Sprintf(`{"edit":%d,"text":"%s"}`, m.edits, strings.Repeat("long ", 60))
	}
	m.update(p, func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Body: []byte(body)})
		return err
	})
	delete(m.last, id)
	return body
}

func (m *mesh) blob(p *meshPeer) string {
	w, err := p.db.BlobWriter(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	defer w.Abort()
	content := fmt.Sprintf("content %d", m.random.IntN(8))
	if _, err := w.Write([]byte(content)); err != nil {
		m.t.Fatal(err)
	}
	digest, size, err := w.Commit(context.Background(), "")
	if err != nil {
		m.t.Fatal(err)
	}
	return fmt.Sprintf(`{"@type":"blob","digest":%q,"length":%d,"content_type":"text/plain"}`, digest, size)
}

// note logs an event, if a single seed is run.
func (m *mesh) note(format string, args ...any) {
	if *meshSeed != 0 {
		m.t.Logf(format, args...)
	}
}

func (m *mesh) delete(p *meshPeer, id string) {
	m.note("delete %s at %s", id, filepath.Base(p.path))
	m.update(p, func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Deleted: true})
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
	delete(m.last, id)
}

func (m *mesh) purge(p *meshPeer, id string) {
	m.note("purge %s at %s", id, filepath.Base(p.path))
	m.update(p, func(tx *store.Tx) error {
		err := tx.Purge(p.coll, id)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		m.purged[id] = true
		return err
	})
	delete(m.last, id)
}

func (m *mesh) update(p *meshPeer, fn func(tx *store.Tx) error) {
	if err := p.db.Update(context.Background(), fn); err != nil {
		m.t.Fatal(err)
	}
}

// sync runs one session over a link. If cut is not 0, the link breaks after cut frames.
func (m *mesh) sync(link [2]int, cut int64) (moved uint64) {
	m.note("sync %d to %d, cut after %d frames", link[0], link[1], cut)
	a, p := m.peers[link[0]], m.peers[link[1]]
	protocol := replication.CBMobile3
	if a.db.Versioning() == store.VersionVectors {
		protocol = replication.CBMobile4
	}
	pipeA, pipeP := blip.NewPipePair()
	if cut > 0 {
		pipeA = bliptest.Cut(pipeA, cut)
	}
	active := replication.NewActive(pipeA, replication.Active{
		Common:      replication.Common{DB: a.db, Protocol: protocol, Deltas: true},
		Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true, Pull: true}},
		Remote:      p.path,
		StartedOver: m.over[link],
	})
	passive := replication.NewPassive(pipeP, replication.Passive{
		Common:      replication.Common{DB: p.db, Protocol: protocol, Deltas: true},
		Collections: []*store.Collection{p.coll},
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = passive.Run(context.Background()) // ends with the active side
	}()
	err := active.Run(context.Background())
	if err != nil && cut == 0 && !errors.Is(err, replication.ErrStartOver) {
		m.t.Errorf("session %v: %v", link, err)
	}
	<-done
	m.over[link] = errors.Is(err, replication.ErrStartOver)
	progress := active.Progress()
	return progress.Push.Documents + progress.Pull.Documents
}

// settle syncs all links until no session moves a revision.
func (m *mesh) settle() {
	for range 50 {
		moved, over := uint64(0), false
		for _, link := range m.links {
			moved += m.sync(link, 0)
			over = over || m.over[link]
		}
		if moved == 0 && !over {
			return
		}
	}
	m.t.Fatal("the mesh does not come to rest")
}

// editEachOnce edits some documents, each on one peer. If all peers agree on a document, its edit
// must win. After a purge, or on an empty peer that has not heard of a deletion, it need not.
func (m *mesh) editEachOnce() {
	for i := range 6 {
		p := m.peers[m.random.IntN(len(m.peers))]
		id := fmt.Sprintf("doc%d", i)
		agreed := m.sameEverywhere(id)
		body := m.edit(p, id)
		if agreed {
			m.last[id] = body
		}
	}
}

func (m *mesh) sameEverywhere(id string) bool {
	first := m.contents(m.peers[0])[id]
	return !slices.ContainsFunc(m.peers, func(p *meshPeer) bool { return m.contents(p)[id] != first })
}

func (m *mesh) missingSomewhere(id string) bool {
	return slices.ContainsFunc(m.peers, func(p *meshPeer) bool {
		_, ok := m.contents(p)[id]
		return !ok
	})
}

// sameLine reports whether one peer's revision descends from the other's. A peer that has purged a
// document may get an older revision from a peer that is behind. It gets the newer one with the
// next edit only, because the pull has passed it.
func (m *mesh) sameLine(id string, a, b *meshPeer) bool {
	order := revision.Compare(m.revision(a, id), m.revision(b, id))
	return order == revision.Newer || order == revision.Older
}

func (m *mesh) revision(p *meshPeer, id string) (rev revision.Rev) {
	err := p.db.View(context.Background(), func(tx *store.Tx) error {
		d, err := tx.Head(p.coll, id)
		if err != nil {
			return err
		}
		rev = d.Rev
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return rev
}

// check compares all peers.
func (m *mesh) check(seed uint64) {
	first := m.contents(m.peers[0])
	for i, p := range m.peers {
		if problems, err := p.db.Check(context.Background()); err != nil || len(problems) > 0 {
			m.t.Errorf("seed %d: peer %d is not sound: %v, %v", seed, i, problems, err)
		}
		here := m.contents(p)
		for id := range union(first, here) {
			a, inFirst := first[id]
			b, inHere := here[id]
			if m.purged[id] && (m.missingSomewhere(id) || m.sameLine(id, m.peers[0], p)) {
				continue // purges are not replicated, and may leave peers different
			}
			if !inFirst && strings.HasSuffix(b, " deleted") || !inHere && strings.HasSuffix(a, " deleted") {
				continue // an empty database asks for no tombstones
			}
			if a != b {
				m.t.Errorf("seed %d: %s is %s on peer 0 and %s on peer %d", seed, id, a, b, i)
			}
		}
		for id, body := range m.last {
			if !strings.HasSuffix(here[id], " "+body) {
				m.t.Errorf("seed %d: %s is %s on peer %d, the last edit was %s", seed, id, here[id], i, body)
			}
		}
	}
	if m.t.Failed() {
		m.t.Fatalf("reproduce with -run TestMeshesConverge -converge.seed %d", seed)
	}
}

func union(a, b map[string]string) map[string]bool {
	all := make(map[string]bool)
	for id := range a {
		all[id] = true
	}
	for id := range b {
		all[id] = true
	}
	return all
}

// contents maps IDs to revision and body, and checks that blobs exist.
func (m *mesh) contents(p *meshPeer) map[string]string {
	all := make(map[string]string)
	err := p.db.View(context.Background(), func(tx *store.Tx) error {
		docs, err := tx.Changes(p.coll, 0, 1_000, store.Select{WithBody: true})
		for _, d := range docs {
			rev := d.Rev.ID
			if p.db.Versioning() == store.VersionVectors {
				rev = rev.Encoded() // one peer may keep the tree revision and another its encoded form
			}
			text := fmt.Sprintf("%s %s", rev, d.Body)
			if d.Deleted {
				text += " deleted"
			}
			if d.Conflicted {
				text += " in conflict"
			}
			all[d.ID] = text
			blobs, err := document.Blobs(d.Body)
			if err != nil {
				return err
			}
			for _, blob := range blobs {
				if !p.db.HasBlob(blob.Digest) {
					m.t.Errorf("%s has no content for a blob of %s", p.path, d.ID)
				}
			}
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}
