package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// AllRows returns everything that a copy of the database must have, as lines of text.
func AllRows(ctx context.Context, db *DB) (lines []string, err error) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	err = db.View(ctx, func(tx *Tx) error {
		tx.now = beginning
		line("versioning %s, public UUID %x", db.Versioning(), db.PublicUUID())
		settings, err := tx.rows.settings()
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(settings)) {
			line("setting %s %d", key, settings[key])
		}
		remotes, err := tx.Remotes()
		if err != nil {
			return err
		}
		for _, url := range slices.Sorted(maps.Keys(remotes)) {
			line("remote %d %s", remotes[url], url)
		}
		if err := smallRows(tx, line); err != nil {
			return err
		}
		log, err := tx.ConflictLog(ConflictFilter{}, 1000)
		if err != nil {
			return err
		}
		for _, e := range log {
			e.Number = 0
			line("logged %v %+v", e.Time.UnixMilli(), struct {
				Names         []string
				Local, Theirs LoggedRevision
			}{[]string{e.Collection, e.ID, e.Remote, e.Why, string(e.Result)}, e.Local, e.Theirs})
		}
		all, err := tx.Collections()
		for _, c := range all {
			if err == nil {
				err = rowsOf(tx, c, line)
			}
		}
		return err
	})
	return lines, err
}

func smallRows(tx *Tx, line func(string, ...any)) error {
	spaces, err := tx.rows.spaces()
	if err != nil {
		return err
	}
	for _, space := range spaces {
		if strings.HasPrefix(space, "index/") {
			continue
		}
		if err := tx.rows.values(space, func(key string, value []byte) {
			if number, id, ok := strings.Cut(key, "/"); ok && space == localSpace { // numbers of collections may differ
				key = id + " of " + nameOf(tx, number)
			}
			line("value %s %s %x", space, key, value)
		}); err != nil {
			return err
		}
	}
	err = tx.rows.peerCheckpoints(func(client string, rev int64, body []byte) { line("peer's checkpoint %s %d %s", client, rev, body) })
	if err != nil {
		return err
	}
	return tx.rows.localCheckpoints(func(id string, body []byte) { line("local checkpoint %s %s", id, body) })
}

func nameOf(tx *Tx, number string) string {
	all, _ := tx.db.Collections(context.Background())
	for _, c := range all {
		if fmt.Sprint(c.id) == number {
			return c.FullName()
		}
	}
	return "none"
}

func rowsOf(tx *Tx, c *Collection, line func(string, ...any)) error {
	k, err := tx.loadCounters(c)
	if err != nil {
		return err
	}
	line("collection %s %d %d", c.FullName(), k.last, k.live)
	docs, err := tx.list(c, listing{order: bySequence, body: withBody, limit: 100_000}, Select{})
	if err != nil {
		return err
	}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
		line("document %d %s %d %s %s %q %d %s", d.Sequence, d.ID, d.flags, d.Rev.ID, d.Rev.History.String(), d.remote, d.Expiry.UnixMilli(), d.Body)
	}
	slices.Sort(ids)
	return tx.rows.keptWithBodies(c, ids, func(id string, k keptRow, body []byte) {
		line("kept %s %d %d %s %s %q %s", id, k.remote, k.flags, k.rev.ID, k.rev.History.String(), k.base, body)
	})
}
