package store_test

import (
	"errors"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// FuzzReceive stores arbitrary revisions of a peer. An accepted revision must be read back
// unchanged, and the database must stay sound: the flags that Receive finds without parsing all of
// the JSON must equal those that Check finds.
func FuzzReceive(f *testing.F) {
	f.Add("a", "1-aa", "", []byte(`{"n":1}`), false)
	f.Add("a", "2-bb", "1-aa", []byte(`{"\u0040type":"blob","digest":"sha1-ArH2IhJgRp/90GRqSAdAfa750BE="}`), true)
	f.Add("b", "18a3f2c1d5e70000@AbCdEf0123456789+/abcA", "", []byte(`{"_attachments":{}}`), false)
	f.Add("b", "18a3f2c1d5e70000@AbCdEf0123456789+/abcA", "", []byte(`{"x":{"@type":"blob","digest":"sha1-="}}`), false)
	f.Add("b", "1-aa", "", []byte(`{"\u005fattachments":{"a":{"digest":"sha1-ArH2IhJgRp/90GRqSAdAfa750BE="}}}`), false)
	dir := f.TempDir()
	db := openAt(f, dir+"/fuzz.tandem", store.Options{})
	c := defaults(f, db)
	for _, content := range []string{"Hello, blob!", ""} {
		putBlob(f, db, content)
	}
	for _, m := range fuzzing.Recorded(f, "rev") {
		f.Add(m.Property("id"), m.Property("rev"), m.Property("history"), m.Body, m.Property("deleted") != "")
	}
	f.Fuzz(func(t *testing.T, id, revID, history string, body []byte, deleted bool) {
		rev, err := revision.ParseRev(revID, history)
		if err != nil {
			return
		}
		compact, _, err := document.Compact(body)
		if err != nil {
			return
		}
		fuzzing.Within(t, 4<<20+512*uint64(len(body)+len(history)), func() { // with a transaction
			err = db.Update(background, func(tx *store.Tx) error {
				in := store.Incoming{ID: id, Rev: rev, Body: compact, Deleted: deleted, Remote: 1}
				outcome, err := tx.Receive(c, in)
				if err != nil || outcome != store.Stored {
					return err
				}
				got, err := tx.Document(c, id)
				if err != nil {
					return err
				}
				if got.Rev.ID != rev.ID || string(got.Body) != string(compact) || got.Known(1) != rev.ID {
					t.Errorf("got %+v", got)
				}
				return nil
			})
		})
		if err != nil && fault.Of(err) == nil {
			t.Errorf("got %v, which is no error of ours", err)
		}
		sound(t, db)
		err = db.Update(background, func(tx *store.Tx) error { return tx.Purge(c, id) })
		if err != nil && !errors.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}
