package main

import (
	"bytes"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newPut(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "put DB ID JSON",
		Short: "Store a document",
		Long: "put stores a JSON object as the document ID, and replaces what is there, unless it is the same\n" +
			"already. JSON may be - for standard input. Database and collection are created if there are\n" +
			"none, and put says so.",
		Example: `  tandem put notes milk '{"litres":2}'` + "\n  tandem put notes bread - < bread.json",
		Args:    cobra.ExactArgs(3),
		RunE: a.do(func(ctx context.Context, args []string) error {
			doc, err := a.parseDocument(args[1], args[2])
			if err != nil {
				return err
			}
			return coll.withNew(ctx, a, args[0], func(coll *tandem.Collection) error { return a.put(ctx, coll, doc) })
		}),
	}
	coll.add(c)
	return c
}

func (a *app) put(ctx context.Context, coll *tandem.Collection, doc *tandem.Document) error {
	if old, err := coll.Document(ctx, doc.ID()); err == nil && bytes.Equal(old.Body(), doc.Body()) {
		a.note("nothing changed: document %s is the same already", doc.ID())
		return nil
	}
	return coll.Save(ctx, doc)
}

func (a *app) parseDocument(id, body string) (*tandem.Document, error) {
	text := []byte(body)
	if body == "-" {
		var err error
		if text, err = io.ReadAll(io.LimitReader(a.in, importMaxLine)); err != nil {
			return nil, err
		}
	}
	if isBlank(string(text)) {
		return nil, emptySetting("the JSON on standard input")
	}
	return tandem.NewDocumentWithBody(id, text)
}
