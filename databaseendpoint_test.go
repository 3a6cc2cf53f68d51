package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// localReplicator returns a replicator between the collections' databases, which is closed with the test.
func localReplicator(t testing.TB, from, to *tandem.Collection, configure ...func(*tandem.ReplicatorConfiguration)) *tandem.Replicator {
	t.Helper()
	cfg := tandem.ReplicatorConfiguration{Endpoint: tandem.NewDatabaseEndpoint(to.Database())}
	cfg.AddCollection(from)
	for _, change := range configure {
		change(&cfg)
	}
	r, err := tandem.NewReplicator(cfg)
	check(t, err)
	t.Cleanup(r.Close)
	return r
}

// TestE27DatabasesReplicateAsWithAListener both ways, and go on where they were.
func TestE27DatabasesReplicateAsWithAListener(t *testing.T) {
	for _, versioning := range []tandem.Versioning{tandem.VersionVectors, tandem.RevTrees} {
		local := threeReplications(t, versioning, localReplicator)
		url := ""
		remote := threeReplications(t, versioning, func(
			t testing.TB, from, to *tandem.Collection, configure ...func(*tandem.ReplicatorConfiguration),
		) *tandem.Replicator {
			if url == "" {
				url = offer(t, to).URLs()[0]
			}
			return replicator(t, url, from, configure...)
		})
		wantIDs(t, string(versioning)+": the progress of three replications", local, remote...)
	}
}

// threeReplications tells the progress of a first replication, one after changes, and one after none.
func threeReplications(
	t *testing.T, versioning tandem.Versioning,
	between func(t testing.TB, from, to *tandem.Collection, configure ...func(*tandem.ReplicatorConfiguration)) *tandem.Replicator,
) (progress []string) {
	t.Helper()
	ours := defaultIn(t, newDatabase(t, tandem.Options{Versioning: versioning}))
	theirs := defaultIn(t, newDatabase(t, tandem.Options{Versioning: versioning}))
	d := newDocument(t, "mine", `{}`)
	check(t, d.SetBlob("blob", tandem.NewBlob("text/plain", []byte("content"))))
	check(t, ours.Save(t.Context(), d))
	for i := range 100 {
		save(t, ours, fmt.Sprint("o", i), `{"by":"us"}`)
		save(t, theirs, fmt.Sprint("t", i), `{"by":"them"}`)
	}
	check(t, theirs.Delete(t.Context(), read(t, theirs, "t0")))
	changes := []func(){
		func() {},
		func() {
			save(t, ours, "o1", `{"by":"us","again":true}`)
			save(t, theirs, "t1", `{"by":"them","again":true}`)
		},
		func() {},
	}
	for i, change := range changes {
		change()
		status := endWith(t, between(t, ours, theirs), nil)
		push, pull := status.Progress.Push, status.Progress.Pull
		fromStart := i > 0 && pull.Total > 50 // the first is announced what it pushes, too, where that is soon enough
		progress = append(progress, fmt.Sprint(push.Documents, " of ", push.Total, ", ", pull.Documents, ", ", fromStart))
		wantContents(t, theirs, contents(t, ours))
	}
	content, err := read(t, theirs, "mine").Blob("blob").Content()
	if err != nil || string(content) != "content" {
		t.Errorf("the blob has arrived as %q, %v", content, err)
	}
	return progress
}

// TestE27AContinuousReplicatorFollowsBothDatabases until the other one closes.
func TestE27AContinuousReplicatorFollowsBothDatabases(t *testing.T) {
	ours, theirs := newCollection(t), newCollection(t)
	continuous := func(c *tandem.ReplicatorConfiguration) { c.Continuous = true }
	r, back := localReplicator(t, ours, theirs, continuous), localReplicator(t, theirs, ours, continuous)
	check(t, r.Start())
	check(t, back.Start())
	for i := range 20 {
		save(t, ours, fmt.Sprint("o", i), `{}`)
		save(t, theirs, fmt.Sprint("t", i), `{}`)
	}
	eventually(t, func() bool { return len(contents(t, ours)) == 40 && len(contents(t, theirs)) == 40 })
	back.Close()
	check(t, theirs.Database().Close())
	eventually(t, func() bool { r.RetryNow(); return r.Status().Activity == tandem.Stopped })
	wantError(t, "the replicator whose peer has closed", r.Status().Err, tandem.ErrNotOpen)
	endWith(t, localReplicator(t, ours, theirs), tandem.ErrNotOpen)
}

// TestE27FiltersApplyOnBothSides to what leaves and what arrives.
func TestE27FiltersApplyOnBothSides(t *testing.T) {
	ours, theirs := newCollection(t), newCollection(t)
	for _, id := range []string{"ab", "cd", "ac", "bd"} {
		save(t, ours, "o"+id, `{}`)
		save(t, theirs, "t"+id, `{}`)
	}
	without := func(part string) tandem.ReplicationFilter {
		return func(d *tandem.Document, _ tandem.DocumentFlags) bool { return !strings.Contains(d.ID(), part) }
	}
	r := localReplicator(t, ours, theirs, func(c *tandem.ReplicatorConfiguration) {
		c.Endpoint = tandem.NewDatabaseEndpoint(theirs.Database()).WithFilters(without("a"), without("b"))
		c.Collections[0].PushFilter, c.Collections[0].PullFilter = without("c"), without("d")
	})
	check(t, r.Start())
	failed := new(tandem.DocumentsError)
	if err := r.Wait(t.Context()); !errors.As(err, &failed) || failed.Count != 4 {
		t.Errorf("got %v, want four documents that their receivers refuse", err)
	}
	for _, x := range []struct {
		name   string
		of     *tandem.Collection
		letter string
		want   []string
	}{
		{"pushed", theirs, "o", nil}, // ab: refused there; cd, ac: kept here; bd: refused there
		{"pulled", ours, "t", nil},   // ab, ac: kept there; cd, bd: refused here
	} {
		for id := range maps.Keys(contents(t, x.of)) {
			if strings.HasPrefix(id, x.letter) {
				t.Errorf("%s has passed all filters", id)
			}
		}
	}
	save(t, ours, "o", `{}`)
	save(t, theirs, "t", `{}`)
	check(t, r.Start())
	_ = r.Wait(t.Context())
	read(t, theirs, "o")
	read(t, ours, "t")
}

// TestE27ConflictsAreResolvedAsWithAListener in the database of the replicator.
func TestE27ConflictsAreResolvedAsWithAListener(t *testing.T) {
	ours, theirs := newCollection(t), newCollection(t)
	save(t, ours, "d", `{"by":"us"}`)
	save(t, theirs, "d", `{"by":"them"}`)
	merge := func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].ConflictResolver = func(context.Context, tandem.Conflict) (*tandem.Document, error) {
			return newDocument(t, "d", `{"by":"both"}`), nil
		}
	}
	endWith(t, localReplicator(t, ours, theirs, merge), nil)
	wantBody(t, ours, "d", `{"by":"both"}`)
	wantBody(t, theirs, "d", `{"by":"both"}`)
}

// TestE27WhatCannotBeAPeerIsRefused with an error that tells why.
func TestE27WhatCannotBeAPeerIsRefused(t *testing.T) {
	ours := newCollection(t)
	db := ours.Database()
	again := openAt(t, db.Path(), tandem.Options{})
	for name, endpoint := range map[string]tandem.Endpoint{
		"the database itself":    tandem.NewDatabaseEndpoint(db),
		"it, opened once more":   tandem.NewDatabaseEndpoint(again),
		"no database":            tandem.NewDatabaseEndpoint(nil),
		"the zero value":         tandem.DatabaseEndpoint{},
		"no endpoint":            nil,
		"the zero URL":           tandem.URLEndpoint{},
		"the database, filtered": tandem.NewDatabaseEndpoint(db).WithFilters(nil, nil),
	} {
		cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
		cfg.AddCollection(ours)
		_, err := tandem.NewReplicator(cfg)
		wantError(t, name, err, tandem.ErrInvalid)
	}
	trees := defaultIn(t, newDatabase(t, tandem.Options{Versioning: tandem.RevTrees}))
	status := endWith(t, localReplicator(t, ours, trees), tandem.ErrUnsupported)
	if tandem.HintOf(status.Err) == "" {
		t.Errorf("the other versioning: %v has no hint", status.Err)
	}
	other, err := db.CreateCollection(t.Context(), "only", "ours")
	check(t, err)
	endWith(t, localReplicator(t, other, newCollection(t)), tandem.ErrNotFoundRemotely)
	frozen := newDatabase(t, tandem.Options{})
	check(t, frozen.Close())
	endWith(t, localReplicator(t, ours, defaultIn(t, openAt(t, frozen.Path(), tandem.Options{ReadOnly: true}))), tandem.ErrNotWriteable)
	check(t, db.ForgetServer(t.Context(), tandem.NewDatabaseEndpoint(again)))
}

// TestADatabaseAndItsMovedCopyArePeers though they have one UUID.
func TestADatabaseAndItsMovedCopyArePeers(t *testing.T) {
	engine := hub.PostgreSQL()
	ours := defaultIn(t, newDatabase(t, tandem.Options{Engine: engine}))
	save(t, ours, "before", `{}`)
	url := storetest.SharedPostgres(t).URL()
	check(t, ours.Database().Copy(t.Context(), url))
	moved, err := tandem.Open(t.Context(), url, tandem.Options{Engine: engine})
	check(t, err)
	defer func() {
		wantSound(t, moved)
		check(t, moved.Close())
	}()
	theirs := defaultIn(t, moved)
	if moved.UUID() != ours.Database().UUID() {
		t.Error("the copy has another UUID, so the test shows nothing")
	}
	save(t, ours, "ours", `{"by":"the original"}`)
	save(t, theirs, "theirs", `{"by":"the copy"}`)
	endWith(t, localReplicator(t, ours, theirs), nil)
	wantBody(t, ours, "theirs", `{"by":"the copy"}`)
	wantBody(t, theirs, "ours", `{"by":"the original"}`)
}

// TestADatabaseMayCloseWhileAReplicatorBegins with it as its peer, at any moment.
func TestADatabaseMayCloseWhileAReplicatorBegins(t *testing.T) {
	t.Parallel()
	ours := newCollection(t)
	save(t, ours, "a", "{}")
	for range testsize.Pick(20, 200) {
		theirs := newCollection(t)
		r := localReplicator(t, ours, theirs, once)
		closed := make(chan error, 1)
		go func() { closed <- theirs.Database().Close() }()
		check(t, r.Start())
		check(t, <-closed)
		eventually(t, func() bool { return r.Status().Activity == tandem.Stopped })
		if err := r.Status().Err; err != nil && !errors.Is(err, tandem.ErrNotOpen) && !errors.Is(err, tandem.ErrPeerClosed) {
			t.Errorf("it ended with %v, want success, %v or %v", err, tandem.ErrNotOpen, tandem.ErrPeerClosed)
		}
		r.Close()
	}
}
