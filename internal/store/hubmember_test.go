package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// An ID that no column can hold is one that is not there: it must not end the transaction, which others share.
func TestAnIDThatIsNoTextHarmsNoOther(t *testing.T) {
	all, _ := nodes(t, 1, store.Options{})
	db := all[0]
	c := defaults(t, db)
	for _, id := range []string{"a\x00b", "\xff"} {
		err := db.Update(background, func(tx *store.Tx) error {
			err := tx.Expect(c, func(yield func(string) bool) { _ = yield(id) && yield("good") })
			if err != nil {
				return err
			}
			if _, err := tx.Document(c, id); !errors.Is(err, fault.NotFound) {
				t.Errorf("%q: got %v, want %v", id, err, fault.NotFound)
			}
			_, err = tx.Save(c, store.Edit{ID: "good", Body: []byte(`{}`)})
			return err
		})
		if err != nil {
			t.Errorf("beside %q: %v", id, err)
		}
	}
}

// A row that cannot be read fails who reads it, and not the transaction.
func TestADamagedRowHarmsNoOther(t *testing.T) {
	all, url := nodes(t, 1, store.Options{})
	db := all[0]
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	const history = `UPDATE "_default._default" SET history = $1 WHERE id = 'a' RETURNING id`
	bySQL[string](t, url, history, "?!")
	defer bySQL[string](t, url, history, "") // since the check would find it
	err := db.Update(background, func(tx *store.Tx) error {
		if _, err := tx.Scan(c, store.Range{}, 10, store.Select{}); !errors.Is(err, fault.CorruptData) {
			t.Errorf("got %v, want %v", err, fault.CorruptData)
		}
		_, err := tx.Save(c, store.Edit{ID: "b", Body: []byte(`{}`)})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A transaction that stores one content twice holds its row the second time.
func TestABatchStoresOneBlobTwice(t *testing.T) {
	all, _ := nodes(t, 1, store.Options{})
	db := all[0]
	c := defaults(t, db)
	content := bytes.Repeat([]byte("content"), 50_000)
	err := db.Update(background, func(tx *store.Tx) error {
		for _, id := range []string{"a", "b"} {
			w, err := db.BlobWriter(background)
			if err != nil {
				return err
			}
			if _, err := w.Write(content); err != nil {
				return err
			}
			digest, size, err := w.CommitIn(tx)
			if err != nil || size != int64(len(content)) {
				t.Errorf("%s: %d bytes are stored, %v", id, size, err)
				return err
			}
			body := `{"b":{"@type":"blob","digest":"` + digest + `"}}`
			if _, err := tx.Save(c, store.Edit{ID: id, Body: []byte(body)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		blobs, err := document.Blobs(get(t, db, c, id).Body)
		if err != nil || len(blobs) != 1 || !db.HasBlob(blobs[0].Digest) {
			t.Errorf("%s refers to %v, %v", id, blobs, err)
		}
	}
	sound(t, db)
}

// Digits and an exponent that are harmless each may be too much together for the column of SQL readers.
func TestANumberWithManyDigitsAndALargeExponentIsSaved(t *testing.T) {
	all, url := nodes(t, 1, store.Options{})
	c := defaults(t, all[0])
	save(t, all[0], c, "n", `{"n":0.`+strings.Repeat("1", 9990)+`e-9000}`)
	if why := bySQL[string](t, url, `SELECT unfit FROM "_default._default" WHERE id = 'n'`); why == "" {
		t.Error("the body has no reason why SQL readers do not see it")
	}
}

// Once another node has the lease and commits, the count of batches says nothing of ours.
func TestALostCommitIsNotTakenForAnothersOne(t *testing.T) {
	url := postgresURL(t)
	r := newRelay(t, url)
	node := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	c := defaults(t, node)
	err := node.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "lost", Body: []byte(`{}`)})
		r.cutAll() // the server undoes the transaction
		bySQL[int64](t, url, `UPDATE node SET epoch = epoch + 1, batch = batch + 5 RETURNING batch`)
		return err
	})
	if !fault.IsTransient(err) {
		t.Errorf("got %v, want an error that may pass", err)
	}
	if get(t, node, c, "lost") != nil {
		t.Error("the document is there")
	}
}
