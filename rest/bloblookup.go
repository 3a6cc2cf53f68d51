package rest

import (
	"sync"

	"github.com/tandemdb/tandem"
)

// blobLookups find the documents that refer to blobs.
type blobLookups struct {
	scanning chan struct{} // holds a token for each search under way
	uploads  uploads

	mu    sync.Mutex         // guards the following
	found map[string]docName // the last of each digest
}

// docName names a document of a database.
type docName struct{ database, scope, collection, id string }

const (
	scansAtOnce = 2 // each looks through collections
	maxFound    = 10_000
)

// searchBlob looks for a document that refers to a blob, and that the caller may read. The error is the
// same for a blob that is not there.
func (c *call) searchBlob(digest string) (*tandem.Document, error) {
	scanning := c.h.blobs.scanning
	select {
	case scanning <- struct{}{}:
	case <-c.r.Context().Done():
		return nil, c.r.Context().Err()
	}
	defer func() { <-scanning }()
	all, err := c.db.Collections(c.r.Context())
	if err != nil {
		return nil, err
	}
	for _, coll := range all {
		if !c.mayRead(c.db, coll.Scope(), coll.Name()) {
			continue
		}
		for d, err := range coll.DocumentsWithBlob(c.r.Context(), digest) {
			if err != nil {
				return nil, err
			}
			c.h.blobs.note(digest, docName{c.db.name, coll.Scope(), coll.Name(), d.ID()})
			return d, nil
		}
	}
	return nil, tandem.ErrNotFound.Says("no document that you may read has a blob %s", digest)
}

// foundBefore returns the document that a search has found before, nil if that does not help.
func (c *call) foundBefore(digest string) *tandem.Document {
	name, ok := c.h.blobs.last(digest)
	if !ok || name.database != c.db.name || !c.mayRead(c.db, name.scope, name.collection) {
		return nil
	}
	coll, err := c.db.collection(c.r.Context(), name.scope, name.collection)
	if err != nil {
		return nil
	}
	d, err := coll.Document(c.r.Context(), name.id)
	if err != nil || blobOf(d, digest) == nil {
		return nil
	}
	return d
}

func (l *blobLookups) note(digest string, name docName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found == nil || len(l.found) >= maxFound {
		l.found = make(map[string]docName)
	}
	l.found[digest] = name
}

func (l *blobLookups) last(digest string) (docName, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, ok := l.found[digest]
	return name, ok
}
