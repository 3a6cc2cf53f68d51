package tandem_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	deviceCount     = flag.Int("devices", 0, "how many devices TestDevicesThatMeetAgainAgree has; 0 for what the size of the tests says")
	devicesPatience = flag.Duration("devices.patience", testsize.Patience, "how long the devices may take to agree")
	deviceDocuments = flag.Int("devices.documents", 20, "how many documents each device begins with")
)

const (
	deviceGroups   = 3
	documentsABlob = 20 // of so many documents one has a blob
)

// TestDevicesThatMeetAgainAgree joins all devices by a full mesh, parts them in three groups that edit
// the same document and others, and joins them again.
func TestDevicesThatMeetAgainAgree(t *testing.T) {
	resolvers := map[string]tandem.ConflictResolver{"merge": tandem.MergeFields, "default rules": nil}
	if testsize.All() {
		resolvers["remote wins"], resolvers["local wins"] = tandem.RemoteWins, tandem.LocalWins
	}
	for _, versioning := range []tandem.Versioning{tandem.VersionVectors, tandem.RevTrees} {
		for name, resolve := range resolvers {
			t.Run(string(versioning)+", "+name, func(t *testing.T) {
				d := newDevices(t, versioning, resolve)
				defer d.join(func(_, _ int) bool { return false })
				d.partAndMeet()
				if name == "merge" {
					d.wantEverybodysEdits()
				}
			})
		}
	}
}

func newDevices(t *testing.T, versioning tandem.Versioning, resolve tandem.ConflictResolver) *devices {
	d := &devices{t: t, resolve: resolve, nodes: make([]*node, cmp.Or(*deviceCount, testsize.Pick(4, 6))), links: make(map[[2]int]*tandem.Replicator)}
	for i := range d.nodes {
		coll := defaultIn(t, newDatabase(t, tandem.Options{Versioning: versioning}))
		d.fill(coll, i)
		l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{coll}})
		d.nodes[i] = &node{coll: coll, url: l.URLs()[0]}
	}
	return d
}

func (d *devices) partAndMeet() {
	everybody := func(_, _ int) bool { return true }
	d.join(everybody)
	d.settle("the mesh")

	group := func(i int) int { return i * deviceGroups / len(d.nodes) }
	d.join(func(i, j int) bool { return group(i) == group(j) })
	for i, n := range d.nodes {
		d.sign(i)
		change(d.t, n.coll, fmt.Sprintf("d%d-1", i), "edited", true)
		check(d.t, n.coll.Delete(d.t.Context(), read(d.t, n.coll, fmt.Sprintf("d%d-2", i))))
		saveWithBlob(d.t, n.coll, fmt.Sprintf("photo %d", i), []byte("of a group"), true)
	}
	d.join(everybody)
	d.settle("the groups")
	last := d.nodes[len(d.nodes)-1].coll
	for i := range d.nodes {
		id := fmt.Sprintf("photo %d", i)
		wantBlob(d.t, read(d.t, last, id).Blob("blob"), id+"of a group", "text/plain")
	}
}

// sign has a device edit the document that all edit, upon what comes from the others of its group.
func (d *devices) sign(device int) {
	coll := d.nodes[device].coll
	for {
		doc := read(d.t, coll, "d0-0")
		check(d.t, doc.SetValue(fmt.Sprintf("by %d", device), true))
		err := coll.SaveWithConcurrency(d.t.Context(), doc, tandem.FailOnConflict)
		if !errors.Is(err, tandem.ErrConflict) {
			check(d.t, err)
			return
		}
	}
}

func (d *devices) wantEverybodysEdits() {
	doc := read(d.t, d.nodes[0].coll, "d0-0")
	for i := range d.nodes {
		if v, _ := doc.Value(fmt.Sprintf("by %d", i)); v != true {
			d.t.Errorf("what device %d has done to the document of all is lost: %s", i, doc.Body())
		}
	}
}

// devices is a mesh of nodes, each a passive peer for those after it.
type devices struct {
	t       *testing.T
	resolve tandem.ConflictResolver
	nodes   []*node
	links   map[[2]int]*tandem.Replicator
}

func (d *devices) fill(coll *tandem.Collection, device int) {
	d.t.Helper()
	check(d.t, coll.Database().InBatch(d.t.Context(), func(b *tandem.Batch) error {
		for n := range *deviceDocuments {
			id := fmt.Sprintf("d%d-%d", device, n)
			doc := newDocument(d.t, id, fmt.Sprintf(`{"device":%d,"n":%d}`, device, n))
			if n%documentsABlob == 0 {
				check(d.t, doc.SetBlob("blob", tandem.NewBlob("text/plain", []byte(id))))
			}
			if err := b.Save(coll, doc); err != nil {
				return err
			}
		}
		return nil
	}))
}

// join links those pairs of devices that are wanted, and no others.
func (d *devices) join(wanted func(i, j int) bool) {
	for i := range d.nodes {
		for j := range i {
			link := [2]int{i, j}
			switch r := d.links[link]; {
			case r == nil && wanted(i, j):
				d.links[link] = replicator(d.t, d.nodes[j].url, d.nodes[i].coll, continuous, func(c *tandem.ReplicatorConfiguration) {
					c.Collections[0].ConflictResolver = d.resolve
				})
				check(d.t, d.links[link].Start())
			case r != nil && !wanted(i, j):
				d.cut(link)
			}
		}
	}
}

func (d *devices) cut(link [2]int) {
	d.links[link].Close()
	delete(d.links, link)
}

// settle waits until all devices have the same, and tells how long it took.
func (d *devices) settle(what string) {
	d.t.Helper()
	began := time.Now()
	deadline := time.After(*devicesPatience)
	for !d.idle() || d.differences() != "" {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			d.t.Fatalf("%s, idle %t, does not agree:\n%s", what, d.idle(), d.differences())
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	d.t.Logf("%s: %d devices, %d links, %d documents, in %v; %d MB from the system", what, len(d.nodes), len(d.links),
		len(revisionsOf(d.t, d.nodes[0].coll)), time.Since(began).Round(time.Millisecond), memory.Sys>>20)
}

// differences lists the documents that devices have otherwise than the first one.
func (d *devices) differences() string {
	var list strings.Builder
	first := revisionsOf(d.t, d.nodes[0].coll)
	for i, n := range d.nodes[1:] {
		here := revisionsOf(d.t, n.coll)
		if maps.Equal(first, here) {
			continue
		}
		fmt.Fprintf(&list, "device %d has %d documents, the first one %d\n", i+1, len(here), len(first))
		for id, rev := range here {
			if first[id] != rev {
				fmt.Fprintf(&list, "  %s %s, the first one %s\n", id, rev, first[id])
			}
		}
	}
	return list.String()
}

func (d *devices) idle() bool {
	for _, r := range d.links {
		if r.Status().Activity != tandem.Idle {
			return false
		}
	}
	return true
}
