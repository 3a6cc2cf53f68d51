package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestEnginesAgree does the same random operations to a database in a folder and to one in PostgreSQL. Revisions of
// trees depend on nothing but the edits, so both must hold the same rows after each transaction.
func TestEnginesAgree(t *testing.T) {
	postgresURL(t) // skips where there is no PostgreSQL
	testsize.Check(t, func(rt *rapid.T) {
		p := newPair(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"":            func(rt *rapid.T) { p.compare(rt) },
			"transaction": p.transaction,
			"bases": func(rt *rapid.T) {
				keep := rapid.Bool().Draw(rt, "keep")
				for _, db := range p.dbs {
					if err := db.KeepBases(background, keep); err != nil {
						rt.Fatal(err)
					}
				}
			},
		})
	})
}

// TestARevisionKeptAgain keeps a conflict, replaces it and keeps it once more with another body, in one transaction.
func TestARevisionKeptAgain(t *testing.T) {
	p := newPair(t, t)
	receive := func(rev, body string) step {
		return func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			outcome, err := tx.Receive(c, store.Incoming{ID: "a", Rev: treeRev(rev), Body: []byte(body), Remote: r})
			return fmt.Sprint(outcome), err
		}
	}
	save := func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
		d, err := tx.Save(c, store.Edit{ID: "a", Body: []byte(`{}`)})
		return show(d), err
	}
	p.do(t, false, namedStep{"save", save})
	p.do(t, false, namedStep{"receive", receive("2-bb", `{"n":1}`)})
	p.do(t, false, namedStep{"receive another", receive("2-cc", `{"n":2}`)}, namedStep{"receive again", receive("2-bb", `{"n":3}`)})
	p.compare(t)
}

// pair is a database in a folder, and the same in PostgreSQL.
type pair struct {
	dbs     [2]*store.DB
	of      [2]*store.Collection
	remotes [2]store.Remote
}

// cleaning is a test of Go or of rapid.
type cleaning interface {
	rapid.TB
	Cleanup(f func())
}

// newPair opens both databases, which are checked and closed when rt ends.
func newPair(t *testing.T, rt cleaning) *pair {
	clock := time.UnixMilli(1_700_000_000_000)
	o := store.Options{Versioning: store.RevTrees, Now: func() time.Time { return clock }}
	folder, err := store.Open(background, filepath.Join(t.TempDir(), "a.tandem"), o)
	if err != nil {
		rt.Fatal(err)
	}
	shared, err := store.OpenHub(background, postgres.Engine{MaxConns: 2}, postgresURL(t), o)
	if err != nil {
		rt.Fatal(err)
	}
	p := &pair{dbs: [2]*store.DB{folder, shared}}
	for i, db := range p.dbs {
		p.of[i] = defaults(t, db)
		p.remotes[i] = remote(t, db, "wss://peer/db")
		rt.Cleanup(func() {
			defer db.Close()
			if problems, err := db.Check(background); err != nil || len(problems) > 0 {
				rt.Errorf("the check finds %v, %v", problems, err)
			}
		})
	}
	return p
}

// step is an operation on either database. Its text is what it returns.
type step func(tx *store.Tx, c *store.Collection, r store.Remote) (text string, err error)

// transaction does some steps in one transaction, which fails at the end now and then.
func (p *pair) transaction(rt *rapid.T) {
	steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 5).Draw(rt, "steps")
	p.do(rt, rapid.IntRange(0, 4).Draw(rt, "cut") == 0, steps...)
}

func (p *pair) do(rt rapid.TB, cut bool, steps ...namedStep) {
	stop := errors.New("stop")
	var outcomes [2]string
	for i, db := range p.dbs {
		var told []string
		err := db.Update(background, func(tx *store.Tx) error {
			told = nil // of a run that was undone
			for _, do := range steps {
				text, err := do.do(tx, p.of[i], p.remotes[i])
				told = append(told, fmt.Sprintf("%s: %s %v", do.name, text, kindOf(err)))
			}
			if cut {
				return stop
			}
			return nil
		})
		outcomes[i] = fmt.Sprintf("%s\n%v", strings.Join(told, "\n"), err)
	}
	if outcomes[0] != outcomes[1] {
		rt.Fatalf("the folder says\n%s\nand PostgreSQL\n%s", outcomes[0], outcomes[1])
	}
}

// kindOf leaves out of an error what names the database.
func kindOf(err error) string {
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "postgres://")
	return text
}

type namedStep struct {
	name string
	do   step
}

// String shows a step in the report of a failure.
func (s namedStep) String() string { return s.name }

func drawStep(rt *rapid.T) namedStep {
	id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id")
	n := rapid.IntRange(0, 3).Draw(rt, "n")
	body := []byte(fmt.Sprintf(`{"n":%d}`, n))
	rev := rapid.SampledFrom([]string{"1-aa", "2-bb", "2-cc", "3-dd"}).Draw(rt, "rev")
	deleted := rapid.IntRange(0, 4).Draw(rt, "deleted") == 0
	name := rapid.SampledFrom([]string{
		"save", "delete", "purge", "receive", "known", "taken", "run", "resolve", "expiry", "forget", "value", "local", "touch", "restore", "list",
	}).Draw(rt, "step")
	all := map[string]step{
		"save": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
			d, err := tx.Save(c, store.Edit{ID: id, Body: body})
			return show(d), err
		},
		"delete": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
			d, err := tx.Save(c, store.Edit{ID: id, Deleted: true})
			return show(d), err
		},
		"purge": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) { return "", tx.Purge(c, id) },
		"receive": func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			in := store.Incoming{ID: id, Rev: treeRev(rev), Deleted: deleted, Body: body, Remote: r, RefuseConflict: n == 0}
			outcome, err := tx.Receive(c, in)
			return fmt.Sprint(outcome), err
		},
		"known": func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			return "", tx.MarkKnown(c, id, r, revision.ID(rev))
		},
		"taken": func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			d, err := tx.Head(c, id)
			if err != nil {
				return "", err
			}
			return "", tx.MarkTaken(c, id, r, d.Rev, d.Known(r))
		},
		"run": func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			all, err := tx.MarkRunTaken(c, r, store.Sequence(1+n), store.Sequence(4+n))
			return fmt.Sprint(all), err
		},
		"resolve": func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			conflict, err := tx.ConflictOf(c, id)
			if err != nil {
				return "", err
			}
			d, err := tx.Resolve(c, store.Resolution{
				ID: id, Remote: r, Local: conflict.Local.Rev.ID, Winner: store.Winner(n % 3), Body: body, Deleted: deleted && n%3 == 2, Why: "test",
			})
			return show(d), err
		},
		"expiry": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
			return "", tx.SetExpiry(c, id, tx.Now().Add(time.Duration(n)*time.Hour+time.Hour))
		},
		"forget": func(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
			next, err := tx.ForgetKnown(c, r, store.Sequence(n), 2)
			return fmt.Sprint(next), err
		},
		"value": func(tx *store.Tx, _ *store.Collection, _ store.Remote) (string, error) {
			if deleted {
				return "", tx.SetInfo("space", id, nil)
			}
			return "", tx.SetBoundedInfo("space", fmt.Sprint(id, n, rev), body, 32)
		},
		"local": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
			was, _, err := tx.Local(c, id)
			if err != nil {
				return "", err
			}
			return tx.SetLocal(c, id, was, body)
		},
		"touch": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
			d, err := tx.Head(c, id)
			if err != nil {
				return "", err
			}
			return "", tx.Touch(c, id, d.Rev.ID)
		},
		"restore": func(tx *store.Tx, c *store.Collection, _ store.Remote) (string, error) {
			changed, err := tx.Restore(c, store.Restored{ID: id, Body: body, Deleted: deleted, Rev: treeRev(rev)})
			return fmt.Sprint(changed), err
		},
		"list": dumpRows,
	}
	return namedStep{fmt.Sprintf("%s %s %s %s %v", name, id, body, rev, deleted), all[name]}
}

// treeRev returns a revision of a tree whose ancestors lead to 1-aa.
func treeRev(id string) revision.Rev {
	rev := revision.Rev{ID: revision.ID(id + strings.Repeat("0", 30))}
	if id == "3-dd" {
		rev.History.Ancestors = append(rev.History.Ancestors, treeRev("2-bb").ID)
	}
	if id != "1-aa" {
		rev.History.Ancestors = append(rev.History.Ancestors, treeRev("1-aa").ID)
	}
	return rev
}

func show(d *store.Document) string {
	if d == nil {
		return "none"
	}
	return fmt.Sprintf("%s %d %s %s %v %v %v %v %d %s", d.ID, d.Sequence, d.Rev.ID, d.Rev.History.String(), d.Deleted, d.Conflicted,
		d.HasBlobs, d.Expiry.UnixMilli(), d.Size, d.Body)
}

// dumpRows returns all that a transaction sees of a collection.
func dumpRows(tx *store.Tx, c *store.Collection, r store.Remote) (string, error) {
	var text strings.Builder
	docs, err := tx.Changes(c, 0, 100, store.Select{WithBody: true})
	for _, d := range docs {
		fmt.Fprintln(&text, show(d), d.Known(r))
		_, beside, failed := tx.KeptRevisions(c, d.ID)
		err = errors.Join(err, failed)
		for _, k := range beside {
			fmt.Fprintln(&text, "  beside", k.With, show(k.Document))
		}
	}
	heads, failed := tx.Heads(c, []string{"c", "x", "a", "b"})
	err = errors.Join(err, failed)
	for _, d := range heads {
		fmt.Fprintln(&text, "head", show(d))
	}
	for _, rg := range []store.Range{{}, {From: "b"}, {Before: "b", Descending: true}} {
		scan, failed := tx.Scan(c, rg, 2, store.Select{LiveOnly: true})
		err = errors.Join(err, failed)
		for _, d := range scan {
			fmt.Fprintln(&text, "scan", show(d))
		}
	}
	conflicts, failed := tx.Conflicts(c, "", 10)
	err = errors.Join(err, failed)
	for _, d := range conflicts {
		fmt.Fprintln(&text, "conflict", d.ID)
	}
	log, failed := tx.ConflictLog(store.ConflictFilter{}, 100)
	err = errors.Join(err, failed)
	for _, e := range log {
		fmt.Fprintln(&text, "log", e.ID, e.Winner, e.Local.Rev, e.Theirs.Rev, e.Result, string(e.Local.Body))
	}
	count, failed := tx.Count(c)
	last, alsoFailed := tx.LastSequence(c)
	since, sinceFailed := tx.CountSince(c, 1)
	fmt.Fprintln(&text, count, last, since)
	infos := tx.Infos("space", func(key string, value []byte) error { fmt.Fprintln(&text, key, string(value)); return nil })
	return text.String(), errors.Join(err, failed, alsoFailed, sinceFailed, infos)
}

// compare compares all rows.
func (p *pair) compare(rt rapid.TB) {
	var seen [2]string
	for i, db := range p.dbs {
		err := db.View(background, func(tx *store.Tx) (err error) {
			seen[i], err = dumpRows(tx, p.of[i], p.remotes[i])
			return err
		})
		if err != nil {
			rt.Fatal(err)
		}
	}
	if seen[0] != seen[1] {
		rt.Fatalf("the folder has\n%s\nand PostgreSQL\n%s", seen[0], seen[1])
	}
}
