package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newConflicts(a *app) *cobra.Command {
	var coll collectionFlag
	var asJSON, all bool
	var limit int
	c := &cobra.Command{
		Use:   "conflicts DB [ID]",
		Short: "List the conflicts that were resolved",
		Long: "conflicts lists what happened to documents that were changed on both sides, the latest\n" +
			"first: who won, why, and with --json both bodies. The database keeps the latest 10,000.",
		Example: "  tandem conflicts notes\n  tandem conflicts notes milk --json",
		Args:    cobra.RangeArgs(1, 2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if limit < 0 {
				return usage("--limit cannot be negative")
			}
			id := ""
			if len(args) == 2 {
				id = args[1]
			}
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				only := coll
				if all {
					only = nil
				}
				return a.conflicts(ctx, coll.Database(), only, id, limit, asJSON)
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON object a line: time, collection, id, peer, winner, why, revision, and local\n"+
		"and remote with revision, deleted and body")
	c.Flags().BoolVar(&all, "all", false, "of all collections")
	c.Flags().IntVar(&limit, "limit", 100, "list so `many` at most; 0 lists all")
	return c
}

// conflictLine is a line of conflicts --json.
type conflictLine struct {
	Time       time.Time    `json:"time"`
	Collection string       `json:"collection"`
	ID         string       `json:"id"`
	Peer       string       `json:"peer"`
	Winner     string       `json:"winner"`
	Why        string       `json:"why"`
	Revision   string       `json:"revision"`
	Local      conflictSide `json:"local"`
	Remote     conflictSide `json:"remote"`
}

type conflictSide struct {
	Revision string          `json:"revision"`
	Deleted  bool            `json:"deleted,omitempty"`
	Body     json.RawMessage `json:"body"`
}

func (a *app) conflicts(ctx context.Context, db *tandem.Database, coll *tandem.Collection, id string, limit int, asJSON bool) error {
	encoder := a.jsonLines()
	n := 0
	for conflict, err := range db.ResolvedConflicts(ctx, coll, id) {
		if err != nil {
			return err
		}
		if n++; limit > 0 && n > limit {
			a.note("there are more; see --limit")
			break
		}
		if !asJSON {
			fmt.Fprintf(a.out, "%s  %s.%s/%s  %s won (%s)\n", conflict.Time.Format(time.RFC3339),
				conflict.Scope, conflict.Collection, conflict.DocumentID, conflict.Winner, conflict.Why)
			continue
		}
		if err := encoder.Encode(lineOfConflict(conflict)); err != nil {
			return err
		}
	}
	if n == 0 {
		a.note("no conflict was resolved")
	}
	return nil
}

func lineOfConflict(c tandem.ResolvedConflict) conflictLine {
	side := func(s tandem.ConflictSide) conflictSide { return conflictSide{s.RevisionID, s.Deleted, s.Body} }
	return conflictLine{
		Time: c.Time, Collection: c.Scope + "." + c.Collection, ID: c.DocumentID, Peer: c.Remote,
		Winner: c.Winner.String(), Why: c.Why, Revision: c.RevisionID,
		Local: side(c.Local), Remote: side(c.RemoteSide),
	}
}
