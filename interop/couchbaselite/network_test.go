package couchbaselite

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// network has apps with a released Couchbase Lite, of the third generation, apps of the fourth, which Tandem's
// databases of version vectors play, and bridges, Tandem's databases of both.
type network struct {
	testing.TB

	version string
	app     *app // the process with the released library
	bridges []*peer
	devices []device // the bridges among them
	links   []link
}

// device is an app of either generation, or a bridge, with one collection.
type device interface {
	fmt.Stringer
	put(id, body string)
	del(id string)
	documents() map[string]any
	sync(with *peer, more args) news
}

// link is a device that replicates with a bridge.
type link struct {
	from device
	to   *peer
}

// news lists the documents that one sync has moved, those that were refused for a conflict, and those whose
// conflicts it has resolved.
type news struct{ moved, refused, resolved []string }

func (n news) none() bool { return len(n.moved)+len(n.refused)+len(n.resolved) == 0 }

func newNetwork(t testing.TB, version string) *network {
	t.Helper()
	return &network{TB: t, version: version, app: startApp(t, version, t.TempDir())}
}

// addBridge adds a database of both generations that listens.
func (n *network) addBridge(who side) (*peer, *ours) {
	n.Helper()
	p := newPeer(n, who, false, tandem.BothGenerations)
	p.listen(n)
	n.bridges = append(n.bridges, p)
	d := &ours{TB: n, name: fmt.Sprintf("bridge %d", len(n.bridges)), db: p.db, docs: p.docs}
	n.devices = append(n.devices, d)
	return p, d
}

// addThird adds an app with the released library.
func (n *network) addThird() *third {
	n.Helper()
	name := fmt.Sprintf("third%d", len(n.devices))
	d := &third{story: story{TB: n, version: n.version, app: n.app, db: name}}
	check(n, n.app.do("open", args{"db": name}, nil))
	n.Cleanup(func() { _ = d.app.do("close", args{"db": name}, nil) }) // the app may have been killed
	n.devices = append(n.devices, d)
	return d
}

// addOurs adds an app that Tandem plays, with a database of one generation.
func (n *network) addOurs(versioning tandem.Versioning) *ours {
	n.Helper()
	db, err := tandem.Open(n.Context(), filepath.Join(n.TempDir(), "shop"), tandem.Options{Versioning: versioning})
	check(n, err)
	n.Cleanup(func() { check(n, db.Close()) })
	docs, err := db.DefaultCollection(n.Context())
	check(n, err)
	d := &ours{TB: n, name: fmt.Sprintf("fourth%d", len(n.devices)), db: db, docs: docs}
	n.devices = append(n.devices, d)
	return d
}

func (n *network) link(from device, to ...*peer) {
	for _, p := range to {
		n.links = append(n.links, link{from, p})
	}
}

// rest syncs all links until a whole round moves nothing, and checks that all then have the same. It returns
// how often a conflict was resolved meanwhile, by document.
func (n *network) rest(more args) map[string]int {
	n.Helper()
	resolved := make(map[string]int)
	for range 12 {
		quiet := true
		for _, l := range n.links {
			got := l.from.sync(l.to, more)
			for _, id := range got.resolved {
				resolved[id]++
			}
			quiet = quiet && got.none()
		}
		if quiet {
			n.same()
			return resolved
		}
	}
	n.Errorf("after 12 rounds of all links something still moves")
	return resolved
}

// same checks that all devices have the same documents, and that the databases are sound.
func (n *network) same() {
	n.Helper()
	want := n.devices[0].documents()
	for _, d := range n.devices[1:] {
		got := d.documents()
		for id := range merged(want, got) {
			if !reflect.DeepEqual(got[id], want[id]) {
				n.Errorf("%s: %v has %v, %v %v", id, d, got[id], n.devices[0], want[id])
			}
		}
	}
	for _, d := range n.devices {
		if d, ok := d.(*ours); ok {
			d.sound()
		}
	}
}

func merged(a, b map[string]any) map[string]bool {
	all := make(map[string]bool)
	for _, m := range []map[string]any{a, b} {
		for id := range m {
			all[id] = true
		}
	}
	return all
}

// wantTree checks the generation of a document's tree ID on all bridges.
func (n *network) wantTree(id string, generation int) {
	n.Helper()
	for _, b := range n.bridges {
		d, err := b.docs.Document(n.Context(), id)
		check(n, err)
		if !strings.HasPrefix(d.TreeRevisionID(), fmt.Sprint(generation, "-")) {
			n.Errorf("%s: the tree revision is %s, want generation %d", id, d.TreeRevisionID(), generation)
		}
	}
}

// third is an app with the released library.
type third struct{ story }

func (d *third) String() string            { return d.db }
func (d *third) documents() map[string]any { return d.appDocuments() }

func (d *third) sync(with *peer, more args) (n news) {
	d.Helper()
	d.peer = with
	r := d.trySync(more)
	if r.Error != nil {
		d.Fatalf("the sync of %v: %v", d, r.Error)
	}
	n.resolved = r.Conflicts
	for _, one := range r.Documents {
		switch {
		case one.Error == nil:
			n.moved = append(n.moved, one.ID)
		case one.Error.Code == 10409 || one.Error.Code == 8:
			n.refused = append(n.refused, one.ID)
		default:
			d.Errorf("the sync of %s by %v: %v", one.ID, d, one.Error)
		}
	}
	return n
}

// ours is an app of the fourth generation, or a bridge as a replicator.
type ours struct {
	testing.TB

	name string
	db   *tandem.Database
	docs *tandem.Collection
}

func (d *ours) String() string { return d.name }

func (d *ours) put(id, body string) {
	d.Helper()
	check(d, d.docs.Put(d.Context(), id, json.RawMessage(body)))
}

func (d *ours) del(id string) {
	d.Helper()
	doc, err := d.docs.Document(d.Context(), id)
	check(d, err)
	check(d, d.docs.Delete(d.Context(), doc))
}

func (d *ours) documents() map[string]any {
	d.Helper()
	all := map[string]string{}
	for doc, err := range d.docs.All(d.Context()) {
		check(d, err)
		all[doc.ID()] = string(doc.Body())
	}
	return decoded(d, all)
}

func (d *ours) sync(with *peer, _ args) (n news) {
	d.Helper()
	before := d.resolved()
	r := d.replicator(with, false)
	defer r.Close()
	r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) {
		for _, one := range e.Documents {
			switch {
			case one.Err == nil:
				n.moved = append(n.moved, one.ID)
			case errors.Is(one.Err, tandem.ErrConflict):
				n.refused = append(n.refused, one.ID)
			default:
				d.Errorf("the sync of %s by %v: %v", one.ID, d, one.Err)
			}
		}
	})
	check(d, r.Start())
	if err := r.Wait(d.Context()); err != nil && len(n.refused) == 0 {
		d.Fatalf("the sync of %v: %v", d, err)
	}
	after := d.resolved()
	n.resolved = after[:len(after)-len(before)]
	return n
}

// resolved lists the documents whose conflicts the database has resolved, the latest first.
func (d *ours) resolved() (ids []string) {
	d.Helper()
	for c, err := range d.db.ResolvedConflicts(d.Context(), nil, "") {
		check(d, err)
		ids = append(ids, c.DocumentID)
	}
	return ids
}

func (d *ours) replicator(with *peer, continuous bool) *tandem.Replicator {
	d.Helper()
	endpoint, err := tandem.NewURLEndpoint(with.url())
	check(d, err)
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, Continuous: continuous}
	cfg.AddCollection(d.docs)
	r, err := tandem.NewReplicator(cfg)
	check(d, err)
	return r
}

func (d *ours) sound() {
	d.Helper()
	problems, err := d.db.Check(d.Context())
	check(d, err)
	for _, p := range problems {
		d.Errorf("tandem check of %v: %v", d, p)
	}
}
