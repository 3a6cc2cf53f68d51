// Package store keeps a database on disk: SQLite rows and blob files. It is the only
// package that writes SQL.
//
//	db, err := store.Open(ctx, "notes.tandem", store.Options{})
//	…
//	defer db.Close()
//	notes, err := db.Collection(ctx, "_default", "_default")
//	…
//	err = db.Update(ctx, func(tx *store.Tx) error {
//		_, err := tx.Save(notes, store.Edit{ID: "milk", Body: []byte(`{"litres":2}`)})
//		return err
//	})
//
// A database is a folder: db.sqlite3 (with its log) and blobs/. Each collection is a table whose
// row number is the sequence, so that the change feed is one range scan with the body beside it.
// Bodies are stored as the compact JSON text that travels on the wire.
//
// # Guarantees
//
// [DB.Update] is atomic: all of a function's changes are committed, or none. Functions that
// wait at the same time share one commit, and each is told its own outcome. [DB.View] reads
// one snapshot. A commit survives the end of the process; it survives a power cut once
// [DB.UpdateDurable] has returned, or at once with [Options].FullSync.
//
// Several processes, and several DB values in one process, may open a database at once. Sequences
// and clock live in the file; a [Subscription] reports commits of all of them.
//
// All methods of [DB] are safe for concurrent use. A [Tx], and the values passed to its callbacks,
// are valid only inside the function that received them. Errors are *fault.Error.
package store
