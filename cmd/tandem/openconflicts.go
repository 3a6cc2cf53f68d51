package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/tandemdb/tandem"
)

// openConflictLine is one line of conflicts --json.
type openConflictLine struct {
	Collection string          `json:"collection"`
	ID         string          `json:"id"`
	Peer       string          `json:"peer"`
	Local      conflictSide    `json:"local"`
	Remote     conflictSide    `json:"remote"`
	Base       json.RawMessage `json:"base,omitempty"`
}

func (a *app) openConflicts(ctx context.Context, coll *tandem.Collection, f conflictsFlags) error {
	collections, n := []*tandem.Collection{coll}, 0
	if f.all {
		var err error
		if collections, err = coll.Database().Collections(ctx); err != nil {
			return err
		}
	}
	for _, coll := range collections {
		for conflict, err := range openConflictsOf(ctx, coll, f.id) {
			if err != nil {
				return err
			}
			if n++; f.ends(a, n) {
				return nil
			}
			if err := a.showConflict(coll, conflict, f.json); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		a.note("no conflict is open; --resolved lists those that were resolved")
	}
	return nil
}

// openConflictsOf returns the open conflicts of a collection or, with an ID, the first one of that
// document.
func openConflictsOf(ctx context.Context, coll *tandem.Collection, id string) iter.Seq2[*tandem.OpenConflict, error] {
	if id == "" {
		return coll.Conflicts(ctx)
	}
	return func(yield func(*tandem.OpenConflict, error) bool) {
		if conflict, err := coll.Conflict(ctx, id); !errors.Is(err, tandem.ErrNotFound) {
			yield(conflict, err)
		}
	}
}

func (a *app) showConflict(coll *tandem.Collection, conflict *tandem.OpenConflict, asJSON bool) error {
	if asJSON {
		return a.jsonLines().Encode(openConflictLine{
			Collection: coll.FullName(), ID: conflict.DocumentID, Peer: conflict.Peer,
			Local: sideOf(conflict.Local), Remote: sideOf(conflict.Remote), Base: conflict.BaseBody,
		})
	}
	_, err := fmt.Fprintf(a.out, "%s/%s  with %s\n  local   %s\n  remote  %s\n", coll.FullName(), conflict.DocumentID, conflict.Peer,
		contentOf(conflict.Local), contentOf(conflict.Remote))
	return err
}

func sideOf(d *tandem.Document) conflictSide {
	return conflictSide{Revision: d.RevisionID(), Deleted: d.Deleted(), Body: d.Body()}
}

// contentOf returns the content of a document for people.
func contentOf(d *tandem.Document) string {
	if d.Deleted() {
		return "deleted"
	}
	return string(d.Body())
}
