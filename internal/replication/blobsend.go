package replication

import (
	"context"
	"crypto/sha1" //nolint:gosec // the protocol's digest
	"encoding/base64"
	"io"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// blobSender sends the content of documents to a peer that asks for it.
type blobSender struct {
	s    *engine
	gate gate
}

// get sends a blob, streamed from its file (spec/replication.md §10).
func (b *blobSender) get(c *collection, req *blip.Request) error {
	if c.writeOnly {
		return mayNotRead()
	}
	digest := req.Properties.Value(wire.PropDigest)
	if document.CheckDigest(digest) != nil {
		return fault.Invalid.Says("malformed digest %q", digest)
	}
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
	return nil
}

// blobsOpen bounds the files that a session sends from at a time.
const blobsOpen = 64

// gate lets so many in at a time; the others wait their turn.
type gate struct {
	mu      sync.Mutex
	inside  int
	waiting []func()
	opening bool // somebody lets the waiting ones in
}

// enter calls start now, or when enough others have left.
func (g *gate) enter(start func()) {
	g.mu.Lock()
	g.waiting = append(g.waiting, start)
	g.mu.Unlock()
	g.open()
}

// leave makes room for the next.
func (g *gate) leave() {
	g.mu.Lock()
	g.inside--
	g.mu.Unlock()
	g.open()
}

// open lets in whom there is room for. One call does it for all: those let in may leave at once.
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

// gatedBlob leaves the gate when it is closed.
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

// prove shows that we have a blob without sending it.
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
	h := sha1.New() //nolint:gosec // the protocol's digest
	h.Write([]byte{byte(len(nonce))})
	h.Write(nonce)
	if _, err := io.Copy(h, blob); err != nil {
		return "", fault.IO.In("read blob", digest).Because(err)
	}
	return "sha1-" + base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}
