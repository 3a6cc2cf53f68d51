package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newResolve(a *app) *cobra.Command {
	var coll collectionFlag
	var keep, with string
	c := &cobra.Command{
		Use:   "resolve DB ID",
		Short: "Resolve an open conflict",
		Long: "resolve settles the conflict of a document that no sync has settled, as conflicts lists it. The\n" +
			"next sync tells the peer. A document in conflict with several peers is settled with the first.",
		Example: "  tandem resolve notes milk --keep remote\n  tandem resolve notes milk --with merged.json",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			decide, err := a.decision(keep, with)
			if err != nil {
				return err
			}
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				conflict, err := coll.Conflict(ctx, args[1])
				if err != nil {
					return err
				}
				result, err := decide(ctx, conflict.ForResolver())
				if err == nil {
					_, err = coll.Resolve(ctx, conflict, result)
				}
				return err
			})
		}),
	}
	coll.add(c)
	c.Flags().StringVar(&keep, "keep", "", "`what` stays: local, remote, latest, merge (field by field), or none to delete it")
	c.Flags().StringVar(&with, "with", "", "a `FILE` with the JSON that replaces both sides; - is standard input")
	completeFlag(c, "keep", "local", "remote", "latest", "merge", "none")
	return c
}

// decision returns the resolver for --keep or --with.
func (a *app) decision(keep, with string) (tandem.ConflictResolver, error) {
	switch {
	case (keep == "") == (with == ""):
		return nil, usage("give either --keep or --with")
	case with != "":
		return a.replacement(with)
	case keep == "none":
		return func(context.Context, tandem.Conflict) (*tandem.Document, error) { return nil, nil }, nil //nolint:nilnil // nil is the deletion
	}
	if resolver := resolvers[keep]; resolver != nil && keep != "default" && keep != resolverNone {
		return resolver, nil
	}
	return nil, usage("--keep cannot be %q: want local, remote, latest, merge or none", keep)
}

// replacement returns a resolver that replaces both sides by the content of a file.
func (a *app) replacement(file string) (tandem.ConflictResolver, error) {
	in, err := a.open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, importMaxLine))
	if err != nil {
		return nil, err
	}
	if isBlank(string(text)) {
		return nil, emptySetting(nameOfInput(file))
	}
	return func(_ context.Context, c tandem.Conflict) (*tandem.Document, error) {
		return tandem.NewDocumentWithBody(c.DocumentID, text)
	}, nil
}
