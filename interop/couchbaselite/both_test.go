package couchbaselite

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestAReleasedAppAndTheFourthGenerationShareOneListener has an app with a released Couchbase Lite 3, and a
// database of version vectors, which speaks the protocol of Couchbase Lite 4, sync with one database over one
// listener. They create, edit, delete and create anew in turn, and edit the same.
func TestAReleasedAppAndTheFourthGenerationShareOneListener(t *testing.T) {
	for _, version := range versions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, version)
			f.inTurn()
			f.conflicts()
			f.blobs()
			if got := fmt.Sprint(f.peer.db.MetGenerations()); got != "[3 4]" {
				t.Errorf("has met the generations %s, want both", got)
			}
		})
	}
}

// fleet is a story with an app of each generation.
type fleet struct {
	*story
	fourth *tandem.Database
	docs   *tandem.Collection
}

func newFleet(t *testing.T, version string) *fleet {
	t.Helper()
	f := &fleet{story: &story{TB: t, version: version, app: startApp(t, version, t.TempDir()), db: "fleet"}}
	f.peer = newPeer(t, library, false, tandem.BothGenerations)
	f.peer.listen(t)
	check(t, f.app.do("open", args{"db": f.db}, nil))
	t.Cleanup(func() { check(t, f.app.do("close", args{"db": f.db}, nil)) })
	var err error
	f.fourth, err = tandem.Open(t.Context(), t.TempDir()+"/fourth", tandem.Options{Versioning: tandem.VersionVectors})
	check(t, err)
	t.Cleanup(func() { check(t, f.fourth.Close()) })
	f.docs, err = f.fourth.DefaultCollection(t.Context())
	check(t, err)
	return f
}

// syncFourth syncs the database of the fourth generation once, and returns how many documents moved. What is
// refused for a conflict is settled by the pull.
func (f *fleet) syncFourth() (moved int) {
	f.Helper()
	endpoint, err := tandem.NewURLEndpoint(f.peer.url())
	check(f, err)
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
	cfg.AddCollection(f.docs)
	r, err := tandem.NewReplicator(cfg)
	check(f, err)
	defer r.Close()
	r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) { moved += len(e.Documents) })
	check(f, r.Start())
	if err := r.Wait(f.Context()); err != nil {
		f.Logf("the fourth generation: %v", err)
	}
	return moved
}

// documentsOfFourth gives the documents of the fourth generation by ID.
func (f *fleet) documentsOfFourth() map[string]any {
	f.Helper()
	all := map[string]string{}
	for d, err := range f.docs.All(f.Context()) {
		check(f, err)
		all[d.ID()] = string(d.Body())
	}
	return decoded(f, all)
}

// meet syncs all until nobody has news, and checks that one more round moves nothing.
func (f *fleet) meet() {
	f.Helper()
	for range 3 {
		f.trySync(nil)
		f.syncFourth()
	}
	if r := f.sync(nil); len(r.Documents) > 0 {
		f.Errorf("one more sync of the app moved %v, want nothing", r.Documents)
	}
	if n := f.syncFourth(); n > 0 {
		f.Errorf("one more sync of the fourth generation moved %d documents, want none", n)
	}
	f.equal()
	theirs := f.documentsOfFourth()
	if ours := f.tandemDocuments(); !reflect.DeepEqual(theirs, ours) {
		f.Errorf("the fourth generation has %v, Tandem %v", theirs, ours)
	}
	f.sound()
}

// inTurn has each side make a document, which the others then edit, delete and make anew.
func (f *fleet) inTurn() {
	sides := []struct {
		put func(id, body string)
		del func(id string)
	}{
		{f.put, f.del},
		{f.save, f.remove},
		{
			func(id, body string) { check(f, f.docs.Put(f.Context(), id, json.RawMessage(body))) },
			func(id string) {
				d, err := f.docs.Document(f.Context(), id)
				check(f, err)
				check(f, f.docs.Delete(f.Context(), d))
			},
		},
	}
	for i, side := range sides {
		side.put(fmt.Sprintf("turn%d", i), `{"round":0}`)
	}
	f.meet()
	for round := 1; round < 7; round++ {
		for i := range sides {
			side, id := sides[(i+round)%3], fmt.Sprintf("turn%d", i)
			if round%4 == 3 {
				side.del(id)
			} else {
				side.put(id, fmt.Sprintf(`{"round":%d}`, round))
			}
		}
		f.meet()
	}
	for i := range sides { // one revision for each edit
		d, err := f.peer.docs.Document(f.Context(), fmt.Sprintf("turn%d", i))
		check(f, err)
		if !strings.HasPrefix(d.TreeRevisionID(), "7-") {
			f.Errorf("turn%d: after 7 edits its tree revision is %s, want generation 7", i, d.TreeRevisionID())
		}
	}
}

// conflicts has both apps edit or delete the same documents.
func (f *fleet) conflicts() {
	for i := range 4 {
		f.save(fmt.Sprintf("both%d", i), `{"by":"tandem"}`)
	}
	f.meet()
	for i := range 4 {
		id := fmt.Sprintf("both%d", i)
		d, err := f.docs.Document(f.Context(), id)
		check(f, err)
		if i == 1 {
			f.del(id)
		} else {
			f.put(id, `{"by":"the third"}`)
		}
		if i == 2 {
			check(f, f.docs.Delete(f.Context(), d))
		} else {
			check(f, f.docs.Put(f.Context(), id, json.RawMessage(`{"by":"the fourth"}`)))
		}
	}
	f.meet()
}

// blobs has blobs go both ways.
func (f *fleet) blobs() {
	for name, docs := range map[string]*tandem.Collection{"the fourth": f.docs, "tandem": f.peer.docs} {
		blob := tandem.NewBlob("text/plain", []byte("from "+name))
		check(f, docs.Put(f.Context(), "blob of "+name, map[string]any{"file": blob}))
	}
	f.meet()
}
