package replication

import (
	"crypto/sha1"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
)

func TestBlobsOfSentBodiesMayBeAskedFor(t *testing.T) {
	var r blobRights
	digest := func(n int) string { return document.Digest(sha1.Sum(fmt.Append(nil, n))) }
	for n := range 2 * maxSentBlobs {
		r.note(fmt.Appendf(nil, `{"b":{"@type":"blob","digest":%q}}`, digest(n)))
		if !r.wasSent(digest(n)) {
			t.Fatalf("blob %d is not known", n)
		}
		if len(r.sent) > maxSentBlobs {
			t.Fatalf("%d blobs are remembered", len(r.sent))
		}
	}
	if r.note([]byte(`{"b":1}`)); r.wasSent(digest(-1)) {
		t.Error("a blob that was not sent is known")
	}
}
