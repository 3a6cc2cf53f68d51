package slowlink_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/identity"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/transport"
)

// peer is a database with its settings for sending.
type peer struct {
	t           *testing.T
	db          *store.DB
	coll        *store.Collection
	compression blip.Compression
	ends        atomic.Int32 // of connections to the listener
}

func newPeer(t *testing.T, versioning store.Versioning, compression blip.Compression) *peer {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "db"+store.Extension), store.Options{Versioning: versioning})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	coll, err := db.Collection(t.Context(), store.DefaultName, store.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, db: db, coll: coll, compression: compression}
}

// common returns the session settings for both roles.
func (p *peer) common(protocol string) replication.Common {
	return replication.Common{DB: p.db, Protocol: protocol, Compression: p.compression}
}

// save stores documents.
func (p *peer) save(docs ...store.Edit) {
	p.t.Helper()
	err := p.db.Update(context.Background(), func(tx *store.Tx) error {
		for _, doc := range docs {
			if _, err := tx.Save(p.coll, doc); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// count returns the number of documents.
func (p *peer) count() (n int) {
	p.t.Helper()
	err := p.db.View(context.Background(), func(tx *store.Tx) error {
		all, err := tx.Count(p.coll)
		n = int(all)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// has reports whether the document exists.
func (p *peer) has(id string) bool {
	return p.db.View(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Document(p.coll, id)
		return err
	}) == nil
}

// routes returns n documents, repeating 250 different ones of 1.2 kB as applications have them. The
// repeat distance is ten times the window of deflate.
func routes(t *testing.T, n int) []store.Edit {
	t.Helper()
	file, err := os.ReadFile("../../../cmd/tandem/demo/routes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	docs := make([]store.Edit, n)
	for i := range docs {
		_, rest, _ := bytes.Cut(lines[i%len(lines)], []byte(",")) // after the ID, which a body must not have
		docs[i] = store.Edit{ID: fmt.Sprintf("route_%d", i), Body: fmt.Appendf(nil, `{"copy":%d,%s`, i/len(lines), rest)}
	}
	return docs
}

// blob stores a blob that does not compress, and returns a reference to it.
func (p *peer) blob(size int64, seed byte) string {
	p.t.Helper()
	w, err := p.db.BlobWriter(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.CopyN(w, rand.NewChaCha8([32]byte{seed}), size); err != nil {
		p.t.Fatal(err)
	}
	digest, _, err := w.Commit(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprintf(`{"@type":"blob","digest":%q,"length":%d,"content_type":"image/jpeg"}`, digest, size)
}

// share starts a listener for the peer's database until the test ends, and returns its address.
func (p *peer) share(heartbeat time.Duration, wrap wrapper) string {
	p.t.Helper()
	id, err := identity.Create(nil, identity.Options{CommonName: "test"})
	if err != nil {
		p.t.Fatal(err)
	}
	cert := id.TLSCertificate()
	server, err := transport.Listen(p.t.Context(), transport.ServerConfig{
		Databases: []transport.Database{{Name: "db", Protocols: replication.Protocols(p.db.Versioning(), true)}},
		Interface: "127.0.0.1", Certificate: &cert, Heartbeat: heartbeat,
		Handler: func(conn *transport.Conn) {
			defer p.ends.Add(1)
			_ = replication.NewPassive(wrap(conn), replication.Passive{
				Common: p.common(conn.Protocol()), Collections: []*store.Collection{p.coll},
			}).Run(context.Background()) // ends with the replicator
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testsize.Patience)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			p.t.Error(err)
		}
	})
	url, _ := strings.CutPrefix(server.URLs()[0], "wss://")
	address, _, _ := strings.Cut(url, "/")
	return address
}

// replicator returns a replicator to the listener at address.
func (p *peer) replicator(address string, o replicatorOptions) *replication.Runner {
	p.t.Helper()
	endpoint, err := transport.ParseEndpoint("wss://" + address + "/db")
	if err != nil {
		p.t.Fatal(err)
	}
	dial := func(ctx context.Context) (blip.Pipe, string, error) {
		conn, err := transport.Dial(ctx, transport.DialConfig{
			Endpoint: endpoint, Protocols: replication.Protocols(p.db.Versioning(), true),
			Trust: transport.Trust{SelfSignedOnly: true}, Heartbeat: o.heartbeat,
		})
		if err != nil {
			return nil, "", err
		}
		return o.wrap(conn), conn.Protocol(), nil
	}
	return replication.NewRunner(replication.Active{
		Common:      p.common(""),
		Collections: []replication.CollectionOptions{{Collection: p.coll, Push: o.push, Pull: !o.push}},
		Continuous:  o.continuous,
		Remote:      endpoint.String(),
	}, dial, replication.Retry{MaxAttempts: 1}, nil)
}

type replicatorOptions struct {
	push       bool // otherwise it pulls
	continuous bool
	heartbeat  time.Duration
	wrap       wrapper
}

// wrapper inserts a layer between a session and its connection.
type wrapper func(blip.Pipe) blip.Pipe

// asIs is the wrapper without a layer.
func asIs(pipe blip.Pipe) blip.Pipe { return pipe }
