package tandem

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/tandemdb/tandem/internal/replication"
)

// DocumentsError reports that a one-shot replication ended, but some documents did not arrive:
// see [Replicator.Wait]. To get the list:
//
//	if failed := new(tandem.DocumentsError); errors.As(err, &failed) { … failed.Documents … }
type DocumentsError struct {
	// Count is how many documents did not arrive, in both directions.
	Count int

	// Documents are the first of them, by direction, collection and ID; at most 1000 are kept.
	Documents []FailedDocument
}

// FailedDocument is a document that did not arrive, and Err says why.
type FailedDocument struct {
	IsPush bool // it was not sent; otherwise not received
	ReplicatedDocument
}

// Error counts the documents, and names the first.
func (e *DocumentsError) Error() string {
	noun := "documents"
	if e.Count == 1 {
		noun = "document"
	}
	text := fmt.Sprintf("replicate: %d %s did not arrive", e.Count, noun)
	if len(e.Documents) > 0 {
		first := e.Documents[0]
		text += fmt.Sprintf("; the first is %s.%s/%s: %v", first.Scope, first.Collection, first.ID, first.Err)
	}
	return text
}

// maxFailedDocuments bounds the documents that a run keeps the errors of.
const maxFailedDocuments = 1000

// failedDocuments are those of a run that did not arrive, and have not since.
type failedDocuments struct {
	mu   sync.Mutex // guards the following
	kept map[failedKey]ReplicatedDocument
	more int // beyond those that are kept
}

type failedKey struct {
	push                  bool
	scope, collection, id string
}

// note keeps what became of documents.
func (f *failedDocuments) note(events []replication.DocumentEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		if e.Err == nil && len(f.kept) == 0 {
			continue // nearly always
		}
		key := failedKey{e.Push, e.Collection.Scope(), e.Collection.Name(), e.ID}
		_, known := f.kept[key]
		switch {
		case e.Err == nil:
			delete(f.kept, key)
		case !known && len(f.kept) == maxFailedDocuments:
			f.more++
		default:
			if f.kept == nil {
				f.kept = make(map[failedKey]ReplicatedDocument)
			}
			f.kept[key] = publicEvent(e)
		}
	}
}

// err returns a [*DocumentsError], or nil if all documents have arrived.
func (f *failedDocuments) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.kept) == 0 {
		return nil
	}
	e := &DocumentsError{Count: len(f.kept) + f.more}
	for key, doc := range f.kept {
		e.Documents = append(e.Documents, FailedDocument{key.push, doc})
	}
	slices.SortFunc(e.Documents, func(a, b FailedDocument) int {
		return cmp.Or(direction(a.IsPush)-direction(b.IsPush), cmp.Compare(a.Scope, b.Scope),
			cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.ID, b.ID))
	})
	return e
}

func direction(isPush bool) int {
	if isPush {
		return 0
	}
	return 1
}
