package main

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// exportFlags are the flags of tandem export.
type exportFlags struct {
	collection collectionFlag
	all        bool
	meta       bool
	history    bool
	blobs      string
}

func newExport(a *app) *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export DB",
		Short: "Export documents as JSON Lines",
		Long: "export writes each document of a collection as one line: its ID in the member _id, then its\n" +
			"members as they are stored. The lines are sorted by ID, so that databases in sync give the same\n" +
			"bytes.\n\n" +
			"With --all it exports every collection, sorted by name, and adds the name of a document's\n" +
			"collection in the member _collection, as scope.collection. With --blobs it also writes the\n" +
			"content of each blob that a document refers to, once, to a file of the folder whose name is the\n" +
			"blob's digest. With --meta it includes deleted documents and adds further members: _rev, the\n" +
			"revision; _seq, its place among the changes of the collection; and _deleted, true for a deleted\n" +
			"document. With --history it also adds _history, the ancestors of the revision.\n\n" +
			"`tandem import` reads all of it.",
		Example: "  tandem export travel --collection travel.airlines > airlines.jsonl\n" +
			"  tandem export travel --all --meta --history --blobs travel-blobs > travel.jsonl",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error { return a.export(ctx, args[0], &f) }),
	}
	f.collection.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.all, "all", false, "export all collections, and name that of each document")
	flags.BoolVar(&f.meta, "meta", false, "add _rev, _tree, _seq and _deleted, and include deleted documents")
	flags.BoolVar(&f.history, "history", false, "with --meta: add _history too")
	flags.StringVar(&f.blobs, "blobs", "", "write the content of blobs to this `folder`, which is created if there is none")
	exclusive(c, "all", "collection")
	before(c, func() error {
		if f.history && !f.meta {
			return usage("--history needs --meta")
		}
		return nil
	})
	return c
}

func (a *app) export(ctx context.Context, path string, f *exportFlags) error {
	return a.with(ctx, path, func(db *tandem.Database) error {
		collections, err := f.collections(ctx, db)
		if err != nil {
			return err
		}
		e := exporter{a: a, form: lineForm{named: f.all, meta: f.meta, history: f.history}}
		if f.blobs != "" {
			if e.blobs, err = newBlobFolder(f.blobs); err != nil {
				return err
			}
		}
		if err := e.collections(ctx, collections); err != nil {
			return err
		}
		if e.absent > 0 {
			a.note("warning: not exported, since the database does not have it: the content of %s", count(e.absent, "blob"))
		}
		return nil
	})
}

func (f *exportFlags) collections(ctx context.Context, db *tandem.Database) ([]*tandem.Collection, error) {
	if f.all {
		return db.Collections(ctx)
	}
	coll, err := findCollection(ctx, db, f.collection.name)
	return []*tandem.Collection{coll}, err
}

// exporter writes documents, and counts the blobs that it could not write.
type exporter struct {
	a      *app
	form   lineForm
	blobs  *blobFolder // nil unless the content of blobs is exported
	absent int         // blobs without content

	done, total uint64 // documents that are not deleted
}

// collections writes those of several collections, and shows a bar unless the lines go to the terminal.
func (e *exporter) collections(ctx context.Context, all []*tandem.Collection) error {
	for _, coll := range all {
		n, err := coll.Count(ctx)
		if err != nil {
			return err
		}
		e.total += n
	}
	export := func(show func(done, total uint64)) error {
		for _, coll := range all {
			if err := e.collection(ctx, coll, show); err != nil {
				return err
			}
		}
		return nil
	}
	if e.a.display != nil {
		return export(func(uint64, uint64) {})
	}
	return e.a.withBar("export", ofDocuments, export)
}

func (e *exporter) collection(ctx context.Context, coll *tandem.Collection, show func(done, total uint64)) error {
	all := coll.All
	if e.form.meta {
		all = coll.AllWithDeleted
	}
	var line []byte
	for doc, err := range all(ctx) {
		if err != nil {
			return err
		}
		line = appendDocument(line[:0], doc, e.form)
		if _, err := e.a.out.Write(append(line, '\n')); err != nil {
			return err
		}
		if !doc.Deleted() {
			e.done++
			show(e.done, e.total)
		}
		if e.blobs == nil {
			continue
		}
		absent, err := e.blobs.saveAll(doc)
		if err != nil {
			return err
		}
		e.absent += absent
	}
	return nil
}

// lineForm selects the members that a line has in addition to the ID and the document's own.
type lineForm struct {
	named   bool // the name of the document's collection
	meta    bool // revision, sequence, and whether the document is deleted
	history bool // the revisions that it descends from
}

// appendDocument appends a document as one JSON object: its ID, the members that form selects, and
// its stored body.
func appendDocument(dst []byte, doc *tandem.Document, form lineForm) []byte {
	dst = appendText(append(dst, `{"_id":`...), doc.ID())
	if form.named {
		dst = appendText(append(dst, `,"_collection":`...), doc.Collection().FullName())
	}
	if form.meta {
		dst = appendText(append(dst, `,"_rev":`...), doc.RevisionID())
		if tree := doc.TreeRevisionID(); tree != "" && tree != doc.RevisionID() {
			dst = appendText(append(dst, `,"_tree":`...), tree)
		}
		dst = strconv.AppendUint(append(dst, `,"_seq":`...), doc.Sequence(), 10)
	}
	if form.meta && doc.Deleted() {
		dst = append(dst, `,"_deleted":true`...)
	}
	if form.history {
		if history := doc.RevisionHistory(); history != "" {
			dst = appendText(append(dst, `,"_history":`...), history)
		}
	}
	if members := doc.Body()[1:]; len(members) > 1 {
		return append(append(dst, ','), members...)
	}
	return append(dst, '}')
}

// appendText appends text, which is valid UTF-8, as a JSON string.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // it fails only for invalid UTF-8, which it replaces
	return dst
}
