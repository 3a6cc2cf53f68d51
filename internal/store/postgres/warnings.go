package postgres

import "github.com/jackc/pgx/v5/pgconn"

// warned is the key of a connection's own data under which it notes that the server has given a warning.
const warned = "warned"

// noteWarning notes a warning of the server on its connection. A COMMIT that succeeds with one may not have reached the
// synchronous standby: somebody has cancelled the wait for it.
func noteWarning(on *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		on.CustomData()[warned] = true
	}
}

// takeWarning reports whether there was a warning since the last call.
func takeWarning(on *pgconn.PgConn) bool {
	_, was := on.CustomData()[warned]
	delete(on.CustomData(), warned)
	return was
}
