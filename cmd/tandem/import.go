package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// importFlags are the flags of tandem import.
type importFlags struct {
	collection  collectionFlag
	all         bool
	idField     string
	blobs       string
	absentBlobs bool
}

func newImport(a *app) *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import DB FILE",
		Short: "Import documents from JSON Lines",
		Long: "import stores each line of FILE, a JSON object, as a document. The ID is the member _id, which\n" +
			"import removes. Without _id it is the text or whole number in the member that --id-field names,\n" +
			"which stays, or else a new ID. A document with the same ID is replaced, unless it is identical.\n" +
			"FILE may be - for standard input. If a line is wrong, nothing is imported. Other writers wait\n" +
			"until the import has ended.\n\n" +
			"import reads the output of `tandem export`. With --all each line goes to the collection that\n" +
			"its member _collection names, as scope.collection. A line with _deleted deletes the document. A\n" +
			"document that the database does not know gets the revision in _rev and its _history and, in a\n" +
			"collection without any change, the sequence in _seq. An existing document gets an edit.\n\n" +
			"The content of blobs comes from the folder of --blobs. Without it import stores the documents\n" +
			"anyway, and `tandem check` lists the missing content.",
		Example: "  tandem import travel airlines.jsonl --collection travel.airlines\n" +
			"  tandem import travel travel.jsonl --all --blobs travel-blobs\n" +
			"  zcat notes.jsonl.gz | tandem import notes -",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error { return a.importFile(ctx, args[0], args[1], &f) }),
	}
	f.collection.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.all, "all", false, "import into the collections that the lines name")
	flags.StringVar(&f.idField, "id-field", "", "`member` that holds the ID of a line without _id")
	flags.StringVar(&f.blobs, "blobs", "", "`folder` with the content of blobs, as export --blobs writes it")
	flags.BoolVar(&f.absentBlobs, "absent-blobs", false, "with --blobs: import documents although that folder lacks content")
	exclusive(c, "all", "collection")
	before(c, func() error {
		if f.absentBlobs && f.blobs == "" {
			return usage("--absent-blobs needs --blobs")
		}
		return nil
	})
	return c
}

func (a *app) importFile(ctx context.Context, path, name string, f *importFlags) error {
	in, err := a.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	im := importer{flags: f, collections: make(map[string]*tandem.Collection)}
	if f.blobs != "" {
		if im.blobs, err = openBlobFolder(f.blobs); err != nil {
			return err
		}
	}
	return a.withOptions(ctx, path, tandem.Options{}, func(db *tandem.Database) error {
		im.db = db
		start := time.Now()
		if err := a.importLines(ctx, &im, in); err != nil {
			return importError(name, err)
		}
		a.tellImport(&im, time.Since(start))
		return nil
	})
}

// importLines shows a bar of the bytes read, or a sign of life where nobody knows how many there are.
func (a *app) importLines(ctx context.Context, im *importer, in io.Reader) error {
	size, known := sizeOf(in)
	if !known {
		return a.withBar("import", unending, func(func(done, total uint64)) error { return im.lines(ctx, in) })
	}
	return a.withBar("import", ofBytes, func(show func(done, total uint64)) error {
		return im.lines(ctx, &countingReader{Reader: in, tell: func(read uint64) { show(read, size) }})
	})
}

// tellImport prints the result of an import.
func (a *app) tellImport(im *importer, took time.Duration) {
	for _, coll := range im.created {
		a.noteCreated(coll)
	}
	into := count(len(im.collections), "collection")
	for _, coll := range im.collections {
		if len(im.collections) == 1 {
			into = coll.FullName()
		}
	}
	a.note("imported %s into %s in %s (%.0f/s)", count(im.read, "document"), into, seconds(took), float64(im.read)/took.Seconds())
	if same := im.read - im.changed; same > 0 {
		a.note("%d of them changed nothing: the database has the same already", same)
	}
	if im.newIDs > 0 {
		a.note("%s without _id got new IDs; --id-field takes the ID from another member", count(im.newIDs, "document"))
	}
	if im.absent > 0 {
		a.note("warning: the content of %s is absent; `tandem check` tells which", count(im.absent, "blob"))
	}
}

// importer stores lines in a batch.
type importer struct {
	db          *tandem.Database
	flags       *importFlags
	blobs       *blobFolder                   // nil without --blobs
	collections map[string]*tandem.Collection // by the name in the flag or line
	created     []*tandem.Collection

	read, changed, newIDs int // numbers of documents
	absent                int // number of references to blobs without content
}

// lines stores all lines of in, or none, unless other nodes share the database: see steps.
func (im *importer) lines(ctx context.Context, in io.Reader) error {
	if isURL(im.db.Path()) {
		return im.steps(ctx, in)
	}
	return im.db.InBatch(ctx, func(b *tandem.Batch) error {
		return im.linesIn(b.Context(), b, in)
	})
}

// linesIn stores all lines in b. ctx joins b.
func (im *importer) linesIn(ctx context.Context, b *tandem.Batch, in io.Reader) error {
	if !im.flags.all { // create the collection even if no line follows
		if _, err := im.collection(ctx, im.flags.collection.name); err != nil {
			return err
		}
	}
	reader := lineReader{idField: im.flags.idField, all: im.flags.all}
	for batch, err := range ahead(ctx, reader.batches(in)) {
		if err != nil {
			return err
		}
		if err := im.storeAll(ctx, b, batch); err != nil {
			return err
		}
	}
	return nil
}

// nameOf returns the name of a line's collection.
func (im *importer) nameOf(line importLine) string {
	if im.flags.all {
		return line.collection
	}
	return im.flags.collection.name
}

func (im *importer) storeAll(ctx context.Context, b *tandem.Batch, lines []importLine) error {
	for _, line := range lines {
		if err := im.store(ctx, b, line); err != nil {
			return lineError{line.number, err}
		}
	}
	return nil
}

func (im *importer) store(ctx context.Context, b *tandem.Batch, line importLine) error {
	coll, err := im.collection(ctx, im.nameOf(line))
	if err != nil {
		return err
	}
	for _, blob := range line.doc.Blobs() {
		if err := im.storeBlob(b, blob); err != nil {
			return err
		}
	}
	changed, err := b.Restore(coll, line.doc, line.meta)
	if err != nil {
		return err
	}
	im.read++
	if changed {
		im.changed++
	}
	if line.newID {
		im.newIDs++
	}
	return nil
}

// collection returns the collection with that name, "" for the default one. It creates a missing
// one.
func (im *importer) collection(ctx context.Context, fullName string) (*tandem.Collection, error) {
	if coll := im.collections[fullName]; coll != nil {
		return coll, nil
	}
	coll, created, err := ensureCollection(ctx, im.db, fullName)
	if err == nil {
		im.collections[fullName] = coll
	}
	if created {
		im.created = append(im.created, coll)
	}
	return coll, err
}

// storeBlob stores the content of a blob if the database lacks it.
func (im *importer) storeBlob(b *tandem.Batch, blob *tandem.Blob) error {
	content, err := im.db.OpenBlob(blob.Digest())
	if err == nil {
		return content.Close()
	}
	if !errors.Is(err, tandem.ErrNotFound) {
		return err
	}
	if im.blobs != nil {
		err = im.blobs.store(b, blob)
		if !errors.Is(err, errNoContent) {
			return err
		}
		if !im.flags.absentBlobs {
			return withHint(err, "export with --blobs to the same folder, or import without that content with --absent-blobs")
		}
	}
	im.absent++
	return nil
}

func importError(name string, err error) error {
	var line lineError
	if errors.As(err, &line) {
		err = fmt.Errorf("import %s:%d: %w", name, line.number, line.err)
	} else {
		err = fmt.Errorf("import %s: %w", name, err)
	}
	hint, more := "nothing was stored", hintOf(err)
	if tandem.HintOf(err) == "" && (errors.Is(err, tandem.ErrBadJSON) || errors.Is(err, tandem.ErrBadBody)) {
		more = "write each document as one JSON object on a line of its own, with keys and texts in double quotes and no " +
			"key twice; `jq -c '.[]'` makes lines of an array, and `jq -c .` of objects that span lines"
	}
	if more != "" {
		hint += "; " + more
	}
	return withHint(err, hint)
}
