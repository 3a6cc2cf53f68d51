package tandem_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

func openTemp(t testing.TB, name string, o tandem.Options) *tandem.Database {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), name), o)
}

func put(t testing.TB, coll *tandem.Collection, id, body string) {
	t.Helper()
	doc, err := coll.Document(t.Context(), id)
	if errors.Is(err, tandem.ErrNotFound) {
		doc, err = tandem.NewDocument(id), nil
	}
	if err == nil {
		err = doc.SetBody([]byte(body))
	}
	if err == nil {
		err = coll.Save(t.Context(), doc)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serve starts a listener on the loopback interface, with its identity in memory.
func serve(t testing.TB, cfg tandem.URLEndpointListenerConfiguration) *tandem.URLEndpointListener {
	t.Helper()
	cfg.NetworkInterface = "127.0.0.1"
	if cfg.IdentityStore == nil {
		cfg.IdentityStore = tandem.MemoryIdentityStore()
	}
	l, err := tandem.NewURLEndpointListener(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}

func replicator(t testing.TB, url string, coll *tandem.Collection, configure ...func(*tandem.ReplicatorConfiguration)) *tandem.Replicator {
	t.Helper()
	endpoint, err := tandem.NewURLEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, AcceptOnlySelfSignedServerCertificate: true}
	cfg.AddCollection(coll)
	for _, c := range configure {
		c(&cfg)
	}
	r, err := tandem.NewReplicator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// syncOnce runs a one-shot replication and returns its last status. Documents may fail.
func syncOnce(t testing.TB, r *tandem.Replicator) tandem.ReplicatorStatus {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(t.Context()); err != nil && !errors.As(err, new(*tandem.DocumentsError)) {
		t.Fatalf("replication ended with %v", err)
	}
	r.Close()
	return r.Status()
}

func TestTwoDatabasesSyncOverTLS(t *testing.T) { // L-01 T-01 T-09 R-01 R-03 R-13
	server := openTemp(t, "server", tandem.Options{})
	client := openTemp(t, "client", tandem.Options{})
	theirs, ours := defaultIn(t, server), defaultIn(t, client)
	for i := range 25 {
		put(t, theirs, fmt.Sprintf("s%d", i), `{"from":"server"}`)
		put(t, ours, fmt.Sprintf("c%d", i), `{"from":"client"}`)
	}
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{theirs}})
	status := syncOnce(t, replicator(t, l.URLs()[0], ours))
	if status.Progress.Push.Documents != 25 || status.Progress.Pull.Documents != 25 {
		t.Errorf("progress %+v, want 25 documents each way", status.Progress)
	}
	for _, coll := range []*tandem.Collection{theirs, ours} {
		if n, err := coll.Count(t.Context()); n != 50 || err != nil {
			t.Errorf("%s has %d documents (%v), want 50", coll.Database().Name(), n, err)
		}
	}
}

func TestAContinuousPairFollowsChanges(t *testing.T) {
	server := openTemp(t, "server", tandem.Options{})
	client := openTemp(t, "client", tandem.Options{})
	theirs, ours := defaultIn(t, server), defaultIn(t, client)
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{theirs}})
	r := replicator(t, l.URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) { c.Continuous = true })
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		put(t, ours, fmt.Sprintf("c%d", i), `{"n":1}`)
		eventually(t, func() bool { _, err := theirs.Document(t.Context(), fmt.Sprintf("c%d", i)); return err == nil })
		put(t, theirs, fmt.Sprintf("c%d", i), `{"n":2}`)
		eventually(t, func() bool {
			doc, err := ours.Document(t.Context(), fmt.Sprintf("c%d", i))
			return err == nil && string(doc.Body()) == `{"n":2}`
		})
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	if !testsize.Eventually(patience, holds) {
		t.Fatal("it does not come true")
	}
}

func TestDocumentsWithoutTheirBlobsSync(t *testing.T) { // imported from elsewhere, such as the hotels of the travel data
	const body = `{"image":{"@type":"blob","digest":"sha1-7hYMqN2gjvfVtZ6UcYCFZWLWo98=","length":156627}}`
	server := openTemp(t, "server", tandem.Options{})
	client := openTemp(t, "client", tandem.Options{})
	theirs, ours := defaultIn(t, server), defaultIn(t, client)
	doc, err := tandem.NewDocumentWithBody("hotel", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Save(t.Context(), doc); !errors.Is(err, tandem.ErrNotFound) {
		t.Errorf("an ordinary save gives %v, want not found", err)
	}
	if err := client.InBatch(t.Context(), func(b *tandem.Batch) error { return b.Import(ours, doc) }); err != nil {
		t.Fatal(err)
	}
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{theirs}})
	syncOnce(t, replicator(t, l.URLs()[0], ours))
	got, err := theirs.Document(t.Context(), "hotel")
	if err != nil || string(got.Body()) != body {
		t.Errorf("the peer has %v (%v), want the document", got, err)
	}
	for _, db := range []*tandem.Database{server, client} {
		if problems, err := db.Check(t.Context()); err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", db.Name(), problems, err)
		}
	}
}
