package replication

import (
	"sync"

	"github.com/tandemdb/tandem/internal/document"
)

// blobRights say which blobs a peer gets whose rights are limited: blobs have no collection of their own,
// so that their digest alone would open them.
type blobRights struct {
	mu   sync.Mutex
	sent map[string]struct{} // digests in bodies that were sent
}

// maxSentBlobs bounds the digests that are remembered.
const maxSentBlobs = 10_000

// note remembers the blobs of a body that is sent: the document may have another one when the peer asks.
func (r *blobRights) note(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, digest := range digestsOf(body) {
		if r.sent == nil || len(r.sent) >= maxSentBlobs {
			r.sent = make(map[string]struct{})
		}
		r.sent[digest] = struct{}{}
	}
}

func (r *blobRights) wasSent(digest string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, sent := r.sent[digest]
	return sent
}

func digestsOf(body []byte) (all []string) {
	blobs, _ := document.Blobs(body) // a stored body is valid
	for _, b := range blobs {
		all = append(all, b.Digest)
	}
	return all
}
