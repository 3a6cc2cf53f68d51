package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newBlob(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "blob",
		Short: "Store and fetch the blobs of documents",
	})
	c.AddCommand(newBlobPut(a), newBlobGet(a))
	return c
}

func newBlobPut(a *app) *cobra.Command {
	var coll collectionFlag
	var contentType string
	c := &cobra.Command{
		Use:   "put DB ID PROPERTY FILE",
		Short: "Store a file as a blob of a document",
		Long: "blob put stores the content of FILE, or of standard input if it is -, and makes the top-level\n" +
			"property of the document refer to it. The document is created if there is none. The digest\n" +
			"of the content is printed.",
		Example: "  tandem blob put notes milk photo milk.png",
		Args:    cobra.ExactArgs(4),
		RunE: a.do(func(ctx context.Context, args []string) error {
			in, err := a.open(args[3])
			if err != nil {
				return err
			}
			defer in.Close()
			if contentType == "" {
				contentType = mime.TypeByExtension(filepath.Ext(args[3]))
			}
			return coll.withNew(ctx, a, args[0], func(coll *tandem.Collection) error {
				blob, err := coll.Database().CreateBlob(ctx, contentType, in)
				if err != nil {
					return err
				}
				if err := attach(ctx, coll, args[1], args[2], blob); err != nil {
					return err
				}
				fmt.Fprintln(a.out, blob.Digest())
				return nil
			})
		}),
	}
	coll.add(c)
	c.Flags().StringVar(&contentType, "content-type", "", "media `type` (default: by the name of the file)")
	return c
}

// attach sets a property of a document to a blob. It repeats the edit if somebody changes the
// document meanwhile.
func attach(ctx context.Context, coll *tandem.Collection, id, property string, blob *tandem.Blob) error {
	doc, err := coll.Document(ctx, id)
	if errors.Is(err, tandem.ErrNotFound) {
		doc, err = tandem.NewDocument(id), nil
	}
	if err != nil {
		return err
	}
	before := doc.Body()
	if err := doc.SetBlob(property, blob); err != nil || bytes.Equal(before, doc.Body()) {
		return err
	}
	return coll.SaveWithHandler(ctx, doc, func(doc, existing *tandem.Document) bool {
		var body []byte
		if existing != nil {
			body = existing.Body()
		}
		return doc.SetBody(body) == nil && doc.SetBlob(property, blob) == nil
	})
}

func newBlobGet(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "get DB ID PROPERTY [FILE]",
		Short: "Write a blob of a document to a file",
		Long: "blob get writes the content of a blob to FILE, or to standard output without one or with -.\n" +
			"PROPERTY is a top-level property, or a JSON pointer such as /photos/0.",
		Example: "  tandem blob get notes milk photo milk.png",
		Args:    cobra.RangeArgs(3, 4),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				content, err := openBlob(ctx, coll, args[1], args[2])
				if err != nil {
					return err
				}
				defer content.Close()
				if len(args) == 3 || args[3] == "-" {
					_, err = io.Copy(a.out, content)
					return err
				}
				return writeFile(args[3], 0o666, content)
			})
		}),
	}
	coll.add(c)
	return c
}

func openBlob(ctx context.Context, coll *tandem.Collection, id, property string) (io.ReadCloser, error) {
	doc, err := coll.Document(ctx, id)
	if err != nil {
		return nil, during("get blob of document", id, err)
	}
	blob := doc.Blob(property)
	if blob == nil {
		return nil, withHint(fmt.Errorf("document %s has no blob at %q", id, property),
			"name a top-level property, or a JSON pointer such as /photos/0")
	}
	return blob.Open()
}
