package replication_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// Who knows the digest of a blob does not get it unless he may read a document that refers to it.
func TestABlobIsSentToReadersOfItsDocument(t *testing.T) {
	p := newPeer(t, store.VersionVectors)
	shown, hidden := p.blob("Hello, blob!"), p.blob("a secret")
	p.put("shown", fmt.Sprintf(`{"b":{"@type":"blob","digest":%q}}`, shown))
	p.put("hidden", fmt.Sprintf(`{"b":{"@type":"blob","digest":%q},"also":{"@type":"blob","digest":%q}}`, hidden, shown))
	p.put("gone", fmt.Sprintf(`{"b":{"@type":"blob","digest":%q}}`, hidden))
	p.delete("gone")
	all := meetPassive(t, p)
	s := meetPassive(t, p, func(cfg *replication.Passive) {
		cfg.Access = func(*store.Collection) replication.Access {
			return replication.Access{PushFilter: func(doc *store.Document, _ bool) bool { return doc.ID != "hidden" }}
		}
	})
	for _, s := range []*stranger{all, s} {
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
	}
	const none = "LiteCore/7"
	for props, want := range map[string]string{
		shown + " docID=shown": "Hello, blob!", shown + " docID=hidden": none, shown: none, shown + " docID=other": none,
		hidden + " docID=hidden": none, hidden + " docID=shown": none, hidden: none, hidden + " docID=gone": none,
	} {
		s.mustAsk(want, "getAttachment", "collection=0 digest="+props, "")
	}
	all.mustAsk("a secret", "getAttachment", "collection=0 digest="+hidden, "")
}

// blob stores a blob, and returns its digest.
func (p *peer) blob(content string) string {
	p.t.Helper()
	w, err := p.db.BlobWriter(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Abort()
	if _, err := strings.NewReader(content).WriteTo(w); err != nil {
		p.t.Fatal(err)
	}
	digest, _, err := w.Commit(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return digest
}
