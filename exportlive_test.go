package tandem

import "github.com/tandemdb/tandem/internal/live"

// LiveStats returns what the live queries of the database have cost.
func (db *Database) LiveStats() live.Stats { return db.live.Stats() }
