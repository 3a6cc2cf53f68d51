// Package hub opens databases of Tandem in PostgreSQL, for any number of nodes at once: processes on
// several machines, which share the documents and serve them to any client.
//
//	db, err := tandem.Open(ctx, "postgres://tandem@db.example/shop", tandem.Options{Engine: hub.PostgreSQL()})
//
// It is a package of its own, so that programs with databases in folders are built without the driver.
package hub
