package main

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newExport(a *app) *cobra.Command {
	var coll collectionFlag
	var meta bool
	c := &cobra.Command{
		Use:   "export DB",
		Short: "Export documents as JSON Lines",
		Long: "export writes each document of a collection as one line: its ID in the member _id, then its\n" +
			"members as they are stored. The lines are sorted by ID, so that databases in sync give the\n" +
			"same bytes.",
		Example: "  tandem export travel --collection travel.airlines > airlines.jsonl",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				return a.export(ctx, coll, meta)
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&meta, "meta", false, "add _rev, _seq and _deleted, and include deleted documents")
	return c
}

func (a *app) export(ctx context.Context, coll *tandem.Collection, meta bool) error {
	all := coll.All
	if meta {
		all = coll.AllWithDeleted
	}
	var line []byte
	for doc, err := range all(ctx) {
		if err != nil {
			return err
		}
		line = appendDocument(line[:0], doc, meta)
		if _, err := a.out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// appendDocument appends a document as one JSON object: first its ID, with meta what is known
// about it, and then its body as it is stored.
func appendDocument(dst []byte, doc *tandem.Document, meta bool) []byte {
	dst = appendText(append(dst, `{"_id":`...), doc.ID())
	if meta {
		dst = appendText(append(dst, `,"_rev":`...), doc.RevisionID())
		dst = strconv.AppendUint(append(dst, `,"_seq":`...), doc.Sequence(), 10)
		if doc.Deleted() {
			dst = append(dst, `,"_deleted":true`...)
		}
	}
	if members := doc.Body()[1:]; len(members) > 1 {
		return append(append(dst, ','), members...)
	}
	return append(dst, '}')
}

// appendText appends text, which is valid UTF-8, as a JSON string.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // it fails for invalid UTF-8 alone, and replaces that
	return dst
}
