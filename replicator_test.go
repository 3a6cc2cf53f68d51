package tandem_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
)

// peers is a shared collection with its listener, and the collection of a client.
func peers(t testing.TB, configure ...func(*tandem.URLEndpointListenerConfiguration)) (theirs, ours *tandem.Collection, url string) {
	t.Helper()
	theirs, ours = newCollection(t), newCollection(t)
	return theirs, ours, offer(t, theirs, configure...).URLs()[0]
}

func TestAReplicatorWorksInTheDirectionsOfItsType(t *testing.T) { // R-01 R-03
	for kind, want := range map[tandem.ReplicatorType]struct{ theirs, ours []string }{
		tandem.PushAndPull: {[]string{"ours", "theirs"}, []string{"ours", "theirs"}},
		tandem.Push:        {[]string{"ours", "theirs"}, []string{"ours"}},
		tandem.Pull:        {[]string{"theirs"}, []string{"ours", "theirs"}},
	} {
		theirs, ours, url := peers(t)
		save(t, theirs, "theirs", `{}`)
		save(t, ours, "ours", `{}`)
		syncOnce(t, replicator(t, url, ours, ofType(kind)))
		wantIDs(t, kind.String()+": theirs", sortedIDs(t, theirs), want.theirs...)
		wantIDs(t, kind.String()+": ours", sortedIDs(t, ours), want.ours...)
	}
}

func sortedIDs(t testing.TB, c *tandem.Collection) []string {
	t.Helper()
	ids := changed(t, c, 0)
	slices.Sort(ids)
	return ids
}

func TestManyCollectionsShareAConnection(t *testing.T) {
	server, client := newDatabase(t, tandem.Options{}), newDatabase(t, tandem.Options{})
	var theirs, ours []*tandem.Collection
	for i := range 5 {
		for _, side := range []struct {
			db  *tandem.Database
			all *[]*tandem.Collection
		}{{server, &theirs}, {client, &ours}} {
			coll, err := side.db.CreateCollection(t.Context(), "shop", fmt.Sprintf("c%d", i))
			check(t, err)
			*side.all = append(*side.all, coll)
		}
		save(t, theirs[i], "same", fmt.Sprintf(`{"of":%d}`, i))
		save(t, ours[i], fmt.Sprintf("of %d", i), `{}`)
	}
	l := offer(t, theirs[0], func(c *tandem.URLEndpointListenerConfiguration) { c.Collections = theirs })
	status := syncOnce(t, replicator(t, l.URLs()[0], ours[4], func(c *tandem.ReplicatorConfiguration) {
		for i := range 4 {
			c.AddCollection(ours[i])
		}
	}))
	for i := range 5 {
		want := map[string]string{"same": fmt.Sprintf(`{"of":%d}`, i), fmt.Sprintf("of %d", i): `{}`}
		wantContents(t, theirs[i], want)
		wantContents(t, ours[i], want)
	}
	if p := status.Progress; p.Push.Documents != 5 || p.Pull.Documents != 5 {
		t.Errorf("progress %+v, want 5 documents each way", p)
	}
	if n := l.Statistics().Connections; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestImpossibleReplicatorsAreNotMade(t *testing.T) {
	coll, other := newCollection(t), newCollection(t)
	endpoint, err := tandem.NewURLEndpoint("ws://127.0.0.1:1/db")
	check(t, err)
	for name, spoil := range map[string]func(*tandem.ReplicatorConfiguration){
		"no endpoint":               func(c *tandem.ReplicatorConfiguration) { c.Endpoint = tandem.URLEndpoint{} },
		"no collections":            func(c *tandem.ReplicatorConfiguration) { c.Collections = nil },
		"of two databases":          func(c *tandem.ReplicatorConfiguration) { c.AddCollection(other) },
		"twice the same collection": func(c *tandem.ReplicatorConfiguration) { c.AddCollection(coll) },
		"unknown type":              ofType(tandem.Pull + 1),
		"negative heartbeat":        func(c *tandem.ReplicatorConfiguration) { c.Heartbeat = -1 },
		"negative wait":             func(c *tandem.ReplicatorConfiguration) { c.MaxAttemptWaitTime = -1 },
		"negative attempts":         func(c *tandem.ReplicatorConfiguration) { c.MaxAttempts = -1 },
		"nameless certificate": func(c *tandem.ReplicatorConfiguration) {
			c.Authenticator = tandem.ClientCertificateAuthenticator{}
		},
		"pointer to a nameless certificate": func(c *tandem.ReplicatorConfiguration) {
			c.Authenticator = &tandem.ClientCertificateAuthenticator{}
		},
		"empty certificate": func(c *tandem.ReplicatorConfiguration) {
			c.Authenticator = tandem.ClientCertificateAuthenticator{Identity: new(tandem.TLSIdentity)}
		},
		"nil collection": func(c *tandem.ReplicatorConfiguration) { c.AddCollection(nil) },
	} {
		cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
		cfg.AddCollection(coll)
		spoil(&cfg)
		_, err := tandem.NewReplicator(cfg)
		wantError(t, name, err, tandem.ErrInvalid)
	}
}

func TestATypeOfReplicatorHasAName(t *testing.T) {
	for kind, want := range map[tandem.ReplicatorType]string{
		tandem.PushAndPull: "push and pull", tandem.Push: "push", tandem.Pull: "pull",
		tandem.Pull + 1: "unknown", -1: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("type %d: got %q, want %q", int(kind), got, want)
		}
	}
}

func TestAReplicatorKeepsACopyOfItsConfiguration(t *testing.T) {
	theirs, ours, url := peers(t)
	save(t, ours, "a", `{}`)
	endpoint, err := tandem.NewURLEndpoint(url)
	check(t, err)
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
	cfg.AddCollection(ours)
	r, err := tandem.NewReplicator(cfg)
	check(t, err)
	cfg.Type, cfg.Collections[0].DocumentIDs = tandem.Pull, []string{"none"}
	got := r.Config()
	if got.Type != tandem.PushAndPull || got.Collections[0].DocumentIDs != nil || got.Endpoint.String() != url {
		t.Errorf("the configuration is %+v, want it as it was", got)
	}
	got.Collections[0].Collection = nil // of the copy
	syncOnce(t, r)
	read(t, theirs, "a")
}

func TestCredentialsAreShownToThoseWhoAsk(t *testing.T) { // R-07 R-16 E-05 A-01
	for name, x := range map[string]struct {
		guard *tandem.ListenerAuthenticator
		who   tandem.ReplicatorAuthenticator
		want  error
	}{
		"nobody asks":      {nil, tandem.BasicAuthenticator{Username: "ann", Password: "secret"}, nil},
		"right":            {tandem.StaticPassword("ann", "secret"), tandem.BasicAuthenticator{Username: "ann", Password: "secret"}, nil},
		"wrong password":   {tandem.StaticPassword("ann", "secret"), tandem.BasicAuthenticator{Username: "ann", Password: "x"}, tandem.ErrUnauthorized},
		"none":             {tandem.StaticPassword("ann", "secret"), nil, tandem.ErrUnauthorized},
		"a callback panic": {tandem.ListenerPasswordAuthenticator(func(string, []byte) bool { panic("boom") }), tandem.BasicAuthenticator{Username: "ann"}, tandem.ErrUnauthorized},
	} {
		for _, again := range []bool{false, true} {
			theirs, ours, url := peers(t, func(c *tandem.URLEndpointListenerConfiguration) { c.Authenticator = x.guard })
			save(t, theirs, "theirs", `{}`)
			save(t, ours, "ours", `{}`)
			r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
				c.Authenticator, c.Continuous = x.who, again && x.want != nil
			})
			if x.want == nil {
				syncOnce(t, r)
				continue
			}
			s := endWith(t, r, x.want)
			if n := len(contents(t, ours)) + len(contents(t, theirs)); n != 2 || s.Progress.Push.Documents != 0 {
				t.Errorf("%s: %d documents, progress %+v; want that nothing moves", name, n, s.Progress)
			}
		}
	}
}

func TestDocumentIDsLimitBothDirections(t *testing.T) {
	theirs, ours, url := peers(t)
	for _, id := range []string{"a", "b", "c"} {
		save(t, theirs, "s"+id, `{}`)
		save(t, ours, "c"+id, `{}`)
	}
	chosen := func(ids ...string) *tandem.Replicator {
		return replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) { c.Collections[0].DocumentIDs = ids })
	}
	r := chosen("sa", "cb", "none")
	syncOnce(t, r)
	wantIDs(t, "theirs", sortedIDs(t, theirs), "cb", "sa", "sb", "sc")
	wantIDs(t, "ours", sortedIDs(t, ours), "ca", "cb", "cc", "sa")
	pending, err := r.PendingDocumentIDs(t.Context(), ours)
	if err != nil || len(pending) != 0 {
		t.Errorf("pending are %v (%v), want none of those chosen", pending, err)
	}
	syncOnce(t, chosen()) // an empty list means all; the checkpoint of the other does not count
	if got := sortedIDs(t, theirs); len(got) != 6 || !slices.Equal(got, sortedIDs(t, ours)) {
		t.Errorf("theirs %v, ours %v, want all six", got, sortedIDs(t, ours))
	}
}

func TestChannelsAreForGatewaysOnly(t *testing.T) {
	_, ours, url := peers(t)
	endWith(t, replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].Channels = []string{"a"}
	}), tandem.ErrUnsupported)
}

func TestFiltersSeeDocumentsAndFlags(t *testing.T) {
	theirs, ours, url := peers(t)
	for _, id := range []string{"keep", "drop", "deleted"} {
		for _, coll := range []*tandem.Collection{theirs, ours} {
			prefix := map[bool]string{true: "s", false: "c"}[coll == theirs]
			d := save(t, coll, prefix+id, fmt.Sprintf(`{"kind":%q}`, id))
			if id == "deleted" {
				check(t, coll.Delete(t.Context(), d))
			}
		}
	}
	var mu sync.Mutex
	var deleted []string
	filter := func(d *tandem.Document, flags tandem.DocumentFlags) bool {
		mu.Lock()
		defer mu.Unlock()
		if flags&tandem.FlagDeleted != 0 {
			deleted = append(deleted, d.ID())
		}
		kind, _ := d.Value("kind")
		return kind != "drop"
	}
	r := replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].PushFilter, c.Collections[0].PullFilter = filter, filter
	})
	events := eventsOf(r)
	save(t, ours, "makes it pull tombstones", `{}`)
	status := syncOnce(t, r)
	wantIDs(t, "ours", sortedIDs(t, ours), "cdeleted", "cdrop", "ckeep", "makes it pull tombstones", "sdeleted", "skeep")
	wantIDs(t, "theirs", sortedIDs(t, theirs), "cdeleted", "ckeep", "makes it pull tombstones", "sdeleted", "sdrop", "skeep")
	slices.Sort(deleted)
	wantIDs(t, "with the flag of deletion", deleted, "cdeleted", "sdeleted")
	if pending, err := r.PendingDocumentIDs(t.Context(), ours); err != nil || len(pending) != 0 {
		t.Errorf("pending are %v (%v), want none", pending, err)
	}
	got := events()
	if e, ok := got["pull sdrop"]; !ok || !errors.Is(e.Err, tandem.ErrForbidden) {
		t.Errorf("of what the pull filter refused the events say %+v, want forbidden", e)
	}
	if _, ok := got["push cdrop"]; ok {
		t.Error("there is an event for what the push filter refused")
	}
	if p := status.Progress; p.Push.Documents != 3 || p.Pull.Documents != 2 || p.Pull.Failed != 1 {
		t.Errorf("progress %+v, want 3 pushed, 2 pulled, 1 failed", p)
	}
}

func TestAPanickingFilterRefusesNothing(t *testing.T) {
	theirs, ours, url := peers(t)
	save(t, theirs, "pulled", `{}`)
	save(t, ours, "pushed", `{}`)
	var log bytes.Buffer
	filtered := func(filter tandem.ReplicationFilter) *tandem.Replicator {
		return replicator(t, url, ours, func(c *tandem.ReplicatorConfiguration) {
			c.Collections[0].PushFilter, c.Collections[0].PullFilter = filter, filter
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
	}
	r := filtered(func(d *tandem.Document, _ tandem.DocumentFlags) bool {
		if !strings.HasPrefix(d.ID(), "later") {
			panic("not yet")
		}
		return true
	})
	events := eventsOf(r)
	syncOnce(t, r)
	for _, what := range []string{"push pushed", "pull pulled"} {
		if e := events()[what]; !errors.Is(e.Err, tandem.ErrUnexpected) {
			t.Errorf("%s: %v, want an unexpected error", what, e.Err)
		}
	}
	if n := strings.Count(log.String(), "panicked"); n != 2 {
		t.Errorf("the log tells of %d panics, want 2:\n%s", n, &log)
	}
	save(t, theirs, "later pulled", `{}`) // what comes after them does not move the checkpoint past them
	save(t, ours, "later pushed", `{}`)
	syncOnce(t, r)
	syncOnce(t, filtered(func(*tandem.Document, tandem.DocumentFlags) bool { return true }))
	for _, coll := range []*tandem.Collection{theirs, ours} {
		wantIDs(t, "in the end", sortedIDs(t, coll), "later pulled", "later pushed", "pulled", "pushed")
	}
}

func TestAReplicatorConnectsFromItsInterface(t *testing.T) {
	theirs, ours, url := peers(t)
	save(t, ours, "a", `{}`)
	from := func(name string) func(*tandem.ReplicatorConfiguration) {
		return func(c *tandem.ReplicatorConfiguration) { c.NetworkInterface = name }
	}
	endWith(t, replicator(t, url, ours, from("foo")), tandem.ErrUnknownInterface)
	syncOnce(t, replicator(t, url, ours, from("127.0.0.1")))
	wantIDs(t, "theirs", sortedIDs(t, theirs), "a")
}

// An encryptable property never leaves in clear text: nothing here encrypts it.
func TestAPropertyToBeEncryptedIsNotPushed(t *testing.T) {
	theirs, ours, url := peers(t)
	save(t, ours, "secret", `{"pin":{"@type":"encryptable","value":"1234"}}`)
	save(t, ours, "plain", `{"about":"\"@type\":\"encryptable\""}`)
	save(t, theirs, "sealed", `{"encrypted$pin":{"alg":"CB_MOBILE_CUSTOM","ciphertext":"AAAA"}}`)
	r := replicator(t, url, ours)
	events := eventsOf(r)
	syncOnce(t, r)
	wantError(t, "event", events()["push secret"].Err, tandem.ErrCrypto)
	wantIDs(t, "theirs", sortedIDs(t, theirs), "plain", "sealed")
	wantBody(t, ours, "sealed", `{"encrypted$pin":{"alg":"CB_MOBILE_CUSTOM","ciphertext":"AAAA"}}`)
	if pending, err := r.PendingDocumentIDs(t.Context(), ours); err != nil || len(pending) > 0 {
		t.Errorf("pending are %v (%v), want none: it was refused for good", pending, err)
	}
	save(t, ours, "secret", `{"pin":"changed"}`)
	syncOnce(t, r)
	wantBody(t, theirs, "secret", `{"pin":"changed"}`)
}

// Whoever sends keeps such a document, also a listener, and however the JSON writes the word.
func TestAPropertyToBeEncryptedIsNotServed(t *testing.T) {
	theirs, ours, url := peers(t)
	for id, body := range map[string]string{
		"plainly":  `{"pin":{"@type":"encryptable","value":"1234"}}`,
		"key":      `{"pin":{"\u0040type":"encryptable","value":"1234"}}`,
		"value":    `{"pin":{"value":"1234","@typ\u0065":"encrypt\u0061ble"}}`,
		"deep":     `{"a":[{"b":{"pin":{"\u0040type" : "encryptable","value":"1234"}}}]}`,
		"no type":  `{"pin":{"type":"encryptable","about":"\u0040type"}}`,
		"no value": `{"@type":"other","encryptable":true}`,
	} {
		save(t, theirs, "theirs "+id, body)
		save(t, ours, "ours "+id, body)
	}
	syncOnce(t, replicator(t, url, ours))
	both := []string{"ours no type", "ours no value", "theirs no type", "theirs no value"}
	for name, c := range map[string]*tandem.Collection{"theirs": theirs, "ours": ours} {
		want := append([]string{name + " deep", name + " key", name + " plainly", name + " value"}, both...)
		slices.Sort(want)
		wantIDs(t, name, sortedIDs(t, c), want...)
	}
}

// eventsOf collects the events of a replicator, by direction and document.
func eventsOf(r *tandem.Replicator) (events func() map[string]tandem.ReplicatedDocument) {
	var mu sync.Mutex
	all := make(map[string]tandem.ReplicatedDocument)
	r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) {
		mu.Lock()
		defer mu.Unlock()
		for _, d := range e.Documents {
			direction := map[bool]string{true: "push ", false: "pull "}[e.IsPush]
			if _, twice := all[direction+d.ID]; twice {
				d.Err = errors.Join(d.Err, errors.New("there are two events for it"))
			}
			all[direction+d.ID] = d
		}
	})
	return func() map[string]tandem.ReplicatedDocument {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(all)
	}
}

func TestEventsTellWhatBecameOfDocuments(t *testing.T) {
	server, client := newDatabase(t, tandem.Options{}), newDatabase(t, tandem.Options{})
	theirs, err := server.CreateCollection(t.Context(), "shop", "orders")
	check(t, err)
	ours, err := client.CreateCollection(t.Context(), "shop", "orders")
	check(t, err)
	for i := range 5 {
		save(t, ours, fmt.Sprintf("c%d", i), `{}`)
		save(t, theirs, fmt.Sprintf("s%d", i), `{}`)
	}
	url := offer(t, theirs).URLs()[0]
	syncOnce(t, replicator(t, url, ours)) // nobody listens
	check(t, ours.Delete(t.Context(), read(t, ours, "c0")))
	check(t, theirs.Delete(t.Context(), read(t, theirs, "s0")))
	save(t, ours, "c1", `{"n":1}`)
	save(t, theirs, "s1", `{"n":1}`)

	r := replicator(t, url, ours)
	events := eventsOf(r)
	token := r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) { t.Errorf("a removed listener heard %+v", e) })
	token.Remove()
	token.Remove()
	syncOnce(t, r)
	want := map[string]tandem.DocumentFlags{
		"push c0": tandem.FlagDeleted, "push c1": 0, "pull s0": tandem.FlagDeleted, "pull s1": 0,
	}
	got := events()
	if len(got) != len(want) {
		t.Errorf("events %+v, want %v", got, want)
	}
	for what, flags := range want {
		if e := got[what]; e.Flags != flags || e.Err != nil || e.Scope != "shop" || e.Collection != "orders" {
			t.Errorf("%s: %+v, want flags %v in shop.orders", what, e, flags)
		}
	}
}

func TestProgressCountsWhatMoves(t *testing.T) {
	theirs, ours, url := peers(t)
	body := []byte(`{"text":"0123456789"}`)
	for i := range 30 {
		save(t, ours, fmt.Sprintf("c%d", i), string(body))
		if i < 20 {
			save(t, theirs, fmt.Sprintf("s%d", i), string(body))
		}
	}
	r := replicator(t, url, ours)
	if s := r.Status(); s != (tandem.ReplicatorStatus{}) {
		t.Errorf("before the first start the status is %+v, want zero", s)
	}
	size := uint64(len(body))
	p := syncOnce(t, r).Progress
	wantMoved(t, "push", p.Push, tandem.DirectionProgress{Documents: 30, Bytes: 30 * size})
	wantMoved(t, "pull", p.Pull, tandem.DirectionProgress{Documents: 20, Bytes: 20 * size})
	if p.Push.Total != 30 || p.Pull.Total < 20 || p.Busy || p.BytesSent < 30*size || p.BytesReceived < 20*size {
		t.Errorf("progress %+v", p)
	}
	before := wholeState(t, ours) + wholeState(t, theirs)
	for range 2 {
		p = syncOnce(t, r).Progress // the first may hear of what it has pushed
		wantMoved(t, "a further push", p.Push, tandem.DirectionProgress{})
		wantMoved(t, "a further pull", p.Pull, tandem.DirectionProgress{})
	}
	if p.Push.Total+p.Pull.Total != 0 {
		t.Errorf("a third run counts %+v, want nothing", p)
	}
	check(t, r.StartWithReset())
	check(t, r.Wait(t.Context()))
	r.Close()
	if p = r.Status().Progress; p.Pull.Documents != 0 || p.Push.Documents != 0 || p.Push.Bytes+p.Pull.Bytes != 0 {
		t.Errorf("a run from the beginning moves %+v, want that it compares alone", p)
	}
	if after := wholeState(t, ours) + wholeState(t, theirs); after != before {
		t.Errorf("comparing has rewritten documents: they were\n%s\nand are\n%s", before, after)
	}
}

// wantMoved checks what a run has moved, and that it was complete.
func wantMoved(t testing.TB, what string, got, want tandem.DirectionProgress) {
	t.Helper()
	want.Completed, want.Total = got.Total, got.Total
	if got != want {
		t.Errorf("%s: progress %+v, want %+v", what, got, want)
	}
}

// wholeState renders the IDs, revisions and sequences of all documents.
func wholeState(t testing.TB, c *tandem.Collection) (text string) {
	t.Helper()
	for change, err := range c.ChangesSince(t.Context(), 0) {
		check(t, err)
		text += fmt.Sprintf("%d %s %s\n", change.Sequence, change.ID, change.RevisionID)
	}
	return text
}

func TestConnectionsHaveNames(t *testing.T) {
	_, ours, url := peers(t)
	r := replicator(t, url, ours)
	if r.CorrelationID() != "" || r.ServerCertificate() != nil {
		t.Errorf("before the first connection: %q, %v", r.CorrelationID(), r.ServerCertificate())
	}
	syncOnce(t, r)
	first := r.CorrelationID()
	syncOnce(t, r)
	if first == "" || r.CorrelationID() == first {
		t.Errorf("connections are named %q and %q, want two names", first, r.CorrelationID())
	}
	if r.ServerCertificate() != nil {
		t.Errorf("without TLS there is the certificate %v", r.ServerCertificate())
	}
}

func TestADatabaseMaySyncWithItself(t *testing.T) {
	coll := newCollection(t)
	for i := range 10 {
		save(t, coll, fmt.Sprint(i), `{}`)
	}
	before := wholeState(t, coll)
	syncOnce(t, replicator(t, offer(t, coll).URLs()[0], coll))
	if after := wholeState(t, coll); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
}
