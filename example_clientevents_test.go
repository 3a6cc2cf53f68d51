package tandem_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/tandemdb/tandem"
)

// A program sees who connects to its listener, and who is not let in.
func ExampleURLEndpointListener_AddClientListener() {
	kitchen, phone, remove := exampleDatabases()
	defer remove()
	shared, err := tandem.ListenerConfigurationForDatabase(context.Background(), kitchen)
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
	listener.AddClientListener(func(e tandem.ClientEvent) {
		host, _, _ := net.SplitHostPort(e.Address)
		switch e.Kind {
		case tandem.ClientConnected:
			fmt.Printf("%q from %s connected\n", e.User, host)
		case tandem.ClientDisconnected:
			fmt.Printf("%q disconnected, documents sent: %d\n", e.User, e.Progress.Push.Documents)
		case tandem.ClientRefused:
			fmt.Printf("%q was refused: %v\n", e.User, e.Err)
		}
	})
	if err := listener.Start(); err != nil {
		log.Fatal(err)
	}
	defer listener.Stop()

	for _, password := range []string{"guessed", "secret"} {
		_ = syncAs(phone, listener.URLs()[0], password) // the listener tells how it ends
	}
	listener.Stop()
	// Output:
	// "ann" was refused: user name or password is wrong or missing
	// "ann" from 127.0.0.1 connected
	// "ann" disconnected, documents sent: 1
}

// syncAs syncs once with the peer at url.
func syncAs(db *tandem.Database, url, password string) error {
	ctx := context.Background()
	endpoint, err := tandem.NewURLEndpoint(url)
	if err != nil {
		return err
	}
	notes, err := db.DefaultCollection(ctx)
	if err != nil {
		return err
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint: endpoint, Authenticator: tandem.BasicAuthenticator{Username: "ann", Password: password},
		AcceptOnlySelfSignedServerCertificate: true,
	}
	cfg.AddCollection(notes)
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		return err
	}
	defer replicator.Close()
	if err := replicator.Start(); err != nil {
		return err
	}
	return replicator.Wait(ctx)
}

// Identities of databases that were deleted are of no use any more.
func ExampleAnonymousIdentities() {
	folder, err := os.MkdirTemp("", "identities")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	store := tandem.FolderIdentityStore(folder, tandem.IdentityFolderOptions{})
	db, err := tandem.Open(context.Background(), filepath.Join(folder, "shop"), tandem.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := tandem.AnonymousIdentity(store, db); err != nil { // as a listener does
		log.Fatal(err)
	}
	if err := db.Delete(); err != nil {
		log.Fatal(err)
	}

	all, err := tandem.AnonymousIdentities(store)
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range all {
		if !id.Gone {
			continue
		}
		fmt.Println("delete that of", filepath.Base(id.Database))
		if err := store.Delete(id.Label); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// delete that of shop.tandem
}
