package tandem_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
)

// exampleListener shares the default collection of a database at an address of this machine.
func exampleListener(
	db *tandem.Database, configure ...func(*tandem.URLEndpointListenerConfiguration),
) (listener *tandem.URLEndpointListener, endpoint tandem.URLEndpoint) {
	cfg := got(tandem.ListenerConfigurationForDatabase(context.Background(), db))
	cfg.NetworkInterface, cfg.IdentityStore = "127.0.0.1", tandem.MemoryIdentityStore()
	for _, change := range configure {
		change(&cfg)
	}
	ensure(cfg.Validate())
	listener = got(tandem.NewURLEndpointListener(cfg))
	ensure(listener.Start())
	return listener, got(tandem.NewURLEndpoint(listener.URLs()[0]))
}

// A replicator reports its status and the outcome of each document.
func ExampleReplicator_Status() {
	kitchen, phone, remove := exampleDatabases()
	defer remove()
	ctx := context.Background()
	listener, endpoint := exampleListener(kitchen)
	defer listener.Stop()
	notes := got(phone.DefaultCollection(ctx))
	ensure(notes.Put(ctx, "plants", map[string]string{"text": "Water the plants"}))

	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, TrustOnFirstUse: func(*x509.Certificate) bool { return true }}
	cfg.AddCollection(notes)
	ensure(cfg.Validate())
	r := got(tandem.NewReplicator(cfg))
	fmt.Println(r.Status().Activity, got(r.PendingDocumentIDs(ctx, notes)), r.Config().Type)
	stopped := make(chan tandem.ActivityLevel, 1)
	r.AddChangeListener(func(s tandem.ReplicatorStatus) {
		if s.Activity == tandem.Stopped {
			stopped <- s.Activity
		}
	})
	documents := make(chan tandem.ReplicatedDocument, 10)
	r.AddDocumentReplicationListener(func(e tandem.DocumentReplication) {
		for _, d := range e.Documents {
			documents <- d
		}
	})
	ensure(r.Start())
	r.RetryNow() // ends a pause before the next attempt, if there is one
	ensure(r.Wait(ctx))
	push := r.Status().Progress.Push
	fmt.Println(<-stopped, push.Documents, (<-documents).Err, got(r.IsDocumentPending(ctx, notes, "plants")))
	why := got(r.Explain(ctx, notes, "plants"))
	fmt.Println(why.State == tandem.DocumentSynced, why.Refusal == nil)
	fmt.Println(tandem.Fingerprint(r.ServerCertificate()) == got(phone.KnownServers(ctx))[0].Fingerprint, r.CorrelationID() != "")
	ensure(phone.ForgetServer(ctx, endpoint))
	fmt.Println(endpoint.DatabaseName() == kitchen.Name(), len(got(phone.Remotes(ctx))))
	ensure(r.StartWithReset()) // compares everything again
	r.Stop()
	r.Close()
	// Output:
	// stopped [plants] push and pull
	// stopped 1 <nil> false
	// true true
	// true true
	// true 1
}

// A one-shot replication that ends without some documents says which.
func ExampleDocumentsError() {
	kitchen, phone, remove := exampleDatabases()
	defer remove()
	ctx := context.Background()
	notes := got(phone.DefaultCollection(ctx))
	ensure(notes.Put(ctx, "secret", map[string]string{"text": "…"}))
	ensure(notes.Put(ctx, "plants", map[string]string{"text": "Water the plants"}))

	open := func(d *tandem.Document, flags tandem.DocumentFlags) bool {
		return d.ID() != "secret" || flags&tandem.FlagDeleted != 0
	}
	target := tandem.NewDatabaseEndpoint(kitchen).WithFilters(nil, tandem.ReplicationFilter(open))
	cfg := tandem.ReplicatorConfiguration{Endpoint: target, Type: tandem.Push}
	cfg.AddCollection(notes)
	r := got(tandem.NewReplicator(cfg))
	ensure(r.Start())
	failed := new(tandem.DocumentsError)
	if errors.As(r.Wait(ctx), &failed) {
		for _, d := range failed.Documents {
			fmt.Println(d.IsPush, d.ID)
		}
	}
	why := got(r.Explain(ctx, notes, "secret"))
	fmt.Println(why.State, why.Refusal.Domain, why.Refusal.Code, target.Database().Name() == kitchen.Name())
	// Output:
	// true secret
	// refused WebSocket 403 true
}

// How replicators say who they are, and listeners find out.
func ExampleReplicatorAuthenticator() {
	till := got(tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "till 7"}))
	for _, who := range []tandem.ReplicatorAuthenticator{
		tandem.BasicAuthenticator{Username: "ann", Password: "secret"},
		tandem.SessionAuthenticator{SessionID: "904ac010862f37c8dd99015a33ab5a3565fd8447"},
		tandem.ClientCertificateAuthenticator{Identity: till},
	} {
		fmt.Printf("%T\n", who)
	}
	for _, admit := range []*tandem.ListenerAuthenticator{
		tandem.ListenerPasswordAuthenticator(func(user string, password []byte) bool {
			return user == "ann" && string(password) == "secret"
		}),
		tandem.ListenerCertificateAuthenticator(func(chain []*x509.Certificate) bool {
			return tandem.Fingerprint(chain[0]) == till.Fingerprint()
		}),
		tandem.ListenerRootsAuthenticator(till.Certificates()),
	} {
		fmt.Println(admit != nil)
	}
	// Output:
	// tandem.BasicAuthenticator
	// tandem.SessionAuthenticator
	// tandem.ClientCertificateAuthenticator
	// true
	// true
	// true
}

// A listener reports its addresses and its clients.
func ExampleURLEndpointListener() {
	kitchen, phone, remove := exampleDatabases()
	defer remove()
	ctx := context.Background()
	listener, endpoint := exampleListener(kitchen)
	events := make(chan tandem.ClientEvent, 10)
	token := listener.AddClientListener(func(e tandem.ClientEvent) { events <- e })
	defer token.Remove()
	fmt.Println(listener.Port() == listener.Config().Port, listener.Port() != 0, listener.AdvertisedName() == "")

	replacement := got(tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "kitchen"}))
	ensure(listener.SetTLSIdentity(replacement))
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, PinnedServerFingerprint: listener.TLSIdentity().Fingerprint()}
	cfg.AddCollection(got(phone.DefaultCollection(ctx)))
	r := got(tandem.NewReplicator(cfg))
	ensure(r.Start())
	ensure(r.Wait(ctx))
	fmt.Println((<-events).Kind == tandem.ClientConnected, (<-events).Kind == tandem.ClientDisconnected)
	fmt.Println(listener.Statistics().Connections, listener.Status().ConnectionCount)
	ensure(listener.StopWhenIdle(ctx))
	<-listener.Done()
	fmt.Println(listener.Err())
	// Output:
	// false true true
	// true true
	// 1 0
	// <nil>
}

// A program that knows its users already tells the listener who sent a request.
func ExampleContextWithUser() {
	ctx := tandem.ContextWithUser(context.Background(), "ann")
	fmt.Println(ctx != nil)
	// handler.ServeHTTP(w, r.WithContext(ctx)), with the handler of URLEndpointListener.Handler
	// Output: true
}

// Peers on the local network, or in a list where there is no multicast.
func ExampleFindPeer() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	known := got(tandem.ParsePeers(strings.NewReader("till7 ws://192.0.2.7:4984/sales")))
	peer := got(tandem.FindPeer(ctx, "till7", known))
	fmt.Println(peer.Name, peer.Database, peer.URLs())
	_, err := tandem.ReplicatorConfigurationForPeer(ctx, peer) // it has no certificate to pin
	fmt.Println(errors.Is(err, tandem.ErrInvalid), tandem.DiscoveryService)
	// Output:
	// till7 sales [ws://192.0.2.7:4984/sales]
	// true _tandem._tcp
}

// A browser reports the peers that come and go.
func ExampleBrowsePeers() {
	browser, err := tandem.BrowsePeers(context.Background())
	if err != nil {
		return // there is no network to look in
	}
	go func() { _ = browser.Close() }() // ends the loop
	for event := range browser.Events() {
		if event.Change == tandem.PeerAppeared {
			fmt.Println(event.Peer.Name, len(browser.Peers()))
		}
	}
}

// A conflict may be left open, looked at and settled later.
func ExampleCollection_Conflicts() {
	kitchen, phone, remove := exampleDatabases()
	defer remove()
	ctx := context.Background()
	notes := got(phone.DefaultCollection(ctx))
	ensure(notes.Put(ctx, "milk", map[string]string{"text": "Buy oat milk"}))
	sync := func(resolver tandem.ConflictResolver) error {
		cfg := tandem.ReplicatorConfiguration{Endpoint: tandem.NewDatabaseEndpoint(kitchen)}
		cfg.AddCollection(notes)
		cfg.Collections[0].ConflictResolver = resolver
		r := got(tandem.NewReplicator(cfg))
		ensure(r.Start())
		return r.Wait(ctx)
	}

	fmt.Println(sync(tandem.LeaveOpen) != nil) // the error names the document
	for open, err := range notes.Conflicts(ctx) {
		ensure(err)
		ours, theirs := open.ForResolver().LocalDocument, open.ForResolver().RemoteDocument
		fmt.Printf("%s %s %s\n", open.DocumentID, ours.Body(), theirs.Body())
	}
	open := got(notes.Conflict(ctx, "milk"))
	resolved := got(notes.Resolve(ctx, open, open.Local))
	ensure(sync(nil))
	for _, rev := range got(notes.History(ctx, "milk")) {
		if rev.Role == tandem.RevisionCurrent {
			fmt.Println(rev.ID == resolved.RevisionID(), rev.Own)
		}
	}
	for entry, err := range phone.ResolvedConflicts(ctx, notes, "milk") {
		ensure(err)
		fmt.Println(entry.Winner == tandem.LocalWon, string(entry.Local.Body))
	}
	// Output:
	// true
	// milk {"text":"Buy oat milk"} {"text":"Buy milk"}
	// true true
	// true {"text":"Buy oat milk"}
}

// Ready-made resolvers decide by side, by time, or merge.
func ExampleMergeFields() {
	resolvers := map[string]tandem.ConflictResolver{
		"ours": tandem.LocalWins, "theirs": tandem.RemoteWins, "later": tandem.LatestWins, "both": tandem.MergeFields,
		"undecided": func(context.Context, tandem.Conflict) (*tandem.Document, error) { return nil, tandem.ErrLeaveOpen },
	}
	fmt.Println(len(resolvers))
	// Output: 5
}

// TestConnection tells whether a peer would let a replicator in, and replicates nothing.
func ExampleReplicator_TestConnection() {
	kitchen, phone, remove := exampleDatabases()
	defer remove()
	ctx := context.Background()
	listener, endpoint := exampleListener(kitchen)
	defer listener.Stop()

	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, PinnedServerFingerprint: listener.TLSIdentity().Fingerprint()}
	cfg.AddCollection(got(phone.DefaultCollection(ctx)))
	r := got(tandem.NewReplicator(cfg))
	fmt.Println(r.TestConnection(ctx), r.Status().Activity, r.ServerCertificate() != nil)
	// Output: <nil> stopped true
}
