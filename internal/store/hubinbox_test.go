package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// TestSQLWritesThroughTheInbox has SQL ask for edits of every kind: each is made once, in their order, and what cannot be made is
// kept with the reason.
func TestSQLWritesThroughTheInbox(t *testing.T) {
	for _, polling := range []string{"", "&polling=true"} {
		t.Run("polling"+polling, func(t *testing.T) {
			url := postgresURL(t) + polling
			a, b := openNode(t, url, store.Options{}), openNode(t, url, store.Options{})
			c, of := defaults(t, a), defaults(t, b)
			if _, err := a.CreateCollection(background, "shop", "items"); err != nil {
				t.Fatal(err)
			}
			was := save(t, a, c, "known", `{"n":0}`)
			save(t, a, c, "old", `{}`)
			news := b.Subscribe(of)
			defer news.Close()
			url = strings.TrimSuffix(url, polling)
			run(
				t, url,
				`INSERT INTO inbox (doc_id, body) SELECT 'count', format('{"n":%s}', n)::json FROM generate_series(1, 250) AS s (n)`,
				`INSERT INTO inbox (doc_id, body, expected_rev) VALUES ('known', '{"n": 1.50}', '`+string(was.Rev.ID)+`'), ('known', '{"n":2}', '`+string(was.Rev.ID)+`')`,
				`INSERT INTO inbox (doc_id, body, expected_rev) VALUES ('new', '{}', ''), ('old', '{}', '')`,
				`INSERT INTO inbox (doc_id, deleted) VALUES ('old', true)`,
				`INSERT INTO inbox (collection, doc_id, body) VALUES ('shop.items', 'bread', '{"grams":500}'), ('shop.none', 'a', '{}')`,
				`INSERT INTO inbox (doc_id, body) VALUES ('_reserved', '{}'), ('array', '[1]'), ('key', '{"_id":"x"}'), ('nobody', NULL)`,
			)
			untilTrue(t, url, `SELECT NOT EXISTS (SELECT FROM inbox)`)
			for id, body := range map[string]string{"count": `{"n":250}`, "known": `{"n":1.50}`, "new": `{}`} {
				if d := get(t, b, of, id); d == nil || string(d.Body) != body {
					t.Errorf("%s is %+v, want %s", id, d, body)
				}
			}
			if d := get(t, b, of, "old"); d != nil && !d.Deleted {
				t.Errorf("the deletion was not made: %+v", d)
			}
			if n := bySQL[int](t, url, `SELECT (doc->>'grams')::int FROM "shop.items live"`); n != 500 {
				t.Errorf("the other collection has %d", n)
			}
			view(t, b, func(tx *store.Tx) error {
				last, err := tx.LastSequence(of)
				if want := store.Sequence(2 + 250 + 1 + 1 + 1); last != want {
					t.Errorf("the edits have sequences up to %d, want %d", last, want)
				}
				return err
			})
			failed := bySQL[string](t, url, `SELECT string_agg(doc_id, ' ' ORDER BY id) FROM inbox_failed WHERE reason <> ''`)
			if failed != "known old a _reserved array key nobody" {
				t.Errorf("these have failed: %s", failed)
			}
			if why := bySQL[string](t, url, `SELECT reason FROM inbox_failed WHERE doc_id = 'known'`); !strings.Contains(why, "changed meanwhile") {
				t.Errorf("the reason is %q", why)
			}
			select {
			case <-news.C:
			case <-time.After(time.Minute):
				t.Error("the other node has no news of the edits")
			}
		})
	}
}
