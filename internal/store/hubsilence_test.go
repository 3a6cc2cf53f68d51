package store_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// TestAReadOverADeadLinkEnds lets the link die without a word as the node asks for something: the read ends with a plain error,
// and the node goes on over another connection.
func TestAReadOverADeadLinkEnds(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]struct {
		text string // that the node sends
		read func(db *store.DB, c *store.Collection, digest string) error
	}{
		"the first read of a view": {"octet_length", func(db *store.DB, c *store.Collection, _ string) error {
			return db.View(background, func(tx *store.Tx) error { _, err := tx.Document(c, "a"); return err })
		}},
		"a later read of a view": {"ORDER BY seq", func(db *store.DB, c *store.Collection, _ string) error {
			return db.View(background, func(tx *store.Tx) error {
				_, err := tx.Document(c, "a")
				if err == nil {
					_, err = tx.Changes(c, 0, 10, store.Select{})
				}
				return err
			})
		}},
		"the table of a collection": {"SELECT tab", func(db *store.DB, c *store.Collection, _ string) error {
			return db.View(background, func(tx *store.Tx) error { _, err := tx.Document(c, "a"); return err })
		}},
		"looking for a blob": {"SELECT upload", func(db *store.DB, _ *store.Collection, digest string) error {
			_, err := db.OpenBlob(digest)
			return err
		}},
		"a part of a blob": {"SELECT data", func(db *store.DB, _ *store.Collection, digest string) error {
			blob, err := db.OpenBlob(digest)
			if err != nil {
				return err
			}
			_, err = io.ReadAll(blob)
			return errors.Join(err, blob.Close())
		}},
		"storing a blob": {"INSERT INTO", func(db *store.DB, _ *store.Collection, _ string) error {
			_, err := db.BlobWriter(background)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgresURL(t)
			writer := openNode(t, url, store.Options{})
			save(t, writer, defaults(t, writer), "a", `{}`)
			digest := putBlob(t, writer, "content")
			r := newRelay(t, url)
			engine := postgres.Engine{Silence: time.Second}
			node, err := store.OpenHub(background, engine, through(t, url, r.listener.Addr().String()), store.Options{ReadOnly: name != "storing a blob"})
			if err != nil {
				t.Fatal(err)
			}
			defer node.Close()
			c := defaults(t, writer)
			r.silent.Store(&what.text)
			ended := make(chan error, 1)
			go func() { ended <- what.read(node, c, digest) }()
			select {
			case err = <-ended:
			case <-time.After(5 * time.Minute):
				t.Fatal("the read waits for the dead link")
			}
			if !errors.Is(err, fault.ConnectionLost) || fault.HintOf(err) == "" {
				t.Errorf("got %v, want a lost connection with a hint", err)
			}
			select {
			case <-r.died:
			default:
				t.Fatal("the link has not died")
			}
			if get(t, node, c, "a") == nil || readBlob(t, node, digest) != "content" {
				t.Error("the node does not go on")
			}
		})
	}
}
