package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem"
)

// leaveConflicts makes documents that are changed on both sides, and a run that leaves them open.
func leaveConflicts(t *testing.T, versioning tandem.Versioning, ids ...string) (theirs, ours *tandem.Collection, url string) {
	t.Helper()
	theirs, ours, url = pair(t, tandem.Options{Versioning: versioning}, ids...)
	for _, id := range ids {
		put(t, theirs, id, `{"n":0,"theirs":1,"ours":0}`)
		put(t, ours, id, `{"n":0,"theirs":0,"ours":1}`)
	}
	pullAndLeave(t, url, ours)
	return theirs, ours, url
}

// pullAndLeave pulls, and leaves conflicts open, of which there must be some.
func pullAndLeave(t *testing.T, url string, ours *tandem.Collection) {
	t.Helper()
	r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
		c.Type = tandem.Pull
		c.Collections[0].ConflictResolver = tandem.LeaveOpen
	})
	check(t, r.Start())
	failed := new(tandem.DocumentsError)
	if err := r.Wait(t.Context()); !errors.As(err, &failed) {
		t.Fatalf("a run that leaves conflicts open: got error %v, want documents that are not in sync", err)
	}
	for _, doc := range failed.Documents {
		wantError(t, "the conflict of "+doc.ID, doc.Err, tandem.ErrConflict)
		wantError(t, "the conflict of "+doc.ID, doc.Err, tandem.ErrLeaveOpen)
	}
}

func forBoth(t *testing.T, test func(t *testing.T, versioning tandem.Versioning)) {
	for _, versioning := range []tandem.Versioning{tandem.RevTrees, tandem.VersionVectors} {
		t.Run(string(versioning), func(t *testing.T) { test(t, versioning) })
	}
}

func TestOpenConflictsAreListedAndSettledWithoutARun(t *testing.T) { // E26
	forBoth(t, func(t *testing.T, versioning tandem.Versioning) {
		ids := []string{"delete", "keep local", "keep remote", "merge"}
		theirs, ours, url := leaveConflicts(t, versioning, ids...)
		var met []string
		for open, err := range ours.Conflicts(t.Context()) {
			check(t, err)
			met = append(met, open.DocumentID)
			got := fmt.Sprintf("%s %s %s %s", open.Peer, open.Local.Body(), open.Remote.Body(), open.BaseBody)
			want := url + ` {"n":0,"theirs":0,"ours":1} {"n":0,"theirs":1,"ours":0} {"n":0,"theirs":0,"ours":0}`
			if got != want {
				t.Errorf("conflict of %s: got %s, want %s", open.DocumentID, got, want)
			}
			if open.Local.RevisionID() == "" || open.Remote.RevisionID() == "" || open.Local.RevisionID() == open.Remote.RevisionID() {
				t.Errorf("revisions of %s: got %q and %q, want two", open.DocumentID, open.Local.RevisionID(), open.Remote.RevisionID())
			}
			result, err := map[string]tandem.ConflictResolver{
				"keep local": tandem.LocalWins, "keep remote": tandem.RemoteWins, "merge": tandem.MergeFields,
				"delete": func(context.Context, tandem.Conflict) (*tandem.Document, error) { return nil, nil }, //nolint:nilnil // nil is the deletion
			}[open.DocumentID](t.Context(), open.ForResolver())
			check(t, err)
			settled, err := ours.Resolve(t.Context(), open, result)
			check(t, err)
			if settled.Deleted() != (open.DocumentID == "delete") {
				t.Errorf("%s: deleted is %t", open.DocumentID, settled.Deleted())
			}
		}
		wantIDs(t, "conflicts", met, ids...)
		syncOnce(t, replicator(t, url, ours))
		requireEqual(t, theirs, ours, ids)
		wantContents(t, theirs, map[string]string{
			"keep local":  `{"n":0,"theirs":0,"ours":1}`,
			"keep remote": `{"n":0,"theirs":1,"ours":0}`,
			"merge":       `{"n":0,"theirs":1,"ours":1}`,
		})
		for open, err := range ours.Conflicts(t.Context()) {
			t.Errorf("after all were settled: got %v (%v), want no conflict", open, err)
		}
	})
}

func TestAConflictThatHasChangedIsNotSettled(t *testing.T) { // E26
	forBoth(t, func(t *testing.T, versioning tandem.Versioning) {
		theirs, ours, url := leaveConflicts(t, versioning, "local", "remote", "settled")
		before := map[string]*tandem.OpenConflict{}
		for open, err := range ours.Conflicts(t.Context()) {
			check(t, err)
			before[open.DocumentID] = open
		}
		put(t, ours, "local", `{"later":1}`)
		put(t, theirs, "remote", `{"later":1}`)
		pullAndLeave(t, url, ours)
		_, err := ours.Resolve(t.Context(), before["settled"], before["settled"].Local)
		check(t, err)
		for id, want := range map[string]error{"local": tandem.ErrConflict, "remote": tandem.ErrConflict, "settled": tandem.ErrNotFound} {
			_, err := ours.Resolve(t.Context(), before[id], before[id].Remote)
			wantError(t, id, err, want)
		}
		wantBody(t, ours, "local", `{"later":1}`)
		again, err := ours.Conflict(t.Context(), "remote")
		check(t, err)
		if got := string(again.Remote.Body()); got != `{"later":1}` {
			t.Errorf("remote side: got %s, want the later one", got)
		}
		_, err = ours.Conflict(t.Context(), "settled")
		wantError(t, "the conflict of a settled document", err, tandem.ErrNotFound)
		_, err = theirs.Resolve(t.Context(), again, again.Local)
		wantError(t, "another database's conflict", err, tandem.ErrInvalid)
	})
}

// A replicator that runs hears of what was settled beside it.
func TestAConflictSettledBesideARunReachesThePeer(t *testing.T) { // E26
	forBoth(t, func(t *testing.T, versioning tandem.Versioning) {
		theirs, ours, url := leaveConflicts(t, versioning, "doc")
		arrived := make(chan struct{}, 100)
		_, err := theirs.AddChangeListener(t.Context(), func(tandem.CollectionChange) { arrived <- struct{}{} })
		check(t, err)
		r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
			c.Continuous = true
			c.Collections[0].ConflictResolver = tandem.LeaveOpen
		})
		check(t, r.Start())
		_ = r.Wait(t.Context()) // idle, and the document is not in sync
		open, err := ours.Conflict(t.Context(), "doc")
		check(t, err)
		err = ours.Database().InBatch(t.Context(), func(b *tandem.Batch) error { // which it joins
			_, err := ours.Resolve(b.Context(), open, newDocument(t, "doc", `{"settled":1}`))
			return err
		})
		check(t, err)
		for string(read(t, theirs, "doc").Body()) != `{"settled":1}` {
			receive(t, "the settled document", arrived)
		}
		r.Close()
		requireEqual(t, theirs, ours, []string{"doc"})
	})
}
