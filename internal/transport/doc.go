// Package transport connects two peers by ws or wss: it dials or accepts, authenticates the peer,
// and returns a message pipe for BLIP.
//
//	endpoint, err := transport.ParseEndpoint("wss://example.com:4984/db")
//	…
//	conn, err := transport.Dial(ctx, transport.DialConfig{Endpoint: endpoint, Protocols: protocols})
//
// and on the other side
//
//	server, err := transport.Listen(ctx, transport.ServerConfig{
//		Databases:   []transport.Database{{Name: "db", Protocols: protocols}},
//		Certificate: &cert, Handler: serve,
//	})
//	…
//	defer server.Close(ctx)
//
// # Guarantees
//
// The bytes of the handshake are those that Couchbase Lite and Sync Gateway require. Errors are
// *fault.Error. TLS is never below 1.2. A stalled or hostile client costs a bounded amount of
// memory and time, and delays nobody else. No goroutine is left when Close returns.
package transport
