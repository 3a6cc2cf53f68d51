package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/testsize"
)

// nodes opens a new database in PostgreSQL on several nodes.
func nodes(t testing.TB, n int, o store.Options) (all []*store.DB, url string) {
	t.Helper()
	url = postgresURL(t)
	for range n {
		all = append(all, openNode(t, url, o))
	}
	return all, url
}

// bySQL runs a statement in the schema of a database, and returns the first value of its first row.
func bySQL[T any](t testing.TB, url, sql string, args ...any) (value T) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(background)
	err := conn.QueryRow(background, sql, args...).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// connect returns a connection of its own to the schema of a database.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	server, schema := schemaOf(t, url)
	config, err := pgx.ParseConfig(server)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	conn, err := pgx.ConnectConfig(background, config)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestNodesAgreeWithAModel is TestTheStoreAgreesWithAModel with two nodes in place of two handles.
func TestNodesAgreeWithAModel(t *testing.T) {
	testsize.Whole(t) // TestEnginesAgree compares with a folder, which agrees with the model
	for _, v := range bothVersionings {
		t.Run(string(v), func(t *testing.T) {
			testsize.Check(t, func(rt *rapid.T) {
				url := postgresURL(t)
				runMachineOn(t, rt, func() (*store.DB, error) {
					return store.OpenHub(background, postgres.Engine{}, url, store.Options{Versioning: v})
				}, func(*machine) {})
			})
		})
	}
}

func TestNodesShareADatabase(t *testing.T) {
	dbs, _ := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	if a.PublicUUID() != b.PublicUUID() || a.PrivateUUID() != b.PrivateUUID() || a.Name() != b.Name() {
		t.Error("two nodes have not the same database")
	}
	if a.Source() == b.Source() {
		t.Error("two nodes have the same source")
	}
	first := save(t, a, defaults(t, a), "a", `{"n":1}`)
	second := save(t, b, defaults(t, b), "a", `{"n":2}`)
	if second.Sequence != first.Sequence+1 || revision.Compare(second.Rev, first.Rev) != revision.Newer {
		t.Errorf("the edit on the other node is %+v, after %+v", second, first)
	}
	for _, db := range dbs {
		if d := get(t, db, defaults(t, db), "a"); d == nil || string(d.Body) != `{"n":2}` || d.Rev.ID != second.Rev.ID {
			t.Errorf("a node has %+v, want the last edit", d)
		}
	}
}

// TestSequencesBecomeVisibleInTheirOrder has nodes write at once, while a reader continues behind the last sequence
// it has seen: it must miss none.
func TestSequencesBecomeVisibleInTheirOrder(t *testing.T) {
	const writers, edits = 4, 20
	dbs, _ := nodes(t, 3, store.Options{})
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			db := dbs[w%2]
			c := defaults(t, db)
			for i := range edits {
				update(t, db, func(tx *store.Tx) error {
					_, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("%d-%d", w, i), Body: []byte(`{}`)})
					return err
				})
			}
		})
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	seen := make(map[string]store.Sequence)
	reader, last := defaults(t, dbs[2]), store.Sequence(0)
	read := func() {
		view(t, dbs[2], func(tx *store.Tx) error {
			docs, err := tx.Changes(reader, last, 1000, store.Select{})
			for _, d := range docs {
				seen[d.ID], last = d.Sequence, d.Sequence
			}
			return err
		})
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		read()
	}
	if len(seen) != writers*edits || last != writers*edits {
		t.Errorf("the reader has seen %d documents up to sequence %d, want %d", len(seen), last, writers*edits)
	}
}

func TestNewsReachOtherNodes(t *testing.T) {
	for name, engine := range map[string]postgres.Engine{"told": {}, "polling": {Polling: true}} {
		t.Run(name, func(t *testing.T) {
			url := postgresURL(t)
			a := openNode(t, url, store.Options{})
			b, err := store.OpenHub(background, engine, url, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer checked(t, b)
			c := defaults(t, b)
			sub := b.Subscribe(c)
			defer sub.Close()
			save(t, a, defaults(t, a), "a", `{}`)
			select {
			case <-sub.C:
			case <-time.After(time.Minute):
				t.Fatal("no news in a minute")
			}
			if get(t, b, c, "a") == nil {
				t.Error("the news came before the document")
			}
		})
	}
}

func TestACommitIsReportedBeforeItsCallerIsTold(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	c := defaults(t, dbs[0])
	sub := dbs[0].Subscribe(c)
	defer sub.Close()
	save(t, dbs[0], c, "a", `{}`)
	if sub.Count() == 0 {
		t.Error("the subscription has not heard of the commit")
	}
}

func TestASourceIsTakenOver(t *testing.T) {
	url := postgresURL(t)
	a := openNode(t, url, store.Options{})
	first := save(t, a, defaults(t, a), "a", `{}`)
	source := a.Source()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := openNode(t, url, store.Options{})
	if b.Source() != source {
		t.Errorf("the source of a node that is closed is not taken over: %v after %v", b.Source(), source)
	}
	if second := save(t, b, defaults(t, b), "b", `{}`); revision.Greatest(second.Rev) <= revision.Greatest(first.Rev) {
		t.Errorf("version %s is not later than %s of the same source", second.Rev.ID, first.Rev.ID)
	}
	c := openNode(t, url, store.Options{})
	if c.Source() == source {
		t.Error("two open nodes have the same source")
	}
	if n := bySQL[int](t, url, `SELECT count(*) FROM node`); n != 2 {
		t.Errorf("there are %d sources, want as many as nodes lived at once", n)
	}
}

// TestANodeThatWasPausedGoesOnUnderAnotherSource takes the lease of a node away, as another node does once it is over.
func TestANodeThatWasPausedGoesOnUnderAnotherSource(t *testing.T) {
	dbs, url := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	was := db.Source()
	save(t, db, c, "a", `{}`)
	bySQL[int](t, url, `UPDATE node SET epoch = epoch + 1, until = clock_timestamp() + interval '1 hour' RETURNING number`)
	d := save(t, db, c, "a", `{"n":2}`)
	if db.Source() == was {
		t.Error("the node still has the source that another has taken")
	}
	if source := d.Rev.ID.Source(); source != db.Source() {
		t.Errorf("the edit is of source %v, want %v", source, db.Source())
	}
}

func TestSettingsReachOtherNodes(t *testing.T) {
	dbs, _ := nodes(t, 2, store.Options{Versioning: store.RevTrees})
	a, b := dbs[0], dbs[1]
	if err := a.UpgradeVersioning(background); err != nil {
		t.Fatal(err)
	}
	if a.Versioning() != store.VersionVectors {
		t.Error("the node itself has not upgraded")
	}
	if d := save(t, b, defaults(t, b), "a", `{}`); !d.Rev.ID.IsVersion() {
		t.Errorf("the other node gives revision %s after the upgrade", d.Rev.ID)
	}
	if err := a.KeepBases(background, true); err != nil {
		t.Fatal(err)
	}
	c := defaults(t, b)
	first := get(t, b, c, "a")
	save(t, b, c, "a", `{"n":1}`)
	view(t, b, func(tx *store.Tx) error {
		body, err := tx.BodyOf(c, "a", first.Rev.ID)
		if err != nil || string(body) != `{}` {
			t.Errorf("the base is %q, %v", body, err)
		}
		return nil
	})
}

func TestCollectionsAreShared(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	long := fmt.Sprintf("%0100d", 7)
	for _, name := range []string{"items", long} {
		made, err := a.CreateCollection(background, "shop", name)
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.CreateCollection(background, "shop", name)
		if err != nil || again.Number() != made.Number() {
			t.Fatalf("the other node makes %v, %v; want number %d", again, err, made.Number())
		}
		save(t, b, again, "a", `{"n":1}`)
	}
	if n := bySQL[int](t, url, `SELECT (doc->>'n')::int FROM "shop.items live"`); n != 1 {
		t.Errorf("SQL reads %d", n)
	}
	c, err := b.Collection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	err = b.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "b"})
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("a save into a deleted collection: %v, want not found", err)
	}
}

// TestAFailedMemberLeavesTheOthers cuts transactions off after they have had the engine see changes.
func TestAFailedMemberLeavesTheOthers(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	stop := errors.New("stop")
	var work sync.WaitGroup
	for i := range 40 {
		work.Go(func() {
			err := db.Update(background, func(tx *store.Tx) error {
				if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i)}); err != nil {
					return err
				}
				if i%4 < 2 { // a listing has the engine see the save
					docs, err := tx.Changes(c, 0, 1000, store.Select{})
					if err != nil || !slices.ContainsFunc(docs, func(d *store.Document) bool { return d.ID == fmt.Sprint(i) }) {
						t.Errorf("the transaction does not see its save: %v", err)
					}
				}
				if i%2 == 1 {
					return stop
				}
				return nil
			})
			if i%2 == 1 && !errors.Is(err, stop) || i%2 == 0 && err != nil {
				t.Errorf("transaction %d: %v", i, err)
			}
		})
	}
	work.Wait()
	for i := range 40 {
		if d := get(t, db, c, fmt.Sprint(i)); (d != nil) != (i%2 == 0) {
			t.Errorf("document %d is %v", i, d)
		}
	}
	view(t, db, func(tx *store.Tx) error {
		n, err := tx.Count(c)
		last, _ := tx.LastSequence(c)
		if n != 20 || last != 20 {
			t.Errorf("%d documents are counted up to sequence %d, want 20 and 20", n, last)
		}
		return err
	})
}

// TestAFailedOperationLeavesTheTransaction has an operation fail in a transaction that goes on.
func TestAFailedOperationLeavesTheTransaction(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	update(t, db, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "a"}); err != nil {
			return err
		}
		if _, err := tx.Save(c, store.Edit{ID: "b", FailOnConflict: true, Parent: "1@AAAAAAAAAAAAAAAAAAAAAA"}); !errors.Is(err, fault.Conflict) {
			t.Errorf("got %v, want a conflict", err)
		}
		if _, err := tx.Save(c, store.Edit{ID: "c", Body: []byte(`{"x":`)}); err == nil {
			t.Error("half of a body is stored")
		}
		_, err := tx.Save(c, store.Edit{ID: "d"})
		return err
	})
	view(t, db, func(tx *store.Tx) error {
		docs, err := tx.Scan(c, store.Range{}, 10, store.Select{})
		if len(docs) != 2 || docs[0].ID != "a" || docs[1].ID != "d" || docs[1].Sequence != 2 {
			t.Errorf("the collection has %d documents", len(docs))
		}
		return err
	})
}

func TestAPanicIsTheCallersError(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	fn := func(tx *store.Tx) error {
		_, _ = tx.Document(c, "a")
		panic("no")
	}
	for name, err := range map[string]error{"view": db.View(background, fn), "update": db.Update(background, fn)} {
		if !errors.Is(err, fault.Unexpected) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	save(t, db, c, "a", `{}`)
}

func TestValuesAreShared(t *testing.T) {
	dbs, _ := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	keys := []string{"plain", "with\x00zero", "\xff", "\x01coded", "ü"}
	update(t, a, func(tx *store.Tx) error {
		for _, key := range keys {
			if err := tx.SetInfo("space", key, []byte(key)); err != nil {
				return err
			}
		}
		return tx.SetLocalCheckpoint("cp", []byte("1"))
	})
	view(t, b, func(tx *store.Tx) error {
		found := map[string]string{}
		err := tx.Infos("space", func(key string, value []byte) error { found[key] = string(value); return nil })
		for _, key := range keys {
			value, _ := tx.Info("space", key)
			if string(value) != key || found[key] != key {
				t.Errorf("key %q has %q, and %q in the list", key, value, found[key])
			}
		}
		if body, _ := tx.LocalCheckpoint("cp"); string(body) != "1" {
			t.Errorf("the checkpoint is %q", body)
		}
		return err
	})
	update(t, b, func(tx *store.Tx) error {
		if rev, err := tx.SetPeerCheckpoint("client", "", []byte("x")); err != nil || rev != "1-cc" {
			t.Errorf("got %q, %v", rev, err)
		}
		return tx.SetInfo("space", "plain", nil)
	})
	update(t, a, func(tx *store.Tx) error {
		if _, err := tx.SetPeerCheckpoint("client", "", []byte("y")); !errors.Is(err, fault.Conflict) {
			t.Errorf("a checkpoint that another node has stored is replaced: %v", err)
		}
		if value, err := tx.Info("space", "plain"); value != nil || err != nil {
			t.Errorf("a removed value is %q, %v", value, err)
		}
		return nil
	})
}

func TestRemotesHaveTheSameNumberOnAllNodes(t *testing.T) {
	dbs, _ := nodes(t, 2, store.Options{})
	one, two := remote(t, dbs[0], "wss://one/db"), remote(t, dbs[1], "wss://two/db")
	if one == two || remote(t, dbs[1], "wss://one/db") != one {
		t.Errorf("the remotes are %d and %d", one, two)
	}
	view(t, dbs[0], func(tx *store.Tx) error {
		if url, err := tx.RemoteURL(two); url != "wss://two/db" || err != nil {
			t.Errorf("remote %d is %q, %v", two, url, err)
		}
		return nil
	})
}

func TestADocumentExpiresOnAllNodes(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	c := defaults(t, dbs[0])
	save(t, dbs[0], c, "a", `{}`)
	sub := dbs[1].Subscribe(defaults(t, dbs[1]))
	defer sub.Close()
	update(t, dbs[0], func(tx *store.Tx) error { return tx.SetExpiry(c, "a", time.Now().Add(20*time.Millisecond)) })
	untilTrue(t, url, `SELECT NOT EXISTS (SELECT FROM "_default._default")`)
	if get(t, dbs[1], defaults(t, dbs[1]), "a") != nil {
		t.Error("another node still has the document")
	}
}

func TestWhatOnlyFoldersCanDoSaysSo(t *testing.T) {
	dbs, _ := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	for name, err := range map[string]error{
		"change key": db.ChangeKey(background, nil),
		"index":      db.CreateIndex(background, c, store.Index{Name: "i", Expressions: []string{"n"}}, nil),
		"scanned": db.View(background, func(tx *store.Tx) error {
			_, err := tx.SchemaVersion()
			return err
		}),
	} {
		if !errors.Is(err, fault.Unsupported) || fault.HintOf(err) == "" {
			t.Errorf("%s: got %v, want unsupported with a hint", name, err)
		}
	}
	if db.Encrypted() || db.CheckPresence() != nil {
		t.Error("the database passes for one in a folder")
	}
}

func TestAReadOnlyNodeWritesNothing(t *testing.T) {
	url := postgresURL(t)
	if _, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{ReadOnly: true}); !errors.Is(err, fault.NotFound) {
		t.Errorf("opening what is not there: %v", err)
	}
	a := openNode(t, url, store.Options{})
	save(t, a, defaults(t, a), "a", `{}`)
	b := openNode(t, url, store.Options{ReadOnly: true})
	if get(t, b, defaults(t, b), "a") == nil {
		t.Error("the document is missing")
	}
	if err := b.Update(background, func(*store.Tx) error { return nil }); !errors.Is(err, fault.NotWriteable) {
		t.Errorf("got %v, want not writeable", err)
	}
	if n := bySQL[int](t, url, `SELECT count(*) FROM node`); n != 1 {
		t.Errorf("there are %d sources, want that of the writing node", n)
	}
}

// TestViewsWithinViewsDoNotWaitForEachOther begins more views than there are connections, and another in each.
func TestViewsWithinViewsDoNotWaitForEachOther(t *testing.T) {
	db, err := store.OpenHub(background, postgres.Engine{MaxConns: 2}, postgresURL(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer checked(t, db)
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	const n = 6
	var begun, work sync.WaitGroup
	begun.Add(n)
	for range n {
		work.Go(func() {
			view(t, db, func(tx *store.Tx) error {
				_, err := tx.Document(c, "a")
				begun.Done()
				begun.Wait() // all hold a connection
				if get(t, db, c, "a") == nil {
					t.Error("the view within finds nothing")
				}
				return err
			})
		})
	}
	work.Wait()
}

// A database becomes one of both generations, and meets the third one, on one node: the others go by that.
func TestNodesServeBothGenerations(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	c := defaults(t, dbs[0])
	save(t, dbs[1], c, "a", `{"n":1}`)
	err := dbs[0].ServeBoth(background)
	if err == nil {
		err = dbs[0].NoteMet(background, store.Third)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := save(t, dbs[1], c, "a", `{"n":2}`)
	if len(d.Rev.History.Ancestors) == 0 || !dbs[1].HasTrees() {
		t.Errorf("another node has stored %v, of one generation", d.Rev)
	}
	later := openNode(t, url, store.Options{Versioning: store.Both})
	if !later.HasTrees() || dbs[0].Versioning() != store.Both || dbs[1].Versioning() != store.Both {
		t.Error("a node does not know that the database serves both generations")
	}
}
