package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newIndex(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "index",
		Short: "Create, list and delete indexes for queries",
	})
	c.AddCommand(newIndexCreate(a), newIndexList(a), newIndexDelete(a))
	return c
}

func newIndexCreate(a *app) *cobra.Command {
	var coll collectionFlag
	var index tandem.ValueIndex
	c := &cobra.Command{
		Use:   "create DB NAME",
		Short: "Create an index, in place of another of the name",
		Example: "  tandem index create travel byCity --collection travel.hotels --value 'city, name'\n" +
			"  tandem index create travel byName --collection travel.hotels --value 'name COLLATE NOCASE' --where \"country = 'France'\"",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				err := coll.CreateIndex(ctx, args[1], index)
				if len(index.Expressions) > 1 || index.Where != "" {
					return marked("", err) // which of the texts is wrong is not known
				}
				return marked(strings.Join(index.Expressions, ""), err)
			})
		}),
	}
	coll.add(c)
	c.Flags().StringArrayVar(&index.Expressions, "value", nil, "`EXPR,…` to index documents by; may be repeated")
	c.Flags().StringVar(&index.Where, "where", "", "`EXPR`: only documents for which it is true")
	_ = c.MarkFlagRequired("value") // it is there
	return c
}

func newIndexList(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "list DB",
		Short: "List the indexes of a collection as JSON, one a line",
		Args:  cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error { return a.listIndexes(ctx, coll) })
		}),
	}
	coll.add(c)
	return c
}

// listedIndex is a line of index list.
type listedIndex struct {
	Name  string   `json:"name"`
	Value []string `json:"value"`
	Where string   `json:"where,omitempty"`
}

func (a *app) listIndexes(ctx context.Context, coll *tandem.Collection) error {
	all, err := coll.Indexes(ctx)
	if err != nil {
		return err
	}
	encoder := a.jsonLines()
	for _, i := range all {
		if err := encoder.Encode(listedIndex{i.Name, i.Expressions, i.Where}); err != nil {
			return err
		}
	}
	return nil
}

func newIndexDelete(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "delete DB NAME",
		Short: "Delete an index; that there is none is no error",
		Args:  cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error { return coll.DeleteIndex(ctx, args[1]) })
		}),
	}
	coll.add(c)
	return c
}
