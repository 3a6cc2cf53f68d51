package soak_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// host is a database.
type host struct {
	t    *testing.T
	name string
	path string
	db   *tandem.Database
	coll *tandem.Collection
}

func newHost(t *testing.T, name string) *host {
	h := &host{t: t, name: name, path: filepath.Join(t.TempDir(), name)}
	h.open()
	return h
}

func (h *host) open() {
	var err error
	if h.db, err = tandem.Open(context.Background(), h.path, tandem.Options{}); err != nil {
		h.t.Fatal(err)
	}
	if h.coll, err = h.db.DefaultCollection(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

// close checks the database and closes it.
func (h *host) close() {
	if problems, err := h.db.Check(context.Background()); err != nil || len(problems) > 0 {
		h.t.Errorf("%s: %v, %v", h.name, problems, err)
	}
	if err := h.db.Close(); err != nil {
		h.t.Error(err)
	}
}

// revisions maps the IDs of the live documents to their revisions.
func (h *host) revisions(t *testing.T) map[string]string {
	all := make(map[string]string)
	for doc, err := range h.coll.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if doc.ID() != "beat" { // which changes all the time
			all[doc.ID()] = doc.RevisionID()
		}
	}
	return all
}

// client is a host that replicates with the listener all the time.
type client struct {
	*host
	s          *soak
	replicator *tandem.Replicator
}

func newClient(s *soak, i int) *client {
	c := &client{host: newHost(s.t, fmt.Sprintf("client%d", i)), s: s}
	c.replicate()
	return c
}

func (c *client) replicate() {
	endpoint, err := tandem.NewURLEndpoint("wss://" + c.s.network.address() + "/server")
	if err != nil {
		c.t.Fatal(err)
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint: endpoint, Continuous: true, MaxAttemptWaitTime: 2 * time.Second,
		AcceptOnlySelfSignedServerCertificate: true,
	}
	cfg.AddCollection(c.coll)
	if c.replicator, err = tandem.NewReplicator(cfg); err == nil {
		err = c.replicator.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// work edits documents, and now and then stops or restarts.
func (c *client) work(ctx context.Context, seed uint64) {
	random := rand.New(rand.NewPCG(*soakSeed, 100+seed)) //nolint:gosec // reproducible on purpose
	pause := func() time.Duration { return time.Duration(random.Int64N(int64(300 * time.Millisecond))) }
	each(ctx, pause, func() {
		switch n := random.IntN(200); {
		case n == 0 && c.s.clients[0] != c: // the sampler watches the first
			c.close()
			c.open()
			c.replicate()
			c.s.count(func(t *tally) { t.clientRestarts++ })
		case n == 1:
			c.replicator.Stop()
			c.replicate()
			c.s.count(func(t *tally) { t.stops++ })
		default:
			c.edit(random)
			c.s.count(func(t *tally) { t.edits++ })
		}
	})
}

// edit changes one of a bounded number of documents: its own mostly, or one of all clients.
func (c *client) edit(random *rand.Rand) {
	id := fmt.Sprintf("%s-%d", c.name, random.IntN(20))
	if random.IntN(8) == 0 {
		id = fmt.Sprintf("shared-%d", random.IntN(20))
	}
	doc := tandem.NewDocument(id)
	err := doc.SetBody(fmt.Appendf(nil, `{"n":%d,"text":%q}`, random.Int64(), strings.Repeat("text ", random.IntN(400))))
	if err == nil && random.IntN(30) == 0 {
		content := bytes.Repeat([]byte{byte(random.IntN(256))}, random.IntN(200_000))
		err = doc.SetBlob("blob", tandem.NewBlob("application/octet-stream", content))
	}
	if err == nil {
		err = c.coll.Save(context.Background(), doc)
	}
	if err != nil {
		c.t.Errorf("%s: %v", c.name, err)
	}
}
