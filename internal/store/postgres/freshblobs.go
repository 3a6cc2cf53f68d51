package postgres

import (
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// freshBlobs are contents that this node has stored, and that no transaction has found yet. A serializable transaction
// that began before does not see them. Its zero value has none, and it may be used from any goroutine.
type freshBlobs struct {
	mu      sync.Mutex
	digests map[string]bool
}

// maxFresh bounds the digests that a node remembers. Beyond it a document may be refused for want of a content.
const maxFresh = 4096

func (f *freshBlobs) add(digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.digests == nil || len(f.digests) >= maxFresh {
		f.digests = make(map[string]bool)
	}
	f.digests[digest] = true
}

// take forgets a digest, and reports whether it was there.
func (f *freshBlobs) take(digest string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.digests[digest]
	delete(f.digests, digest)
	return was
}

// errOldSnapshot has a transaction done again, as the server does where it undoes one.
func errOldSnapshot() error {
	return &pgconn.PgError{Code: undoneByOrder, Message: "a content was stored after the transaction's snapshot"}
}
