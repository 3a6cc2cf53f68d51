package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// wantReborn waits until the sessions of all nodes are told to begin again.
func wantReborn(t *testing.T, told ...<-chan struct{}) {
	t.Helper()
	for i, c := range told {
		select {
		case <-c:
		case <-time.After(time.Minute):
			t.Fatalf("node %d was not told", i)
		}
	}
}

// TestALostTailIsNoticedByAllNodes puts back what the server knows, as a fail-over to a standby that lags does: the nodes
// go on under new sources, and with sequences that nobody has seen.
func TestALostTailIsNoticedByAllNodes(t *testing.T) {
	for name, lose := range map[string]string{
		"fewer commits than seen": `UPDATE hub SET commits = commits - 3 RETURNING commits`,
		"another line":            `UPDATE hub SET commits = commits + 100, line = 'another' RETURNING commits`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "another line" {
				inPostgres(t)
			}
			dbs, url := nodes(t, 3, store.Options{})
			a, b := dbs[0], dbs[1]
			c, of := defaults(t, a), defaults(t, b)
			save(t, b, of, "b", `{}`)
			for i := range 5 {
				save(t, a, c, fmt.Sprint(i), `{}`)
			}
			save(t, b, of, "c", `{}`) // by which it has seen all commits: portable nodes hear of others' later
			sources := map[any]bool{}
			var told []<-chan struct{}
			for _, db := range dbs {
				sources[db.Source()] = true
				told = append(told, db.Reborn())
			}
			bySQL[int](t, url, `UPDATE collection SET last = last - 3 RETURNING last`)
			run(t, url, `DELETE FROM "_default._default" WHERE seq > 4`)
			run(t, url, `UPDATE collection SET live = (SELECT count(*) FROM "_default._default")`)
			bySQL[int](t, url, lose)
			if d := save(t, b, of, "new", `{}`); d.Sequence <= 7 {
				t.Errorf("the sequence %d is given twice", d.Sequence)
			}
			wantReborn(t, told...)
			save(t, a, c, "a", `{}`)
			for i, db := range dbs {
				if source := db.Source(); sources[source] {
					t.Errorf("node %d gives versions under a source %v that a lost tail may have", i, source)
				}
				sources[db.Source()] = true
			}
			if n := bySQL[int](t, url, `SELECT incarnation FROM hub`); n != 2 {
				t.Errorf("the nodes have begun %d incarnations, want one", n-1)
			}
		})
	}
}

// TestANodeThatHasSeenMoreRaisesTheSequences has the node that begins an incarnation know less than another one.
func TestANodeThatHasSeenMoreRaisesTheSequences(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	c, of := defaults(t, a), defaults(t, b)
	save(t, b, of, "b", `{}`)
	d := save(t, a, c, "a", `{}`)
	told := a.Reborn()
	bySQL[int](t, url, `UPDATE hub SET incarnation = 7 RETURNING incarnation`) // by a node that has seen nothing
	bySQL[int](t, url, `UPDATE collection SET last = 1 RETURNING last`)
	run(t, url, `DELETE FROM "_default._default" WHERE id = 'a'`)
	run(t, url, `UPDATE collection SET live = 1`)
	wantReborn(t, told)
	if next := save(t, a, c, "next", `{}`); next.Sequence <= d.Sequence {
		t.Errorf("the sequence %d follows %d", next.Sequence, d.Sequence)
	}
	if next := save(t, b, of, "next", `{"n":2}`); next.Sequence <= d.Sequence {
		t.Errorf("the sequence %d follows %d on the other node", next.Sequence, d.Sequence)
	}
}

// TestANodeThatCannotTellTheLineLeavesIt has a role without the right to ask for the server's line write beside one that has
// it.
func TestANodeThatCannotTellTheLineLeavesIt(t *testing.T) {
	inPostgres(t)
	url := postgresURL(t)
	_, schema := schemaOf(t, url)
	database, role := "mute_"+schema, "mute_"+schema
	run(t, url, `CREATE ROLE `+role+` LOGIN`, `CREATE DATABASE `+database+` OWNER `+role)
	url = as(url, "tandem", database)
	run(t, url, `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`)
	mute := openNode(t, as(url, role, database), store.Options{})
	of := defaults(t, mute)
	save(t, mute, of, "first", `{}`)
	telling := openNode(t, url, store.Options{})
	c := defaults(t, telling)
	for range 2 {
		save(t, telling, c, "a", `{}`)
		save(t, mute, of, "b", `{}`)
	}
	if n, line := bySQL[int](t, url, `SELECT incarnation FROM hub`), bySQL[string](t, url, `SELECT line FROM hub`); n != 1 || line == "" {
		t.Errorf("the nodes are in incarnation %d of the line %q, want the first of a known line", n, line)
	}
	bySQL[int](t, url, `UPDATE hub SET commits = commits - 1 RETURNING 1`)
	told := mute.Reborn()
	save(t, mute, of, "c", `{}`)
	wantReborn(t, told)
	if line := bySQL[string](t, url, `SELECT line FROM hub`); line == "" {
		t.Error("the node that cannot tell the line has forgotten it")
	}
}
