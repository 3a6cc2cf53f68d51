// Package rest serves databases over HTTP: documents, bulk operations, changes, blobs, queries and
// replications, as users of Couchbase Edge Server and CouchDB know them. A [Handler] is an
// [net/http.Handler] for any server:
//
//	handler, err := rest.NewHandler(rest.Configuration{
//		Databases: []rest.Database{{Database: db, ClientWrites: true}},
//		Users:     list,
//	})
//	…
//	defer handler.Close(ctx)
//	err = http.ListenAndServe("127.0.0.1:59840", handler)
//
// [Handler.Serve] serves a socket by itself, with limits for slow and many clients.
//
// # Who may do what
//
// Each request needs a login unless [Configuration].Anonymous is set: HTTP Basic, or a session.
// Users have rights to collections, and perhaps a role: see [ParseUsers]. Nothing is written unless
// the database has [Database].ClientWrites.
//
// # How an endpoint is added
//
// Endpoints stand in files by group: document.go, alldocs.go, session.go. Each group has a function
// that returns its rows of the table of routes, and routes.go lists these functions. A row has the
// method, the pattern of the path, what the request needs, and the function:
//
//	{"GET", "/{ks}/{doc}", reads, getDocument},
//
// Before the function is called, the request has passed all checks of host, origin, login, rate and
// access, and the [call] has what the path names: c.db for {db}, c.db and c.coll for {ks}, and c.vars
// for the others in their order, unescaped. A pattern with fixed segments goes before one with
// variables. {rest...} at the end takes any number of segments, still escaped.
//
// The function answers by c.answer (a Go value), c.send (JSON text) or c.stream, and returns nil. Or
// it returns an error, which fail.go turns into a status: one of tandem's, or one of refuse. Bodies
// are read by c.readJSON and c.decode, which check type, size and time.
//
// A row with lasting set is for answers that go on: the context of such a call ends with
// [Handler.Close]. It asks c.mayGoOn from time to time, since rights may be taken away meanwhile.
package rest
