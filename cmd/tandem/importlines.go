package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem"
)

// importLine is one line of the imported file: a document, and the members that export adds to a
// document.
type importLine struct {
	number     int // line number, from 1
	doc        *tandem.Document
	newID      bool   // the line has no ID
	collection string // "" if the line has none
	meta       tandem.RestoreOptions
}

// lineError is an error about one line, with its number.
type lineError struct {
	number int
	err    error
}

func (e lineError) Error() string { return fmt.Sprintf("line %d: %v", e.number, e.err) }
func (e lineError) Unwrap() error { return e.err }

const (
	importBatchSize  = 1000
	importBatchBytes = 16 << 20 // bytes of text after which a batch ends early
	importMaxLine    = 128 << 20
)

// lineReader reads documents from JSON Lines.
type lineReader struct {
	idField string // the member with the ID of a line without _id; "" for none
	all     bool   // each line names its own collection
}

// batches reads documents in batches. An error ends the sequence.
func (r lineReader) batches(in io.Reader) iter.Seq2[[]importLine, error] {
	return func(yield func([]importLine, error) bool) {
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 64<<10), importMaxLine)
		var batch []importLine
		size, number := 0, 0
		for lines.Scan() {
			text := bytes.TrimSpace(lines.Bytes())
			if number++; number == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff")) // some programs on Windows write a byte order mark
			}
			if len(text) == 0 {
				continue
			}
			line, err := r.parse(text)
			if err != nil {
				yield(nil, lineError{number, err})
				return
			}
			line.number = number
			batch, size = append(batch, line), size+len(text)
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

// readAhead is the number of batches read while another is stored.
const readAhead = 2

// ahead yields the values of seq, which it reads on another goroutine meanwhile. When ctx ends, the
// sequence ends at once with an error, even if seq waits for input; the goroutine ends when that
// wait ends.
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

// parse parses a JSON object as a document: see the help of import.
func (r lineReader) parse(text []byte) (line importLine, err error) {
	doc, err := tandem.NewDocumentWithBody("", text)
	var bad *tandem.Error
	if errors.As(err, &bad) {
		return line, bad.In("", "") // the number of the line says enough
	}
	if err != nil {
		return line, err
	}
	id, err := r.takeID(doc)
	if err != nil {
		return line, err
	}
	if bytes.Contains(text, []byte(`"_`)) {
		if err := line.takeMeta(doc); err != nil {
			return line, err
		}
	}
	switch {
	case r.all && line.collection == "":
		return line, withHint(errors.New("the line has no _collection"), "leave out --all to import into one collection")
	case !r.all && line.collection != "":
		return line, withHint(fmt.Errorf("the line is of collection %s", line.collection),
			"import into the collections that the lines name with --all")
	}
	line.newID = id == ""
	line.doc, err = tandem.NewDocumentWithBody(id, doc.Body())
	return line, err
}

// takeID removes the ID from doc and returns it. "" means that there is none.
func (r lineReader) takeID(doc *tandem.Document) (string, error) {
	id, err := takeText(doc, "_id")
	if id != "" || err != nil || r.idField == "" {
		return id, err
	}
	value, found := doc.Value(r.idField)
	switch value := value.(type) {
	case string:
		if value != "" {
			return value, nil
		}
	case json.Number:
		if _, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return value.String(), nil
		}
	}
	what := fmt.Errorf("the member %q is neither a non-empty text nor a whole number, and cannot be the ID", r.idField)
	if !found {
		what = fmt.Errorf("it has no member %q to be the ID", r.idField)
	}
	return "", withHint(what, "name another member with --id-field, or leave --id-field out, and each document gets a new ID")
}

// takeMeta removes the members that export adds from doc, and keeps them in l.
func (l *importLine) takeMeta(doc *tandem.Document) (err error) {
	for name, to := range map[string]*string{
		"_collection": &l.collection, "_rev": &l.meta.RevisionID, "_history": &l.meta.History,
	} {
		if *to, err = takeText(doc, name); err != nil {
			return err
		}
	}
	if value, ok := doc.Value("_deleted"); ok {
		if l.meta.Deleted, ok = value.(bool); !ok {
			return errors.New("the _deleted is neither true nor false")
		}
		doc.Remove("_deleted")
	}
	if value, ok := doc.Value("_seq"); ok {
		number, _ := value.(json.Number)
		if l.meta.Sequence, err = strconv.ParseUint(number.String(), 10, 64); err != nil {
			return errors.New("the _seq is not a whole number from 1")
		}
		doc.Remove("_seq")
	}
	if tree, _ := doc.Value("_tree"); l.meta.RevisionID != "" && isTreeID(tree) {
		doc.Remove("_tree") // it follows from the others
	}
	if l.meta.RevisionID == "" && l.meta.History != "" {
		return errors.New("the line has a _history without a _rev")
	}
	return nil
}

// isTreeID reports whether a member has the form of a tree revision ID: a generation, and a digest.
func isTreeID(member any) bool {
	text, _ := member.(string)
	generation, digest, _ := strings.Cut(text, "-")
	n, err := strconv.ParseUint(generation, 10, 32)
	return err == nil && n > 0 && digest != "" && !strings.ContainsAny(digest, "@ ")
}

// takeText removes a member from doc and returns its text, or "".
func takeText(doc *tandem.Document, name string) (string, error) {
	value, ok := doc.Value(name)
	if !ok {
		return "", nil
	}
	text, _ := value.(string)
	if text == "" {
		return "", fmt.Errorf("the %s is not a text", name)
	}
	doc.Remove(name)
	return text, nil
}
