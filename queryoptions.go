package tandem

import (
	"cmp"
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// QueryOptions bound each run of a query, and select what live queries tell. [Options.Queries] holds those of a database. A context of
// [WithQueryOptions] overrides the fields that are not zero. A run that exceeds a bound fails with
// a [*QueryError].
type QueryOptions struct {
	// MaxRows is how many rows a result may have. Zero means no limit.
	MaxRows int

	// Timeout is how long a run may last, until its last row is taken. Zero means no limit.
	Timeout time.Duration

	// MaxMemory is how many bytes a run may hold in memory: for its work, and for the rows of a
	// result that is read as a whole. Zero means 256 MiB. With less than about 32 MiB, queries that
	// sort fail.
	MaxMemory int64

	// MaxTemporary is how many bytes of temporary files a run may fill. ORDER BY, GROUP BY and
	// DISTINCT over more than about 8 MiB sort there, as do joins without an index. The files are
	// in the folder that the environment variable SQLITE_TMPDIR names, or else in the system's
	// folder for temporary files. They have no name, and those of an encrypted database are
	// encrypted. Zero means 1 GiB.
	MaxTemporary int64

	// Diff makes [Query.Changes] and [Query.AddChangeListener] also tell how each result differs
	// from the one before. The one before stays in memory until then. Other runs ignore it.
	Diff bool
}

// The defaults.
const (
	defaultMaxMemory    = 256 << 20
	defaultMaxTemporary = 1 << 30
)

// Validate reports settings that cannot be, as [ErrInvalid].
func (o QueryOptions) Validate() error {
	if o.MaxRows < 0 || o.Timeout < 0 || o.MaxMemory < 0 || o.MaxTemporary < 0 {
		return fault.Invalid.Says("a bound of a query is negative").Try("use 0 for the default")
	}
	return nil
}

type queryOptionsKey struct{}

// WithQueryOptions returns a context whose queries have these options. A zero field keeps the
// option of ctx or of the database. A query with invalid options fails.
func WithQueryOptions(ctx context.Context, o QueryOptions) context.Context {
	outer, _ := ctx.Value(queryOptionsKey{}).(QueryOptions)
	return context.WithValue(ctx, queryOptionsKey{}, o.over(outer))
}

// over returns o with the fields of below that o does not set.
func (o QueryOptions) over(below QueryOptions) QueryOptions {
	return QueryOptions{
		MaxRows:      cmp.Or(o.MaxRows, below.MaxRows),
		Timeout:      cmp.Or(o.Timeout, below.Timeout),
		MaxMemory:    cmp.Or(o.MaxMemory, below.MaxMemory),
		MaxTemporary: cmp.Or(o.MaxTemporary, below.MaxTemporary),
		Diff:         o.Diff || below.Diff,
	}
}

// queryOptions returns the options of a run with a context.
func (db *Database) queryOptions(ctx context.Context) (QueryOptions, error) {
	o, _ := ctx.Value(queryOptionsKey{}).(QueryOptions)
	o = o.over(db.queries).over(QueryOptions{MaxMemory: defaultMaxMemory, MaxTemporary: defaultMaxTemporary})
	return o, fault.About(o.Validate(), "run query", "")
}

func (o QueryOptions) limits() store.QueryLimits {
	return store.QueryLimits{Memory: o.MaxMemory, Temporary: o.MaxTemporary}
}
