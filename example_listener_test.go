package tandem_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tandemdb/tandem"
)

// One HTTP server has a page of its own, and beside it the listener of two databases: one that ann
// alone may change, and one that everybody may read.
func ExampleURLEndpointListener_Handler_severalDatabases() { // E25
	ctx := context.Background()
	diary, board, remove := exampleDatabases()
	defer remove()
	mine, err := diary.DefaultCollection(ctx)
	if err != nil {
		log.Fatal(err)
	}
	news, err := board.DefaultCollection(ctx)
	if err != nil {
		log.Fatal(err)
	}

	listener, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{mine, news},
		DisablePort: true, // the server below has one
		Authenticator: tandem.ListenerPasswordAuthenticator(func(user string, password []byte) bool {
			return string(password) == "the password of "+user
		}),
		Access: func(client tandem.ClientInfo, coll *tandem.Collection) tandem.CollectionAccess {
			switch {
			case client.User == "ann":
				return tandem.FullAccess
			case coll == news:
				return tandem.ReadAccess
			}
			return tandem.NoAccess
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		log.Fatal(err)
	}
	defer listener.Stop()

	mux := http.NewServeMux()
	mux.Handle("/sync/", http.StripPrefix("/sync", listener.Handler()))
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	page, err := server.Client().Get(server.URL + "/hello")
	if err != nil {
		log.Fatal(err)
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	fmt.Println(string(text), err)

	trusted := []*x509.Certificate{server.Certificate()}
	base := "wss" + strings.TrimPrefix(server.URL, "https") + "/sync/"
	for _, user := range []string{"ann", "bob"} {
		for name, shared := range map[string]*tandem.Database{"diary": diary, "board": board} {
			err := pushNote(ctx, base+shared.Name(), user, trusted)
			fmt.Printf("%s may change the %s: %t\n", user, name, err == nil)
		}
	}
	// Unordered output:
	// hello <nil>
	// ann may change the diary: true
	// ann may change the board: true
	// bob may change the diary: false
	// bob may change the board: false
}

// pushNote pushes a document from a new database of a user.
func pushNote(ctx context.Context, url, user string, trusted []*x509.Certificate) error {
	notes, remove := exampleTasks()
	defer remove()
	if err := notes.Put(ctx, "by "+user, map[string]string{"text": "Hello"}); err != nil {
		return err
	}
	endpoint, err := tandem.NewURLEndpoint(url)
	if err != nil {
		return err
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint:                endpoint,
		Type:                    tandem.Push,
		Authenticator:           tandem.BasicAuthenticator{Username: user, Password: "the password of " + user},
		TrustedRootCertificates: trusted,
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
