package tandem_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// pair is two databases of which the first has been pulled by the second.
func pair(t *testing.T, o tandem.Options, ids ...string) (theirs, ours *tandem.Collection, url string) {
	t.Helper()
	theirs = defaultIn(t, openTemp(t, "server", o))
	ours = defaultIn(t, openTemp(t, "client", o))
	for _, id := range ids {
		put(t, theirs, id, `{"n":0,"theirs":0,"ours":0}`)
	}
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{theirs}})
	url = l.URLs()[0]
	syncOnce(t, replicator(t, url, ours))
	return theirs, ours, url
}

func TestManyConflictsAreResolvedAndLogged(t *testing.T) { // C-02 C-03 C-05
	for _, versioning := range []tandem.Versioning{tandem.RevTrees, tandem.VersionVectors} {
		t.Run(string(versioning), func(t *testing.T) {
			ids := make([]string, testsize.Pick(300, 1_000))
			for i := range ids {
				ids[i] = fmt.Sprintf("doc%d", i)
			}
			theirs, ours, url := pair(t, tandem.Options{Versioning: versioning}, ids...)
			for name, coll := range map[string]*tandem.Collection{"server": theirs, "client": ours} {
				err := coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
					for _, id := range ids {
						if err := b.Put(coll, id, map[string]string{"by": name}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			status := syncOnce(t, replicator(t, url, ours))
			if status.Progress.Conflicts != uint64(len(ids)) {
				t.Errorf("%d conflicts, want %d", status.Progress.Conflicts, len(ids))
			}
			requireEqual(t, theirs, ours, ids)
			logged := make(map[string]tandem.ResolvedConflict)
			for c, err := range ours.Database().ResolvedConflicts(t.Context(), nil, "") {
				if err != nil {
					t.Fatal(err)
				}
				logged[c.DocumentID] = c
			}
			for _, id := range ids {
				c := logged[id]
				if !strings.Contains(string(c.Local.Body), "client") || !strings.Contains(string(c.RemoteSide.Body), "server") || c.Why == "" {
					t.Errorf("the log says %+v of %s", c, id)
				}
			}
		})
	}
}

func requireEqual(t *testing.T, a, b *tandem.Collection, ids []string) {
	t.Helper()
	for _, id := range ids {
		x, errX := a.Document(t.Context(), id)
		y, errY := b.Document(t.Context(), id)
		if errX != nil || errY != nil {
			if !errors.Is(errX, tandem.ErrNotFound) || !errors.Is(errY, tandem.ErrNotFound) {
				t.Errorf("%s: %v here, %v there", id, errX, errY)
			}
			continue
		}
		if string(x.Body()) != string(y.Body()) || x.RevisionID() != y.RevisionID() {
			t.Errorf("%s is %s %s here, %s %s there", id, x.RevisionID(), x.Body(), y.RevisionID(), y.Body())
		}
	}
}

func TestAResolversAnswerReachesBothSides(t *testing.T) { // C-04
	boom := errors.New("boom")
	for name, x := range map[string]struct {
		resolve tandem.ConflictResolver
		want    string // the body on both sides, "" for a deletion
		wantErr error
	}{
		"local":  {resolve: tandem.LocalWins, want: `{"n":0,"theirs":0,"ours":1}`},
		"remote": {resolve: tandem.RemoteWins, want: `{"n":0,"theirs":1,"ours":0}`},
		"fields": {resolve: tandem.MergeFields, want: `{"n":0,"theirs":1,"ours":1}`},
		"merge": {resolve: func(_ context.Context, c tandem.Conflict) (*tandem.Document, error) {
			return tandem.NewDocumentWithBody(c.DocumentID, []byte(`{"merged":true}`))
		}, want: `{"merged":true}`},
		"changed local": {resolve: func(_ context.Context, c tandem.Conflict) (*tandem.Document, error) {
			return c.LocalDocument, c.LocalDocument.SetValue("n", 1)
		}, want: `{"n":1,"theirs":0,"ours":1}`},
		"changed remote": {resolve: func(_ context.Context, c tandem.Conflict) (*tandem.Document, error) {
			return c.RemoteDocument, c.RemoteDocument.SetValue("n", 1)
		}, want: `{"n":1,"theirs":1,"ours":0}`},
		"delete": {resolve: func(context.Context, tandem.Conflict) (*tandem.Document, error) {
			return nil, nil //nolint:nilnil // nil is the deletion
		}},
		"error": {resolve: func(context.Context, tandem.Conflict) (*tandem.Document, error) {
			return nil, boom
		}, wantErr: boom},
		"panic": {resolve: func(context.Context, tandem.Conflict) (*tandem.Document, error) { panic("boom") }, wantErr: tandem.ErrUnexpected},
	} {
		t.Run(name, func(t *testing.T) {
			for _, versioning := range []tandem.Versioning{tandem.RevTrees, tandem.VersionVectors} {
				theirs, ours, url := pair(t, tandem.Options{Versioning: versioning}, "doc")
				put(t, theirs, "doc", `{"n":0,"theirs":1,"ours":0}`)
				put(t, ours, "doc", `{"n":0,"theirs":0,"ours":1}`)
				r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) { c.Collections[0].ConflictResolver = x.resolve })
				var failed []error
				r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) {
					for _, doc := range e.Documents {
						if doc.Err != nil {
							failed = append(failed, doc.Err)
						}
					}
				})
				syncOnce(t, r)
				if x.wantErr != nil {
					if len(failed) == 0 || !errors.Is(failed[0], x.wantErr) {
						t.Errorf("%s: events report %v, want %v", versioning, failed, x.wantErr)
					}
					continue
				}
				requireEqual(t, theirs, ours, []string{"doc"})
				doc, err := theirs.Document(t.Context(), "doc")
				if x.want == "" {
					if !errors.Is(err, tandem.ErrNotFound) {
						t.Errorf("%s: got %v, want a deletion", versioning, err)
					}
				} else if err != nil || string(doc.Body()) != x.want {
					t.Errorf("%s: got %s (%v), want %s", versioning, doc.Body(), err, x.want)
				}
			}
		})
	}
}

// A document that a resolver may not return is another error than the resolver's failure.
func TestAResolverMayNotReturnADocumentOfAnotherCollection(t *testing.T) {
	theirs, ours, url := pair(t, tandem.Options{}, "doc")
	put(t, theirs, "doc", `{"theirs":1}`)
	put(t, ours, "doc", `{"ours":1}`)
	other, err := ours.Database().CreateCollection(t.Context(), "_default", "other")
	if err != nil {
		t.Fatal(err)
	}
	put(t, other, "doc", `{"other":1}`)
	r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].ConflictResolver = func(ctx context.Context, c tandem.Conflict) (*tandem.Document, error) {
			return other.Document(ctx, c.DocumentID)
		}
	})
	var failed error
	r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) {
		for _, doc := range e.Documents {
			failed = cmp.Or(failed, doc.Err)
		}
	})
	syncOnce(t, r)
	if !errors.Is(failed, tandem.ErrInvalid) || errors.Is(failed, tandem.ErrUnexpected) {
		t.Errorf("events report %v, want an invalid parameter", failed)
	}
}

// A resolver's document of another ID is taken, with a warning.
func TestAResolverIsWarnedOfAnotherID(t *testing.T) {
	theirs, ours, url := pair(t, tandem.Options{}, "doc")
	put(t, theirs, "doc", `{"theirs":1}`)
	put(t, ours, "doc", `{"ours":1}`)
	var log bytes.Buffer
	syncOnce(t, replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Collections[0].ConflictResolver = func(context.Context, tandem.Conflict) (*tandem.Document, error) {
			return tandem.NewDocumentWithBody("other", []byte(`{"merged":true}`))
		}
	}))
	wantBody(t, theirs, "doc", `{"merged":true}`)
	wantBody(t, ours, "doc", `{"merged":true}`)
	_, err := ours.Document(t.Context(), "other")
	wantError(t, "the other ID", err, tandem.ErrNotFound)
	if got := log.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "returned=other") {
		t.Errorf("the log says %q, want a warning of the ID", got)
	}
}

func TestPendingIsWhatAPushWouldTake(t *testing.T) {
	_, ours, url := pair(t, tandem.Options{}, "pulled")
	put(t, ours, "new", `{}`)
	put(t, ours, "left out", `{}`)
	doc, err := ours.Document(t.Context(), "pulled")
	if err == nil {
		err = ours.Delete(t.Context(), doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].PushFilter = func(doc *tandem.Document, _ tandem.DocumentFlags) bool { return doc.ID() != "left out" }
	})
	ids, err := r.PendingDocumentIDs(t.Context(), ours)
	if err != nil || fmt.Sprint(ids) != "[new pulled]" {
		t.Errorf("pending are %v (%v), want new and pulled", ids, err)
	}
	for id, want := range map[string]tandem.DocumentState{
		"new": tandem.DocumentPending, "left out": tandem.DocumentFiltered, "nothing": tandem.DocumentUnknown,
	} {
		e, err := r.Explain(t.Context(), ours, id)
		if err != nil || e.State != want || e.Reason == "" {
			t.Errorf("%s: explained as %+v (%v), want %s", id, e, err, want)
		}
		if pending, err := r.IsDocumentPending(t.Context(), ours, id); err != nil || pending != (want == tandem.DocumentPending) {
			t.Errorf("%s: pending is %t (%v)", id, pending, err)
		}
	}
	syncOnce(t, r)
	if ids, err := r.PendingDocumentIDs(t.Context(), ours); err != nil || len(ids) > 0 {
		t.Errorf("after the push %v are pending (%v)", ids, err)
	}
	if e, err := r.Explain(t.Context(), ours, "new"); err != nil || e.State != tandem.DocumentSynced {
		t.Errorf("after the push new is explained as %+v (%v), want synced", e, err)
	}
	pull := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) { c.Type = tandem.Pull })
	if _, err := pull.PendingDocumentIDs(t.Context(), ours); !errors.Is(err, tandem.ErrUnsupported) {
		t.Errorf("a pull gives %v, want unsupported", err)
	}
	if _, err := r.PendingDocumentIDs(t.Context(), defaultIn(t, openTemp(t, "other", tandem.Options{}))); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("another database's collection gives %v, want invalid", err)
	}
}
