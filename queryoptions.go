package tandem

import (
	"cmp"
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// QueryOptions bound each run of a query. Those of a database are [Options.Queries]; a context of
// [WithQueryOptions] overrides them. Zero fields are not set. A run that exceeds a bound fails with a
// [*QueryError].
type QueryOptions struct {
	// MaxRows is how many rows a result may have. Unless it is set there is no limit.
	MaxRows int

	// Timeout is how long a run may last, until its last row is taken. Unless it is set there is no limit.
	Timeout time.Duration

	// MaxMemory is how many bytes a run may hold in memory: for its work, and for the rows of a result that is read
	// as a whole. Unless it is set, 256 MiB. Less than some 32 MiB fails queries that sort.
	MaxMemory int64

	// MaxTemporary is how many bytes of temporary files a run may fill. ORDER BY, GROUP BY and DISTINCT over more
	// than some 8 MiB sort there, as do joins without an index. The files are where the environment variable
	// SQLITE_TMPDIR says, or the system has its temporary files; they have no name, and those of an encrypted
	// database are encrypted. Unless it is set, 1 GiB.
	MaxTemporary int64
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

// WithQueryOptions returns a context whose queries have these options. Fields that are not set are those of ctx, or
// of the database. Options that are not valid fail the query.
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
