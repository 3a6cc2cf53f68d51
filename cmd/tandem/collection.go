package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newCollection(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "collection",
		Short: "List, create and delete collections",
		Long: "A collection has a name within a scope, as scope.collection; a name alone is in the scope _default.\n" +
			"put, import and sync create the collections that they write to.",
	})
	c.AddCommand(newCollectionList(a), newCollectionCreate(a), newCollectionDelete(a))
	return c
}

func newCollectionList(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list DB",
		Short:   "List collections with the number of their documents",
		Example: "  tandem collection list travel",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				all, err := describeCollections(ctx, db)
				if err != nil {
					return err
				}
				return a.listCollections(all, asJSON)
			})
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object per line: name, documents and lastSequence")
	return c
}

func (a *app) listCollections(all []collectionInfo, asJSON bool) error {
	table, encoder := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0), a.jsonLines()
	for _, coll := range all {
		var err error
		if asJSON {
			err = encoder.Encode(coll)
		} else {
			_, err = fmt.Fprintf(table, "%s\t%d\n", coll.Name, coll.Documents)
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

func newCollectionCreate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "create DB COLLECTION",
		Short:   "Create a collection",
		Long:    "collection create makes an empty collection, unless there is one of that name.",
		Example: "  tandem collection create travel travel.airlines",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			if err := checkCollections(args[1]); err != nil {
				return err
			}
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				_, err := a.createCollection(ctx, db, args[1])
				return err
			})
		}),
	}
}

func newCollectionDelete(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete DB COLLECTION",
		Short: "Delete a collection with all its documents",
		Long: "collection delete removes a collection and all its documents, here only: peers keep theirs. The\n" +
			"default collection cannot be deleted.",
		Example: "  tandem collection delete travel travel.airlines",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			scope, name, err := parseCollection(args[1])
			if err != nil {
				return err
			}
			return a.with(ctx, args[0], func(db *tandem.Database) error { return db.DeleteCollection(ctx, scope, name) })
		}),
	}
}
