package tandem

// Subscriptions returns how many listeners, live queries and replications follow the database's commits.
func (db *Database) Subscriptions() int { return db.store.Subscriptions() }
