package store

// UnsyncedBlobs counts the blobs that a power cut could take.
func (db *DB) UnsyncedBlobs() int {
	db.blobs.mu.Lock()
	defer db.blobs.mu.Unlock()
	return len(db.blobs.unsynced)
}
