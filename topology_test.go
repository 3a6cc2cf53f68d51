package tandem_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem"
)

// node is a device that serves its database, and replicates it to others.
type node struct {
	coll *tandem.Collection
	url  string
	out  []*tandem.Replicator
}

func newNodes(t *testing.T, n int) []*node {
	t.Helper()
	nodes := make([]*node, n)
	for i := range nodes {
		coll := newCollection(t)
		for doc := range 10 {
			save(t, coll, fmt.Sprintf("n%d-%d", i, doc), fmt.Sprintf(`{"by":%d}`, i))
		}
		l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{coll}})
		nodes[i] = &node{coll: coll, url: l.URLs()[0]}
	}
	return nodes
}

func (n *node) follow(t *testing.T, other *node, configure ...func(*tandem.ReplicatorConfiguration)) {
	t.Helper()
	r := replicator(t, other.url, n.coll, append(configure, continuous)...)
	check(t, r.Start())
	n.out = append(n.out, r)
}

// part ends what the node has followed.
func (n *node) part() {
	for _, r := range n.out {
		r.Close()
	}
	n.out = nil
}

// TestTopologiesConverge also sees to it that documents nobody edits stay the revisions they
// are, and that a mesh at rest sends nothing.
func TestTopologiesConverge(t *testing.T) { // L-21 L-22 L-23 L-24 R-15 X-28
	for name, x := range map[string]struct {
		nodes int
		links [][2]int
	}{
		"each to the other": {2, [][2]int{{0, 1}, {1, 0}}},
		"chain":             {4, [][2]int{{0, 1}, {1, 2}, {2, 3}}},
		"star":              {5, [][2]int{{1, 0}, {2, 0}, {3, 0}, {4, 0}}},
		"ring":              {3, [][2]int{{0, 1}, {1, 2}, {2, 0}}},
		"full mesh":         {4, [][2]int{{0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 2}, {1, 3}, {2, 0}, {2, 1}, {2, 3}, {3, 0}, {3, 1}, {3, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := newNodes(t, x.nodes)
			before := revisions(t, nodes[0].coll)
			for _, link := range x.links {
				nodes[link[0]].follow(t, nodes[link[1]])
			}
			eventually(t, func() bool { return allSame(t, nodes, 10*x.nodes) })
			for id, rev := range before {
				if now := revisions(t, nodes[len(nodes)-1].coll)[id]; now != rev {
					t.Errorf("%s was %s and is %s, though nobody has edited it", id, rev, now)
				}
			}
			save(t, nodes[0].coll, "n1-0", `{"edited":true}`)
			eventually(t, func() bool {
				doc, err := nodes[len(nodes)-1].coll.Document(t.Context(), "n1-0")
				return err == nil && string(doc.Body()) == `{"edited":true}`
			})
			last, same := uint64(0), 0
			eventually(t, func() bool { // nothing moves while one looks 200 times
				now := traffic(nodes)
				if same++; now != last || now == 0 {
					last, same = now, 0
				}
				return same == 200
			})
		})
	}
}

// Three groups part from each other, go on by themselves and meet again; meanwhile a peer has left
// for good and another has come.
func TestGroupsThatMeetAgainAgree(t *testing.T) {
	merging := func(c *tandem.ReplicatorConfiguration) { c.Collections[0].ConflictResolver = tandem.MergeFields }
	nodes := newNodes(t, 6)
	save(t, nodes[0].coll, "shared", `{"group 0":"","group 1":"","group 2":""}`)
	for _, n := range nodes[1:] {
		n.follow(t, nodes[0], merging)
	}
	eventually(t, func() bool { return allSame(t, nodes, 61) })

	for _, n := range nodes {
		n.part()
	}
	for group := range 3 {
		first, second := nodes[2*group], nodes[2*group+1]
		second.follow(t, first, merging)
		change(t, first.coll, "shared", fmt.Sprintf("group %d", group), "was here")
		saveWithBlob(t, second.coll, fmt.Sprintf("photo %d", group), []byte("of this group"), true)
		eventually(t, func() bool { return allSame(t, []*node{first, second}, 62) })
	}

	left, late := nodes[5], newNodes(t, 1)[0]
	left.part()
	check(t, left.coll.Database().Close())
	late.follow(t, nodes[0], merging)
	nodes = append(nodes[:5], late)
	for _, n := range []*node{nodes[2], nodes[4]} {
		n.follow(t, nodes[0], merging)
	}
	eventually(t, func() bool { return allSame(t, nodes, 64) })
	for _, n := range nodes {
		wantBody(t, n.coll, "shared", `{"group 0":"was here","group 1":"was here","group 2":"was here"}`)
		for group := range 3 {
			id := fmt.Sprintf("photo %d", group)
			wantBlob(t, read(t, n.coll, id).Blob("blob"), id+"of this group", "text/plain")
		}
	}
}

// change sets a property of a stored document.
func change(t *testing.T, c *tandem.Collection, id, key string, value any) {
	t.Helper()
	d := read(t, c, id)
	check(t, d.SetValue(key, value))
	check(t, c.Save(t.Context(), d))
}

func revisions(t *testing.T, c *tandem.Collection) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for doc, err := range c.All(t.Context()) {
		check(t, err)
		all[doc.ID()] = doc.RevisionID()
	}
	return all
}

func allSame(t *testing.T, nodes []*node, documents int) bool {
	first := revisions(t, nodes[0].coll)
	if len(first) != documents {
		return false
	}
	for _, n := range nodes[1:] {
		for id, rev := range revisions(t, n.coll) {
			if first[id] != rev {
				return false
			}
		}
		if len(revisions(t, n.coll)) != documents {
			return false
		}
	}
	return true
}

// traffic is what all replicators have sent and received, 0 while one of them is not idle.
func traffic(nodes []*node) (bytes uint64) {
	for _, node := range nodes {
		for _, r := range node.out {
			status := r.Status()
			if status.Activity != tandem.Idle {
				return 0
			}
			bytes += status.Progress.BytesSent + status.Progress.BytesReceived
		}
	}
	return bytes
}
