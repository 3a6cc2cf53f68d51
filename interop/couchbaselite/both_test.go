package couchbaselite

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// eachNetwork runs a story with each released library.
func eachNetwork(t *testing.T, tell func(n *network)) {
	t.Helper()
	for _, version := range versions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			tell(newNetwork(t, version))
		})
	}
}

// TestBothGenerationsShareOneListener has an app of each generation create, edit, delete and create anew
// in turn with the bridge, and exchange blobs. Each edit is one revision, and none is in conflict.
func TestBothGenerationsShareOneListener(t *testing.T) {
	eachNetwork(t, func(n *network) {
		bridge, own := n.addBridge(library)
		third, fourth := n.addThird(), n.addOurs(tandem.VersionVectors)
		n.link(third, bridge)
		n.link(fourth, bridge)
		n.inTurn([]device{third, own, fourth}, 7)
		n.blobs(third, own, fourth)
		if got := fmt.Sprint(bridge.db.MetGenerations()); got != "[3 4]" {
			n.Errorf("has met the generations %s, want both", got)
		}
	})
}

// inTurn has each device make a document, which the others then edit, delete and make anew.
func (n *network) inTurn(devices []device, edits int) {
	n.Helper()
	for i, d := range devices {
		d.put(fmt.Sprint("turn", i), `{"round":0}`)
	}
	n.noConflict(n.rest(nil))
	for round := 1; round < edits; round++ {
		for i := range devices {
			d, id := devices[(i+round)%len(devices)], fmt.Sprint("turn", i)
			if round%4 == 3 {
				d.del(id)
			} else {
				d.put(id, fmt.Sprintf(`{"round":%d}`, round))
			}
		}
		n.noConflict(n.rest(nil))
	}
	for i := range devices {
		n.wantTree(fmt.Sprint("turn", i), edits)
	}
}

// blobs has blobs go from and to each device.
func (n *network) blobs(app *third, own, fourth *ours) {
	n.Helper()
	const content = "from the app"
	app.put("of the app", `{}`)
	check(n, app.app.do("blob put", args{
		"db": app.db, "id": "of the app", "property": "file", "type": "text/plain",
		"content": base64.StdEncoding.EncodeToString([]byte(content)),
	}, nil))
	for _, d := range []*ours{own, fourth} {
		check(n, d.docs.Put(n.Context(), "of "+d.name, map[string]any{"file": tandem.NewBlob("text/plain", []byte("from "+d.name))}))
	}
	n.rest(nil)
	for _, d := range []*ours{own, fourth} {
		doc, err := d.docs.Document(n.Context(), "of the app")
		check(n, err)
		if got, err := doc.Blob("file").Content(); err != nil || string(got) != content {
			n.Errorf("the app's blob on %v: %q, %v", d, got, err)
		}
		var encoded string
		check(n, app.app.do("blob get", args{"db": app.db, "id": "of " + d.name, "property": "file"}, &encoded))
		if got, err := base64.StdEncoding.DecodeString(encoded); err != nil || string(got) != "from "+d.name {
			n.Errorf("the blob of %v in the app: %q, %v", d, got, err)
		}
	}
}

// TestFirstSyncsInAnyOrder has an app of each generation use two bridges, which are linked to each other or not. All
// have documents before, and sync first in random orders.
func TestFirstSyncsInAnyOrder(t *testing.T) {
	for _, version := range versions(t) {
		for seed := range uint64(testsize.Pick(4, 30)) {
			t.Run(fmt.Sprint(version, " ", seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				n := newNetwork(t, version)
				first, own := n.addBridge(library)
				second, _ := n.addBridge(library)
				n.link(n.addThird(), first, second)
				n.link(n.addOurs(tandem.VersionVectors), first, second)
				if seed%2 == 0 {
					n.link(own, second)
				}
				for i, d := range n.devices {
					for edit := range 1 + random.IntN(3) {
						d.put(fmt.Sprint("early", i), fmt.Sprintf(`{"edit":%d}`, edit))
					}
				}
				random.Shuffle(len(n.links), func(i, j int) { n.links[i], n.links[j] = n.links[j], n.links[i] })
				n.Logf("the order of links: %v", n.links)
				if resolved := n.rest(nil); len(resolved) > 0 {
					n.Errorf("conflicts were resolved in documents of one device each: %v", resolved)
				}
				n.inTurn(n.devices, 3)
			})
		}
	}
}

// TestEveryConflictEndsAlike has two or three devices edit or delete the same documents, with each resolver of the
// app, and each order of syncs.
func TestEveryConflictEndsAlike(t *testing.T) {
	for _, resolver := range []string{"default", "local", "remote", "merge"} {
		for _, appFirst := range []bool{false, true} {
			eachNetwork(t, func(n *network) {
				bridge, own := n.addBridge(library)
				app, fourth := n.addThird(), n.addOurs(tandem.VersionVectors)
				c := conflicts{n, map[string]device{"third": app, "own": own, "fourth": fourth}, resolver, nil}
				c.prepare()
				n.link(app, bridge)
				n.link(fourth, bridge)
				if !appFirst {
					slices.Reverse(n.links)
				}
				n.rest(nil) // of what all share
				c.makeAll()
				for id, times := range n.rest(args{"resolver": resolver}) {
					most := 1
					if strings.Contains(id, "own: edit") && strings.Count(id, ":") == 3 { // one may resolve what the other two have not synced yet
						most = 3
					}
					if times > most {
						n.Errorf("resolver %s: %s was resolved %d times", resolver, id, times)
					}
				}
				c.decided(app, appFirst)
				for _, id := range c.made { // life goes on
					app.put(id, `{"after":true}`)
				}
				if resolved := n.rest(nil); len(resolved) > 0 {
					n.Errorf("resolver %s: conflicts after the conflicts: %v", resolver, resolved)
				}
			})
		}
	}
}

// conflicts are documents that several devices change at once. Their IDs tell who does what.
type conflicts struct {
	*network
	by       map[string]device
	resolver string
	made     []string
}

// acts are what a device does to a document that all have.
func acts(d device, id, who, act string) {
	switch act {
	case "edit":
		d.put(id, fmt.Sprintf(`{"by":%q,%q:1}`, who, who))
	case "edit thrice":
		for i := range 3 {
			d.put(id, fmt.Sprintf(`{"by":%q,%q:%d}`, who, who, i))
		}
	case "edit alike":
		d.put(id, `{"alike":1}`)
	case "delete":
		d.del(id)
	case "delete and create":
		d.del(id)
		d.put(id, fmt.Sprintf(`{"anew by":%q}`, who))
	}
}

var allActs = []string{"edit", "edit thrice", "edit alike", "delete", "delete and create"}

// each calls do for two devices and their acts, and for the same with the third device's edit.
func (c *conflicts) each(do func(id string, acting map[string]string)) {
	pairs := [][2]string{{"third", "fourth"}, {"third", "own"}, {"own", "fourth"}}
	for i, pair := range pairs {
		for _, a := range allActs {
			for _, b := range allActs {
				id := fmt.Sprintf("%s: %s, %s: %s", pair[0], a, pair[1], b)
				do(id, map[string]string{pair[0]: a, pair[1]: b})
				if i == 0 {
					do(id+", own: edit", map[string]string{pair[0]: a, pair[1]: b, "own": "edit"})
				}
			}
		}
	}
}

// prepare gives the app the documents that all share. Every fourth is new on each side instead.
func (c *conflicts) prepare() {
	c.each(func(id string, _ map[string]string) {
		if c.made = append(c.made, id); len(c.made)%4 != 0 {
			c.by["third"].put(id, `{"before":1}`)
		}
	})
}

func (c *conflicts) makeAll() {
	i := 0
	c.each(func(id string, acting map[string]string) {
		i++
		for who, act := range acting {
			if i%4 == 0 {
				act = "edit"
			}
			acts(c.by[who], id, who, act)
		}
	})
}

// decided checks the outcome of what the app alone decides: the app's edit against that of one other device, which has
// synced before.
func (c *conflicts) decided(app *third, appFirst bool) {
	if appFirst {
		return
	}
	docs := app.documents()
	for _, who := range []string{"fourth", "own"} {
		id := fmt.Sprintf("third: edit, %s: edit", who)
		want := map[string]any{"local": "third", "remote": who, "merge": "third"}[c.resolver]
		if got, _ := docs[id].(map[string]any); want != nil && got["by"] != want {
			c.Errorf("resolver %s: %s ended as %v, want that of %v", c.resolver, id, got, want)
		}
	}
}
