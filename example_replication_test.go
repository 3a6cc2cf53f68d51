package tandem_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

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

// A listener as a part of the program's own HTTP server, in which each user sees what is theirs.
func ExampleURLEndpointListener_Handler() {
	ctx := context.Background()
	kitchen, phone, remove := exampleDatabases()
	defer remove()

	shared, err := tandem.ListenerConfigurationForDatabase(ctx, kitchen)
	if err != nil {
		log.Fatal(err)
	}
	shared.DisablePort = true // the server below has one
	shared.Authenticator = tandem.StaticPassword("ann", "secret")
	shared.Access = func(client tandem.ClientInfo, _ *tandem.Collection) tandem.CollectionAccess {
		if client.User == "ann" {
			return tandem.ReadAccess
		}
		return tandem.NoAccess
	}
	shared.PushFilter = func(client tandem.ClientInfo, doc *tandem.Document, _ tandem.DocumentFlags) bool {
		owner, owned := doc.Value("owner")
		return !owned || owner == client.User
	}
	listener, err := tandem.NewURLEndpointListener(shared)
	if err != nil {
		log.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		log.Fatal(err)
	}
	defer listener.Stop()

	mux := http.NewServeMux()
	mux.Handle("/sync/", http.StripPrefix("/sync", listener.Handler()))
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	url := strings.Replace(server.URL, "https", "wss", 1) + "/sync/" + kitchen.Name()
	endpoint, err := tandem.NewURLEndpoint(url)
	if err != nil {
		log.Fatal(err)
	}
	notes, err := phone.DefaultCollection(ctx)
	if err != nil {
		log.Fatal(err)
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint:                endpoint,
		Type:                    tandem.Pull,
		Continuous:              true,
		Authenticator:           tandem.BasicAuthenticator{Username: "ann", Password: "secret"},
		TrustedRootCertificates: []*x509.Certificate{server.Certificate()},
	}
	cfg.AddCollection(notes)
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer replicator.Close()
	if err := replicator.Start(); err != nil {
		log.Fatal(err)
	}
	if err := replicator.Wait(ctx); err != nil { // until it is idle
		log.Fatal(err)
	}

	for _, client := range listener.Clients() {
		fmt.Println(client.User, "is connected")
		listener.Disconnect(client.ID)
	}
	// Output: ann is connected
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

// Two databases of one program replicate without a network.
func ExampleDatabaseEndpoint() {
	tasks, remove := exampleTasks()
	defer remove()
	archive, removeArchive := exampleTasks()
	defer removeArchive()
	ctx := context.Background()
	_ = tasks.Put(ctx, "milk", task{Title: "Buy milk", Done: true})
	_ = tasks.Put(ctx, "plants", task{Title: "Water the plants"})

	cfg := tandem.ReplicatorConfiguration{
		Endpoint: tandem.NewDatabaseEndpoint(archive.Database()),
		Type:     tandem.Push,
		Collections: []tandem.CollectionConfiguration{{
			Collection: tasks,
			PushFilter: func(d *tandem.Document, _ tandem.DocumentFlags) bool {
				done, _ := d.Value("done")
				return done == true
			},
		}},
	}
	r, err := tandem.NewReplicator(cfg)
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Start(); err != nil {
		log.Fatal(err)
	}
	if err := r.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	for d, err := range archive.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.ID())
	}
	// Output: milk
}
