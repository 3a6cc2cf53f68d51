// Package storetest has a disk that loses power, fills up or fails, for tests of what is kept on it:
//
//	disk := storetest.NewDisk()
//	defer disk.Close()
//	db, err := store.Open(ctx, path, store.Options{Disk: disk})
//	disk.CutAt(17)
//	… // work until it fails, and close db
//	err = disk.Restart(path, seed)
//	db, err = store.Open(ctx, path, store.Options{})
//
// The disk sits on the real file system, where programs see every write at once, as they do with a
// kernel's cache. A power cut keeps an arbitrary part of the changes that were not synced: writes
// are lost, reordered and torn between sectors; file names appear and vanish.
//
// StartPostgres starts a server of PostgreSQL, under its own user where the tests run as root.
package storetest
