package couchbaselite

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestAnAppMeetsBridgesThatKnowDifferentPasts has the fourth generation sync one edit with a bridge, and three more
// edits with another one, which is not linked to the first. The app then syncs with the first, the second, and the first.
func TestAnAppMeetsBridgesThatKnowDifferentPasts(t *testing.T) {
	eachNetwork(t, func(n *network) {
		first, _ := n.addBridge(library)
		second, _ := n.addBridge(library)
		app, fourth := n.addThird(), n.addOurs(tandem.VersionVectors)
		fourth.put("doc", `{"edit":0}`)
		fourth.sync(first, nil)
		for edit := 1; edit <= 3; edit++ {
			fourth.put("doc", fmt.Sprintf(`{"edit":%d}`, edit))
		}
		fourth.sync(second, nil)
		for i, step := range []struct {
			with *peer
			has  int
		}{{first, 0}, {second, 3}, {first, 3}} {
			if got := app.sync(step.with, nil); len(got.resolved)+len(got.refused) > 0 {
				n.Errorf("sync %d: the app was told of a conflict: %+v", i, got)
			}
			app.has("doc", fmt.Sprintf(`{"edit":%d}`, step.has))
		}
		n.link(app, first, second)
		n.link(fourth, first, second)
		n.noConflict(n.rest(nil))
		app.has("doc", `{"edit":3}`)
	})
}

// TestAnUnsentEditOfAnotherNameArrivesAsAChild has two bridges give one version tree IDs of different generations.
// The app edits under the lower one, and pushes to the bridge with the higher one.
func TestAnUnsentEditOfAnotherNameArrivesAsAChild(t *testing.T) {
	for edits := 1; edits <= 3; edits++ {
		eachNetwork(t, func(n *network) {
			high, _ := n.addBridge(library)
			low, _ := n.addBridge(library)
			app, fourth := n.addThird(), n.addOurs(tandem.VersionVectors)
			fourth.sync(high, nil)
			n.addThird().sync(high, nil) // so that the bridge notes each edit
			for edit := range 4 {
				fourth.put("doc", fmt.Sprintf(`{"edit":%d}`, edit))
				fourth.sync(high, nil)
			}
			fourth.sync(low, nil)
			app.sync(low, nil)
			for edit := range edits {
				app.put("doc", fmt.Sprintf(`{"by the app":%d}`, edit))
			}
			lower, higher := generationOf(n, low, "doc"), generationOf(n, high, "doc")
			if lower >= higher {
				n.Fatalf("the generations of the names are %d and %d, want the first lower", lower, higher)
			}
			if got := app.sync(high, nil); !slices.Equal(got.moved, []string{"doc"}) || len(got.refused)+len(got.resolved) > 0 {
				n.Errorf("%d edits: the app's sync was %+v, want the edit to move and nothing else", edits, got)
			}
			n.devices = slices.DeleteFunc(n.devices, func(d device) bool { return d.String() == "third4" }) // had its part
			n.link(app, low, high)
			n.link(fourth, low, high)
			n.noConflict(n.rest(nil))
			app.has("doc", fmt.Sprintf(`{"by the app":%d}`, edits-1))
		})
	}
}

// TestAnAppOfTheThirdGenerationIsUpgraded has a database of revision trees sync like an app of the third
// generation, and gives it what an app with the released library has not sent. It is then upgraded in place, and stands
// for that app: what was not touched does not move, what was not sent does, and nobody sees a conflict.
func TestAnAppOfTheThirdGenerationIsUpgraded(t *testing.T) {
	eachNetwork(t, func(n *network) {
		bridge, own := n.addBridge(library)
		app, other, fourth, heir := n.addThird(), n.addThird(), n.addOurs(tandem.VersionVectors), n.addOurs(tandem.RevTrees)
		all := []device{own, app, other, fourth, heir}
		for _, d := range all[1:] {
			n.link(d, bridge)
		}
		for round := range 2 { // so that the past is of both generations
			for i := range 20 {
				all[(i+round)%len(all)].put(fmt.Sprint("doc", i), fmt.Sprintf(`{"n":%d}`, round))
			}
			n.noConflict(n.rest(nil))
		}
		app.put("doc0", `{"unsent":1}`)
		app.put("doc0", `{"unsent":2}`)
		app.put("new", `{"unsent":1}`)
		app.del("doc1")
		n.inherit(app, heir)
		heir.put("doc2", `{"before the first sync":1}`)
		heir.put("doc0", `{"upon the unsent":1}`)
		got := heir.sync(bridge, nil)
		if !slices.Equal(sorted(got.moved), []string{"doc0", "doc1", "doc2", "new"}) || len(got.refused)+len(got.resolved) > 0 {
			n.Errorf("the first sync of the upgraded app was %+v, want what had not been sent", got)
		}
		n.noConflict(n.rest(nil))
		rest := []device{other, fourth, own, heir}
		n.inTurn(rest, 5)
		for i := range 8 { // documents from before the upgrade, by each
			rest[i%4].put(fmt.Sprint("doc", 4+i), `{"n":2}`)
			rest[i%4].put(fmt.Sprint("doc", 12+i), `{"n":2}`)
			n.noConflict(n.rest(nil))
		}
	})
}

// inherit upgrades heir, which gets all that the app has, and takes the app's place.
func (n *network) inherit(app *third, heir *ours) {
	n.Helper()
	p := &peer{side: library, db: heir.db, docs: heir.docs}
	p.listen(n)
	for !app.sync(p, nil).none() {
	}
	p.stop()
	check(n, heir.db.UpgradeVersioning(n.Context()))
	n.devices = slices.DeleteFunc(n.devices, func(d device) bool { return d == device(app) })
	n.links = slices.DeleteFunc(n.links, func(l link) bool { return l.from == device(app) })
}

func (n *network) noConflict(resolved map[string]int) {
	n.Helper()
	if len(resolved) > 0 {
		n.Errorf("conflicts were resolved, want none: each edit was made on the newest revision; %v", resolved)
	}
}

// has checks a document of the app.
func (d *third) has(id, body string) {
	d.Helper()
	want := decoded(d, map[string]string{id: body})[id]
	if got := d.documents()[id]; !reflect.DeepEqual(got, want) {
		d.Errorf("%s: the app has %v, want %v", id, got, want)
	}
}

// generationOf is that of the document's tree ID.
func generationOf(n *network, p *peer, id string) (generation int) {
	n.Helper()
	d, err := p.docs.Document(n.Context(), id)
	check(n, err)
	_, err = fmt.Sscanf(d.TreeRevisionID(), "%d-", &generation)
	check(n, err)
	return generation
}

func sorted(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }
