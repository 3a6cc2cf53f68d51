package tandem_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tandemdb/tandem"
)

// A passive peer shares its default collection; an active one connects and syncs both ways.
func ExampleReplicator() { // R-13 L-27
	ctx := context.Background()
	kitchen, phone, remove := exampleDatabases()
	defer remove()

	// The passive peer: configure, create, start. The port is chosen; TLS is on, with an
	// identity of the database's own.
	shared, err := tandem.ListenerConfigurationForDatabase(ctx, kitchen)
	if err != nil {
		log.Fatal(err)
	}
	shared.Authenticator = tandem.StaticPassword("ann", "secret")
	shared.NetworkInterface = "127.0.0.1"
	shared.IdentityStore = tandem.MemoryIdentityStore()
	listener, err := tandem.NewURLEndpointListener(shared)
	if err != nil {
		log.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		log.Fatal(err)
	}
	defer listener.Stop()

	// The active peer.
	endpoint, err := tandem.NewURLEndpoint(listener.URLs()[0])
	if err != nil {
		log.Fatal(err)
	}
	notes, err := phone.DefaultCollection(ctx)
	if err != nil {
		log.Fatal(err)
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint:      endpoint,
		Authenticator: tandem.BasicAuthenticator{Username: "ann", Password: "secret"},

		AcceptOnlySelfSignedServerCertificate: true,
	}
	cfg.AddCollection(notes)
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		log.Fatal(err)
	}
	if err := replicator.Start(); err != nil {
		log.Fatal(err)
	}
	if err := replicator.Wait(ctx); err != nil {
		log.Fatal(err)
	}

	var milk map[string]any
	if err := notes.Get(ctx, "milk", &milk); err != nil {
		log.Fatal(err)
	}
	fmt.Println(milk["text"])
	// Output: Buy milk
}

// A resolver that takes what we have, and adds what the peer has ticked off.
func ExampleConflictResolver() {
	phone, remove := exampleTasks()
	defer remove()

	var cfg tandem.ReplicatorConfiguration
	cfg.AddCollection(phone)
	cfg.Collections[0].ConflictResolver = func(ctx context.Context, c tandem.Conflict) (*tandem.Document, error) {
		if c.LocalDocument == nil || c.RemoteDocument == nil { // one side has deleted it
			return tandem.DefaultConflictResolver(ctx, c)
		}
		if done, _ := c.RemoteDocument.Value("done"); done != true {
			return c.LocalDocument, nil
		}
		return c.LocalDocument, c.LocalDocument.SetValue("done", true)
	}
}

// exampleDatabases returns the databases of two devices; the first has a note.
func exampleDatabases() (kitchen, phone *tandem.Database, remove func()) {
	first, removeFirst := exampleTasks()
	second, removeSecond := exampleTasks()
	err := first.Put(context.Background(), "milk", map[string]string{"text": "Buy milk"})
	if err != nil {
		log.Fatal(err)
	}
	return first.Database(), second.Database(), func() { removeFirst(); removeSecond() }
}
