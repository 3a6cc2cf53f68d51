package tandem_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net/url"
	"time"

	"github.com/tandemdb/tandem"
)

// tillIdentity returns an identity of a member of the group, signed by its authority.
func tillIdentity(authority *tandem.TLSIdentity, name string) *tandem.TLSIdentity {
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{
		CommonName: name, Issuer: authority, URIs: []*url.URL{tandem.PeerGroupURI("com.example.tills")},
	})
	if err != nil {
		log.Fatal(err)
	}
	return id
}

// Two tills keep each other in sync. The second one knows the address of the first one; on a local
// network they find each other without.
func ExampleMultipeerReplicator() {
	ctx := context.Background()
	one, two, remove := exampleDatabases()
	defer remove()
	authority, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "shop", Usage: tandem.IssuerUsage})
	if err != nil {
		log.Fatal(err)
	}
	start := func(db *tandem.Database, name string, peers ...string) (*tandem.MultipeerReplicator, *tandem.Collection) {
		sales, err := db.DefaultCollection(ctx)
		if err != nil {
			log.Fatal(err)
		}
		mesh, err := tandem.NewMultipeerReplicator(tandem.MultipeerReplicatorConfiguration{
			PeerGroupID:      "com.example.tills",
			Identity:         tillIdentity(authority, name),
			Authenticator:    tandem.MultipeerRoots(authority.Leaf()),
			Collections:      []tandem.MultipeerCollectionConfiguration{{Collection: sales}},
			Name:             name,
			Peers:            peers,
			NetworkInterface: "127.0.0.1", // for this example; leave it empty for all networks
			DisableDiscovery: true,
		})
		if err != nil {
			log.Fatal(err)
		}
		if err := mesh.Start(); err != nil {
			log.Fatal(err)
		}
		return mesh, sales
	}
	first, sales := start(one, "till 1")
	defer first.Close()
	second, copied := start(two, "till 2", first.Addresses()...)
	defer second.Close()

	doc, err := tandem.NewDocumentWithBody("sale-1", []byte(`{"total":12}`))
	if err != nil {
		log.Fatal(err)
	}
	if err := sales.Save(ctx, doc); err != nil {
		log.Fatal(err)
	}
	if err := first.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	arrived, err := copied.Document(ctx, "sale-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(arrived.Body()))
	for _, peer := range first.Neighbors() {
		fmt.Println(peer.ID == second.PeerID())
	}
	// Output:
	// {"total":12}
	// true
}

// A program watches the members, and lets each one have the documents for it.
func ExampleMultipeerReplicator_AddPeerListener() {
	watch := func(mesh *tandem.MultipeerReplicator) {
		defer mesh.AddPeerListener(func(p tandem.PeerInfo) {
			fmt.Println(p.Name, p.Online, p.Neighbor, p.Status.Activity, p.Trouble)
		}).Remove()
		defer mesh.AddStatusListener(func(s tandem.MultipeerStatus) {
			fmt.Println(s.Activity, s.Neighbors, "of", s.Online)
		}).Remove()
		defer mesh.AddDocumentReplicationListener(func(r tandem.PeerDocumentReplication) {
			fmt.Println(r.Peer, r.IsPush, len(r.Documents))
		}).Remove()

		mesh.Pause() // before the device goes to sleep
		if err := mesh.Resume(); err != nil {
			log.Print(err)
		}
		for address, why := range mesh.Troubles() {
			fmt.Println(address, why)
		}
		fmt.Println(mesh.Config().PeerGroupID, mesh.Port(), len(mesh.Peers()), mesh.Status().Progress.Pull.Documents)
		mesh.Stop()
		if err := mesh.Start(); err != nil { // it can be started again
			log.Print(err)
		}
	}
	_ = watch
}

// The devices of the warehouse have an authority that signs for this group alone. Each device gets
// what is addressed to it, and the shorter text of a conflict wins.
func ExampleMultipeerReplicatorConfiguration() {
	var toItself tandem.MultipeerReplicationFilter = func(peer tandem.PeerID, doc *tandem.Document, _ tandem.DocumentFlags) bool {
		to, ok := doc.Value("to")
		return !ok || to == peer.String()
	}
	var shorter tandem.MultipeerConflictResolver = func(_ context.Context, _ tandem.PeerID, c tandem.Conflict) (*tandem.Document, error) {
		if c.RemoteDocument == nil || c.LocalDocument != nil && len(c.LocalDocument.Body()) < len(c.RemoteDocument.Body()) {
			return c.LocalDocument, nil
		}
		return c.RemoteDocument, nil
	}
	configure := func(orders *tandem.Collection, authority *x509.Certificate) tandem.MultipeerReplicatorConfiguration {
		cfg := tandem.MultipeerReplicatorConfiguration{
			PeerGroupID:   "warehouse",
			Authenticator: tandem.AnyOfAuthority(authority),
			Collections: []tandem.MultipeerCollectionConfiguration{{
				Collection: orders, PushFilter: toItself, ConflictResolver: shorter,
			}},
		}
		if err := cfg.Validate(); err != nil {
			log.Print(err)
		}
		return cfg
	}
	_ = configure
}

// A program that knows its peers by their keys decides itself.
func ExampleMultipeerCertificateAuthenticator() {
	friend := tandem.PeerIDOf(tillIdentity(nil, "friend").Leaf())
	authenticator := tandem.MultipeerCertificateAuthenticator(func(peer tandem.PeerID, chain []*x509.Certificate) bool {
		return peer == friend && time.Now().Before(chain[0].NotAfter)
	})
	fmt.Println(authenticator != nil)
	// Output: true
}
