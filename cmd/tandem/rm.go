package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newRemove(a *app) *cobra.Command {
	var coll collectionFlag
	var purge bool
	c := &cobra.Command{
		Use:   "rm DB ID...",
		Short: "Delete documents",
		Long: "rm deletes documents; peers delete theirs when they sync. With --purge the documents vanish\n" +
			"here without a trace, and peers keep theirs.\n\n" +
			"If one of the documents does not exist, none is deleted.",
		Example: "  tandem rm notes milk bread",
		Args:    cobra.MinimumNArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				return remove(ctx, coll, args[1:], purge)
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&purge, "purge", false, "remove without a trace, here only")
	return c
}

func remove(ctx context.Context, coll *tandem.Collection, ids []string, purge bool) error {
	return coll.Database().InBatch(ctx, func(b *tandem.Batch) error {
		for _, id := range ids {
			if err := removeOne(b, coll, id, purge); err != nil {
				return err
			}
		}
		return nil
	})
}

func removeOne(b *tandem.Batch, coll *tandem.Collection, id string, purge bool) error {
	if purge {
		return b.Purge(coll, id)
	}
	doc, err := b.Document(coll, id)
	if err != nil {
		return during("delete document", id, err)
	}
	return b.Delete(coll, doc)
}

// during names the operation of the command in an error about a document that could not be read.
func during(op, id string, err error) error {
	if failed := new(tandem.Error); errors.As(err, &failed) && failed.Op == "get document" {
		return failed.In(op, id)
	}
	return err
}
