package replication

import (
	"context"
	"crypto/sha1" //nolint:gosec // the protocol's digest
	"encoding/base64"
	"io"
	"slices"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// blobSender sends blobs to a peer that asks for them.
type blobSender struct {
	s    *engine
	gate gate
}

// get answers getAttachment with a blob, streamed from its file.
func (b *blobSender) get(c *collection, req *blip.Request) error {
	if c.writeOnly {
		return mayNotRead()
	}
	digest := req.Properties.Value(wire.PropDigest)
	if document.CheckDigest(digest) != nil {
		return fault.Invalid.Says("malformed digest %q", digest)
	}
	if c.blobs == nil {
		b.send(c, digest, req)
		return nil
	}
	b.s.tasks.later(b.s.work, func(ctx context.Context) {
		if err := b.mayRead(ctx, c, req.Properties.Value(wire.PropDocID), digest); err != nil {
			b.s.refuse(req, err)
			return
		}
		b.send(c, digest, req)
	})
	return nil
}

// mayRead checks that the peer may read a blob: it was sent a body that refers to it, or the document
// that it names does, and may be sent.
func (b *blobSender) mayRead(ctx context.Context, c *collection, docID, digest string) error {
	if c.blobs == nil || c.blobs.wasSent(digest) {
		return nil
	}
	var doc *store.Document
	err := b.s.db.View(ctx, func(tx *store.Tx) (err error) {
		doc, err = tx.Document(c.store(), docID)
		return err
	})
	if err != nil && !isNotFound(err) {
		return err
	}
	if err != nil || doc.Deleted || !slices.Contains(digestsOf(doc.Body), digest) ||
		c.opts.PushFilter != nil && !c.opts.PushFilter(doc, false) {
		return fault.NotFound.In("read blob", digest).Says("no document that the peer may read refers to it")
	}
	return nil
}

// send sends a blob when a place is free.
func (b *blobSender) send(c *collection, digest string, req *blip.Request) {
	b.gate.enter(func() {
		blob, err := b.s.db.OpenBlob(digest)
		if err != nil {
			b.gate.leave()
			b.s.refuse(req, err)
			return
		}
		c.counters.blobsSent.Add(1)
		body := &gatedBlob{ReadCloser: blob, gate: &b.gate}
		req.Reply(&blip.Message{BodyReader: body, Compress: req.Properties.Bool(wire.PropCompress)})
	})
}

// blobsOpen bounds how many files a session sends at a time.
const blobsOpen = 64

// gate admits a fixed number of callers at a time and queues the rest.
type gate struct {
	mu      sync.Mutex
	inside  int
	waiting []func()
	opening bool // one goroutine is admitting callers
}

// enter calls start now, or when a place becomes free.
func (g *gate) enter(start func()) {
	g.mu.Lock()
	g.waiting = append(g.waiting, start)
	g.mu.Unlock()
	g.open()
}

// leave frees a place.
func (g *gate) leave() {
	g.mu.Lock()
	g.inside--
	g.mu.Unlock()
	g.open()
}

// open admits callers while there are places. One loop admits all of them, because an admitted
// caller may leave at once.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opening {
		return
	}
	g.opening = true
	for len(g.waiting) > 0 && g.inside < blobsOpen {
		next := g.waiting[0]
		g.waiting = g.waiting[1:]
		g.inside++
		g.mu.Unlock()
		next()
		g.mu.Lock()
	}
	g.opening = false
}

// gatedBlob leaves the gate when closed.
type gatedBlob struct {
	io.ReadCloser
	gate *gate
	once sync.Once
}

func (b *gatedBlob) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.gate.leave)
	return err
}

// prove answers proveAttachment: it shows that we have a blob without sending the content.
func (b *blobSender) prove(req *blip.Request) error {
	nonce := req.Body
	if len(nonce) == 0 || len(nonce) > maxAttachmentNonce {
		return wire.Malformed("a nonce of %d bytes, want 1 to %d", len(nonce), maxAttachmentNonce)
	}
	digest := req.Properties.Value(wire.PropDigest)
	if document.CheckDigest(digest) != nil {
		return fault.Invalid.Says("malformed digest %q", digest)
	}
	b.s.tasks.later(b.s.work, func(context.Context) {
		proof, err := b.proof(digest, nonce)
		if err != nil {
			b.s.refuse(req, err)
			return
		}
		req.Reply(&blip.Message{Body: []byte(proof)})
	})
	return nil
}

func (b *blobSender) proof(digest string, nonce []byte) (string, error) {
	blob, err := b.s.db.OpenBlob(digest)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	h := sha1.New() //nolint:gosec // the protocol prescribes SHA-1
	h.Write([]byte{byte(len(nonce))})
	h.Write(nonce)
	if _, err := io.Copy(h, blob); err != nil {
		return "", fault.IO.In("read blob", digest).Because(err)
	}
	return "sha1-" + base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}
