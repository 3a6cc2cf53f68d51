package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// injecting has the server fail at the statement that changes rows for the nth time since the sequence was set, with an error
// code; a constraint that is checked late fails in the COMMIT.
func injecting(t *testing.T, url string) {
	t.Helper()
	run(
		t, url,
		`CREATE SEQUENCE injected`, `CREATE TABLE injection (n bigint, code text)`, `INSERT INTO injection VALUES (0, '')`,
		`CREATE FUNCTION inject() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE schema text := TG_TABLE_SCHEMA; this record; BEGIN
			EXECUTE format('SELECT nextval(%L) = n AS now, code FROM %I.injection', quote_ident(schema) || '.injected', schema) INTO this;
			IF this.now THEN RAISE EXCEPTION 'injected' USING ERRCODE = this.code; END IF;
			RETURN NULL; END $$`,
	)
	for _, table := range []string{"hub", "node", "collection", "value", "kept", `"_default._default"`} {
		run(t, url, `CREATE TRIGGER inject AFTER INSERT OR UPDATE OR DELETE ON `+table+` FOR EACH STATEMENT EXECUTE FUNCTION inject()`)
	}
	run(t, url, `CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON hub DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION inject()`)
}

// richly makes changes of every kind: it counts in one document, and makes another of its own.
func richly(c *store.Collection, id string, listed bool) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		head, err := tx.Document(c, "count")
		if err != nil {
			return err
		}
		var count struct{ N int }
		if err := json.Unmarshal(head.Body, &count); err != nil {
			return err
		}
		if _, err := tx.Save(c, store.Edit{ID: id, Body: []byte(`{}`)}); err != nil {
			return err
		}
		if listed { // which has the engine see the change
			if _, err := tx.Changes(c, 0, 5, store.Select{}); err != nil {
				return err
			}
		}
		if err := tx.SetInfo("space", id, []byte("value")); err != nil {
			return err
		}
		_, err = tx.Save(c, store.Edit{ID: "count", Body: fmt.Appendf(nil, `{"n":%d}`, count.N+1)})
		return err
	}
}

// wantCounted looks whether exactly the acknowledged transactions were done, each as a whole; unknown ones may have been.
func wantCounted(t *testing.T, db *store.DB, c *store.Collection, acknowledged, unknown []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		done := len(acknowledged)
		for _, id := range unknown {
			if heads, err := tx.Heads(c, []string{id}); err != nil || heads[0] != nil {
				done++
			}
		}
		for _, id := range acknowledged {
			value, err := tx.Info("space", id)
			if _, missing := tx.Document(c, id); missing != nil || err != nil || string(value) != "value" {
				t.Errorf("%s was acknowledged, and is not whole: %v, %q, %v", id, missing, value, err)
			}
		}
		head, err := tx.Document(c, "count")
		if err != nil {
			return err
		}
		if want := fmt.Sprintf(`{"n":%d}`, done); string(head.Body) != want {
			t.Errorf("the count is %s, want %s", head.Body, want)
		}
		n, err := tx.Count(c)
		last, _ := tx.LastSequence(c)
		if int(n) != done+1 || int(last) != 2*done+1 {
			t.Errorf("%d documents are counted up to sequence %d, want %d and %d", n, last, done+1, 2*done+1)
		}
		return err
	})
}

// TestAServerThatUndoesTransactionsIsAskedAgain injects a deadlock, or a transaction in the way, into each statement that changes
// rows, and into the COMMIT.
func TestAServerThatUndoesTransactionsIsAskedAgain(t *testing.T) {
	for _, code := range []string{"40001", "40P01"} {
		for _, listed := range []bool{false, true} {
			for name, update := range map[string]func(db *store.DB, fn func(*store.Tx) error) error{
				"again": func(db *store.DB, fn func(*store.Tx) error) error { return db.Update(background, fn) },
				"once":  func(db *store.DB, fn func(*store.Tx) error) error { return db.UpdateOnce(background, fn) },
			} {
				t.Run(fmt.Sprint(code, " listed ", listed, " ", name), func(t *testing.T) {
					t.Parallel()
					dbs, url := nodes(t, 1, store.Options{})
					db, c := dbs[0], defaults(t, dbs[0])
					if err := db.KeepBases(background, true); err != nil {
						t.Fatal(err)
					}
					save(t, db, c, "count", `{"n":0}`)
					injecting(t, url)
					defer run(t, url, `DROP FUNCTION inject CASCADE`)
					var acknowledged []string
					n := 1
					for ; ; n++ {
						run(t, url, `ALTER SEQUENCE injected RESTART`)
						bySQL[int](t, url, `UPDATE injection SET n = $1, code = $2 RETURNING 1`, n, code)
						id := fmt.Sprint(n)
						err := update(db, richly(c, id, listed))
						if err == nil {
							acknowledged = append(acknowledged, id)
						} else if !listed || name == "again" || !fault.IsTransient(err) && !mayBeTriedAgain(err) {
							t.Errorf("injection %d: %v", n, err)
						}
						if calls := bySQL[int](t, url, `SELECT last_value FROM injected`); calls < n {
							break
						}
					}
					if n < 7 || len(acknowledged) == 0 {
						t.Errorf("there were %d injections, and %d transactions", n-1, len(acknowledged))
					}
					wantCounted(t, db, c, acknowledged, nil)
				})
			}
		}
	}
}

// TestACutAtAnyMessageLosesAndDoublesNothing cuts the connection at each message of a transaction that changes rows of every
// kind, before its commit and with it.
func TestACutAtAnyMessageLosesAndDoublesNothing(t *testing.T) {
	for _, listed := range []bool{false, true} {
		t.Run(fmt.Sprint("listed ", listed), func(t *testing.T) {
			t.Parallel()
			url := postgresURL(t)
			r := newRelay(t, url)
			db := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
			c := defaults(t, db)
			save(t, db, c, "count", `{"n":0}`)
			if err := db.KeepBases(background, true); err != nil {
				t.Fatal(err)
			}
			var acknowledged, unknown []string
			for at := range int64(24) {
				for name, left := range map[string]interface{ Store(int64) }{"to the server": &r.toServer, "to the node": &r.toNode} {
					id := fmt.Sprintf("%s %d", name, at)
					left.Store(at)
					err := db.Update(background, richly(c, id, listed))
					left.Store(-1)
					switch {
					case err == nil:
						acknowledged = append(acknowledged, id)
					case fault.IsTransient(err):
						unknown = append(unknown, id)
					default:
						t.Errorf("%s: %v", id, err)
					}
				}
			}
			if len(unknown) > 4 {
				t.Errorf("%d of 48 transactions have failed", len(unknown))
			}
			wantCounted(t, db, c, acknowledged, unknown)
		})
	}
}

// mayBeTriedAgain reports whether an error says that nothing was stored, and that another try may help.
func mayBeTriedAgain(err error) bool { return errors.Is(err, fault.Busy) }
