package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newImport(a *app) *cobra.Command {
	var coll collectionFlag
	c := &cobra.Command{
		Use:   "import DB FILE",
		Short: "Import documents from JSON Lines",
		Long: "import stores each line of FILE, a JSON object, as a document. Its ID is the member _id, which\n" +
			"is taken out; without one it gets a new ID. A document of the same ID is replaced. FILE may be\n" +
			"- for standard input.\n\n" +
			"Lines are stored 1000 at a time, each time all of them or none. Blobs that documents refer to\n" +
			"are not in such a file; documents are imported without them.",
		Example: "  tandem import travel airlines.jsonl --collection travel.airlines\n" +
			"  zcat notes.jsonl.gz | tandem import notes -",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			in, err := a.open(args[1])
			if err != nil {
				return err
			}
			defer in.Close()
			return coll.withNew(ctx, a, args[0], func(coll *tandem.Collection) error {
				return a.importLines(ctx, coll, args[1], in)
			})
		}),
	}
	coll.add(c)
	return c
}

func (a *app) importLines(ctx context.Context, coll *tandem.Collection, name string, in io.Reader) error {
	start, stored := time.Now(), 0
	for batch, err := range ahead(ctx, batches(in)) {
		if err == nil {
			err = importBatch(ctx, coll, batch)
		}
		if err != nil {
			return importError(name, stored, err)
		}
		stored += len(batch)
	}
	seconds := time.Since(start).Seconds()
	a.note("imported %s into %s in %.2f s (%.0f/s)",
		count(stored, "document"), coll.FullName(), seconds, float64(stored)/seconds)
	return nil
}

func importBatch(ctx context.Context, coll *tandem.Collection, batch []importLine) error {
	return coll.Database().InBatch(ctx, func(b *tandem.Batch) error {
		for _, line := range batch {
			if err := b.Import(coll, line.doc); err != nil {
				return lineError{line.number, err}
			}
		}
		return nil
	})
}

// importLine is a document with the number of its line, from 1.
type importLine struct {
	number int
	doc    *tandem.Document
}

// lineError is an error with the number of the line that it is about.
type lineError struct {
	number int
	err    error
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %v", e.number, e.err) }
func (e lineError) Unwrap() error { return e.err }

func importError(name string, stored int, err error) error {
	var line lineError
	if errors.As(err, &line) {
		err = fmt.Errorf("import %s:%d: %w", name, line.number, line.err)
	} else {
		err = fmt.Errorf("import %s: %w", name, err)
	}
	hint := "nothing was stored"
	if stored > 0 {
		hint = "stored before it: " + count(stored, "document")
	}
	if more := hintOf(err); more != "" {
		hint += "; " + more
	}
	return withHint(err, hint)
}

const (
	importBatchSize  = 1000
	importBatchBytes = 16 << 20 // of text, after which a batch ends early
	importMaxLine    = 128 << 20
)

// batches reads documents, some at a time. An error ends the sequence.
func batches(in io.Reader) iter.Seq2[[]importLine, error] {
	return func(yield func([]importLine, error) bool) {
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 64<<10), importMaxLine)
		var batch []importLine
		size, number := 0, 0
		for lines.Scan() {
			text := bytes.TrimSpace(lines.Bytes())
			if number++; number == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff")) // some programs on Windows write it
			}
			if len(text) == 0 {
				continue
			}
			doc, err := parseLine(text)
			if err != nil {
				yield(nil, lineError{number, err})
				return
			}
			batch, size = append(batch, importLine{number, doc}), size+len(text)
			if len(batch) == importBatchSize || size >= importBatchBytes {
				if !yield(batch, nil) {
					return
				}
				batch, size = nil, 0
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, lineError{number + 1, err})
		} else if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

// readAhead is how many batches are read while one is stored.
const readAhead = 2

// ahead gives what seq gives, read on a goroutine of its own meanwhile. The end of ctx ends it
// at once with an error, even if seq waits for input; the goroutine then ends with that wait.
func ahead[V any](ctx context.Context, seq iter.Seq2[V, error]) iter.Seq2[V, error] {
	type item struct {
		value V
		err   error
	}
	return func(yield func(V, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		items := make(chan item, readAhead)
		go func() {
			defer close(items)
			for value, err := range seq {
				select {
				case items <- item{value, err}:
				case <-ctx.Done():
					return
				}
			}
		}()
		for {
			select {
			case <-ctx.Done():
				yield(*new(V), ctx.Err())
				return
			case next, open := <-items:
				if !open || !yield(next.value, next.err) {
					return
				}
			}
		}
	}
}

// parseLine makes a document of a JSON object, with the member _id as its ID.
func parseLine(text []byte) (*tandem.Document, error) {
	doc, err := tandem.NewDocumentWithBody("", text)
	var bad *tandem.Error
	if errors.As(err, &bad) {
		return nil, bad.In("", "") // the line says on what
	}
	if err != nil {
		return nil, err
	}
	id, ok := doc.Value("_id")
	if !ok {
		return doc, nil
	}
	name, isText := id.(string)
	if !isText || name == "" {
		return nil, errors.New("the _id is not a text")
	}
	doc.Remove("_id")
	return tandem.NewDocumentWithBody(name, doc.Body())
}
