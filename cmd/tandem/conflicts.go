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
	var f conflictsFlags
	c := &cobra.Command{
		Use:   "conflicts DB [ID]",
		Short: "List open or resolved conflicts",
		Long: "conflicts lists the documents that were changed on both sides, and that no sync has settled:\n" +
			"resolve settles them. With --resolved it lists what happened to those that were, the latest\n" +
			"first: who won, why, and with --json both bodies. The database keeps the latest 10,000.",
		Example: "  tandem conflicts notes\n  tandem conflicts notes milk --json\n  tandem conflicts notes --resolved",
		Args:    cobra.RangeArgs(1, 2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if f.limit < 0 {
				return usage("--limit cannot be negative")
			}
			if len(args) == 2 {
				f.id = args[1]
			}
			return f.coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				if f.resolved {
					return a.resolvedConflicts(ctx, coll, f)
				}
				return a.openConflicts(ctx, coll, f)
			})
		}),
	}
	f.coll.add(c)
	c.Flags().BoolVar(&f.json, "json", false, "one JSON object per line: collection, id, peer, and local and remote with revision,\n"+
		"deleted and body; base (JSON); with --resolved time, winner, why and revision")
	c.Flags().BoolVar(&f.resolved, "resolved", false, "list the conflicts that were resolved")
	c.Flags().BoolVar(&f.all, "all", false, "of all collections")
	c.Flags().IntVar(&f.limit, "limit", 100, "list at most this `many`; 0 lists all")
	return c
}

type conflictsFlags struct {
	coll                collectionFlag
	id                  string
	json, resolved, all bool
	limit               int
}

// ends reports whether line n exceeds the limit, and then tells the user.
func (f conflictsFlags) ends(a *app, n int) bool {
	if f.limit == 0 || n <= f.limit {
		return false
	}
	a.note("there are more; see --limit")
	return true
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

func (a *app) resolvedConflicts(ctx context.Context, coll *tandem.Collection, f conflictsFlags) error {
	db, encoder, n := coll.Database(), a.jsonLines(), 0
	if f.all {
		coll = nil
	}
	for conflict, err := range db.ResolvedConflicts(ctx, coll, f.id) {
		if err != nil {
			return err
		}
		if n++; f.ends(a, n) {
			break
		}
		if !f.json {
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
