package store

// OnDisk returns o for a database on the SQLite file system of that name.
func (o Options) OnDisk(vfs string) Options {
	o.vfs = vfs
	return o
}

// UnsyncedBlobs counts the blobs that a power cut could take.
func (db *DB) UnsyncedBlobs() int {
	db.blobs.mu.Lock()
	defer db.blobs.mu.Unlock()
	return len(db.blobs.unsynced)
}
