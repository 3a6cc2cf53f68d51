package tandem_test

import (
	"bytes"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestMeshMemberCarriesForTheOthers lets one member replicate with a listener that the others cannot reach.
func TestMeshMemberCarriesForTheOthers(t *testing.T) {
	hub := newCollection(t)
	save(t, hub, "fromHub", `{"n":1}`)
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{hub}})
	a := newGroupOwner(t)
	all := startMembers(t, a, 3)
	carrier, far := all[1], all[2]
	r := replicator(t, l.URLs()[0], carrier.coll, continuous)
	check(t, r.Start())
	defer r.Close()
	waitSame(t, 1, all...)
	photo := newDocument(t, "fromFar", `{"n":2}`)
	content := bytes.Repeat([]byte("picture"), 5000)
	check(t, photo.SetBlob("picture", tandem.NewBlob("image/png", content)))
	check(t, far.coll.Save(t.Context(), photo))
	hubHas := func(id, rev string) func() bool {
		return func() bool {
			d, err := hub.Document(t.Context(), id)
			return err == nil && d.RevisionID() == rev
		}
	}
	await(t, "the hub has the document of a member that cannot reach it", hubHas("fromFar", photo.RevisionID()))
	got, err := mustDocument(t, hub, "fromFar").Blob("picture").Content()
	check(t, err)
	if !bytes.Equal(got, content) {
		t.Errorf("the hub has a blob of %d bytes, want %d", len(got), len(content))
	}
	d := mustDocument(t, far.coll, "fromHub")
	check(t, d.SetBody([]byte(`{"n":3}`)))
	check(t, far.coll.Save(t.Context(), d))
	await(t, "an edit goes back to the hub", hubHas("fromHub", d.RevisionID()))
	check(t, hub.Delete(t.Context(), mustDocument(t, hub, "fromFar")))
	waitSame(t, 1, all...)
	wantSameContents(t, all...)
	if pulled := far.Status().Progress.Pull.Bytes; pulled > 1000 {
		t.Errorf("the far member has pulled %d bytes of what it wrote itself", pulled)
	}
}
