package tandem

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/row"
)

// Engine opens databases that several processes on several machines share, at URLs. Package hub has one
// for PostgreSQL. Programs that use folders alone need none, and are built without its driver. The interface
// has methods that only packages of this module can implement. An Engine may be used for any number of
// databases at once.
type Engine interface {
	// Opens reports whether the URL is one of this engine.
	Opens(url string) bool

	// Open is for this package.
	Open(ctx context.Context, url string, o row.Options) (row.Database, error)
}

// isURL reports whether a path is a URL of a database.
func isURL(path string) bool { return strings.Contains(path, "://") }

// openURL opens a database of an engine.
func openURL(ctx context.Context, url string, o Options) (*store.DB, error) {
	if err := mayOpen(o.Engine, url); err != nil {
		return nil, err
	}
	return store.OpenHub(ctx, o.Engine, url, o.forStore())
}

// mayOpen fails for a URL that is none of e.
func mayOpen(e Engine, url string) error {
	if e != nil && e.Opens(url) {
		return nil
	}
	scheme, _, _ := strings.Cut(url, "://")
	return fault.Unsupported.In("open database", "").Says("nothing here opens databases at %.20s:// URLs", scheme).
		Try("set Options.Engine to hub.PostgreSQL(), of package github.com/tandemdb/tandem/hub, for postgres://")
}
