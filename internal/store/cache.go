package store

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// The page cache of a connection, in pages. SQLite would count KiB by pages of 4 KiB, since it has not
// yet seen the file when it is told.
const (
	cachePages     = 1000           // 8 MiB: enough for documents whose IDs grow, as a sync brings them
	wideCachePages = 2 * cachePages // random IDs touch the index of IDs all over, as edits do
	manyMisses     = 2 * cachePages // pages read anew after which a cache is widened
)

// widen enlarges the cache of a connection that reads pages again and again.
func (c *conn) widen() {
	if c.wide {
		return
	}
	if misses, _, err := c.Status(sqlite3.DBSTATUS_CACHE_MISS, false); err != nil || misses < manyMisses {
		return
	}
	c.wide = c.Exec(fmt.Sprintf(`PRAGMA cache_size=%d`, wideCachePages)) == nil // otherwise the next commit tries again
}
