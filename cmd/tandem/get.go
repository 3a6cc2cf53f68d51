package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newGet(a *app) *cobra.Command {
	var coll collectionFlag
	var meta, pretty bool
	c := &cobra.Command{
		Use:     "get DB ID",
		Short:   "Show a document",
		Example: "  tandem get notes milk",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				doc, err := coll.Document(ctx, args[1])
				if err != nil {
					return err
				}
				body := doc.Body()
				if meta {
					body = appendDocument(nil, doc, lineForm{meta: true})
				}
				if pretty {
					body = indented(body)
				}
				fmt.Fprintf(a.out, "%s\n", body)
				return nil
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&meta, "meta", false, "add _id, _rev and _seq")
	c.Flags().BoolVar(&pretty, "pretty", a.display != nil, "on several lines, indented (default on a terminal)")
	return c
}

// indented returns a JSON text on several lines, with its values unchanged.
func indented(text []byte) []byte {
	var lines bytes.Buffer
	if err := json.Indent(&lines, text, "", "  "); err != nil {
		return text // cannot happen: a body is valid
	}
	return lines.Bytes()
}
