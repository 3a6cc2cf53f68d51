package postgres

import (
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// warnings are the connections on which the server has given a warning since take. A COMMIT that succeeds with one may
// not have reached the synchronous standby: somebody has cancelled the wait for it.
type warnings struct {
	mu    sync.Mutex
	given map[*pgconn.PgConn]bool
}

func (w *warnings) note(on *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized != "WARNING" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given == nil {
		w.given = make(map[*pgconn.PgConn]bool)
	}
	w.given[on] = true
}

// take reports whether there was a warning, and forgets it.
func (w *warnings) take(on *pgconn.PgConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	given := w.given[on]
	delete(w.given, on)
	return given
}
