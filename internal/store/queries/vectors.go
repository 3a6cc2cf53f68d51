package queries

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
)

// Nearest is a search of vectors, for the table tandem_nearest and the function tandem_distance.
type Nearest struct {
	From vector.From
	// Ranked begins to give the numbers of vectors with their distances, the nearest first. It may give some that the
	// transaction does not have.
	Ranked func() (next func() (n int64, distance float64, ok bool), err error)
	// Most is how many vectors the table gives before it fails with errTooFew; 0 means all.
	Most int
	// Partial says that Ranked does not give all vectors. After the last one the table fails.
	Partial bool

	scratch []float32
}

// errTooFew makes another statement take the place of one whose nearest vectors do not suffice.
var errTooFew = errors.New("too few of the nearest documents fit")

// lastVector is the vector that was read last. A trigger reads one several times.
type lastVector struct {
	text       []byte
	dimensions int
	blob       []byte // nil if the text is no vector
}

// registerVectors registers what triggers of vector indexes and searches call.
func (r *Runner) registerVectors(c *sqlite3.Conn, paths pathCache) error {
	r.lists = map[string]*vector.Lists{}
	var last lastVector
	return errors.Join(
		scalar(c, "tandem_vector_at", 3, func(ctx sqlite3.Context, a []sqlite3.Value) {
			if text := paths.of(a[1]).Find(a[0].RawText()); text != nil && string(text) != "null" {
				giveVector(ctx, last.read(text, a[2].Int()))
			}
			if r.watch != nil {
				r.called(ctx)
			}
		}),
		scalar(c, "tandem_vector", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
			of := decode(a[0])
			if of.Kind() == value.Missing || of.Kind() == value.Null {
				return
			}
			var blob []byte
			if v, err := vector.Of(of, a[1].Int()); err == nil {
				blob = vector.AppendBytes(nil, v)
			}
			giveVector(ctx, blob)
		}),
		scalar(c, "tandem_distance", 2, distance),
		scalar(c, "tandem_source", 1, func(ctx sqlite3.Context, a []sqlite3.Value) {
			if a[0].Type() != sqlite3.NULL {
				ctx.ResultBlob(SourceHash(decode(a[0]).AppendJSON(nil)))
			}
		}),
		c.CreateFunction("tandem_list", 3, sqlite3.INNOCUOUS, func(ctx sqlite3.Context, a ...sqlite3.Value) {
			l, err := r.listsOf(a[0].Text(), a[1].Text())
			if errors.Is(err, ErrCentroids) {
				return // NULL: the vector is in no list
			}
			if err != nil {
				ctx.ResultError(err)
				return
			}
			ctx.ResultInt(l.Nearest(vector.FromBytes(nil, a[2].RawBlob())))
		}),
		r.registerNearest(c),
	)
}

// SourceHash returns what a lazy index keeps of the value, as JSON, that a vector was made of.
func SourceHash(json []byte) []byte {
	hash := sha256.Sum256(json)
	return hash[:16]
}

// giveVector returns a vector, or an empty blob for what is none.
func giveVector(ctx sqlite3.Context, blob []byte) {
	if blob == nil {
		ctx.ResultZeroBlob(0)
		return
	}
	ctx.ResultBlob(blob)
}

// mostRemembered bounds the text of a vector that is remembered, in bytes.
const mostRemembered = 32 * vector.MaxDimensions

func (l *lastVector) read(text []byte, dimensions int) []byte {
	if len(text) > mostRemembered {
		v, err := vector.FromJSON(text, dimensions)
		if err != nil {
			return nil
		}
		return vector.AppendBytes(nil, v)
	}
	if l.dimensions == dimensions && bytes.Equal(l.text, text) {
		return l.blob
	}
	l.text, l.dimensions, l.blob = append(l.text[:0], text...), dimensions, nil
	if v, err := vector.FromJSON(text, dimensions); err == nil {
		l.blob = vector.AppendBytes(nil, v)
	}
	return l.blob
}

func distance(ctx sqlite3.Context, a []sqlite3.Value) {
	n, ok := a[0].Pointer().(*Nearest)
	if !ok {
		ctx.ResultError(errNoSearch)
		return
	}
	n.scratch = vector.FromBytes(n.scratch[:0], a[1].RawBlob())
	give(ctx, value.OfDouble(n.From.Distance(n.scratch)))
}

var errNoSearch = errors.New("there is no search of vectors")

// ErrCentroids is the error for centroids in the file that are none.
var ErrCentroids = errors.New("the centroids are damaged")

// Lists returns the lists of an index whose centroids have a token.
func (r *Runner) Lists(x sql.VectorIndex, token string) (*vector.Lists, error) {
	return r.listsOf(x.Trained(), token)
}

// ForgetLists has the centroids of all indexes asked for again.
func (r *Runner) ForgetLists() { clear(r.lists) }

// ShareLists has the centroids come from a function, which may have those of a token, and else reads them. Connections can share
// one.
func (r *Runner) ShareLists(share func(token string, read func() (*vector.Lists, error)) (*vector.Lists, error)) {
	r.share = share
}

// listsOf returns the centroids in a table, which have a token.
func (r *Runner) listsOf(table, token string) (found *vector.Lists, err error) {
	at := table + "\x00" + token
	if l := r.lists[at]; l != nil {
		return l, nil
	}
	read := func() (*vector.Lists, error) { return r.readLists(table, token) }
	if r.share == nil {
		found, err = read()
	} else {
		found, err = r.share(token, read)
	}
	if err != nil {
		return nil, err
	}
	if len(r.lists) >= maxLists {
		clear(r.lists)
	}
	r.lists[at] = found
	return found, nil
}

func (r *Runner) readLists(table, token string) (read *vector.Lists, err error) {
	s, _, err := r.c.Prepare("SELECT centroids FROM " + sqlite3.QuoteIdentifier(table) + " WHERE token = ?")
	if err != nil {
		return nil, err
	}
	if err = s.BindText(1, token); err == nil && s.Step() {
		read = ParseLists(s.ColumnRawBlob(0))
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	if read == nil {
		return nil, fmt.Errorf("%w in %q", ErrCentroids, table)
	}
	return read, nil
}

// maxLists bounds the indexes whose centroids a connection keeps.
const maxLists = 16

// ParseLists reads what [AppendLists] has written, and returns nil for other bytes.
func ParseLists(b []byte) *vector.Lists {
	if len(b) < 3 {
		return nil
	}
	metric, dimensions := vector.Metric(b[0]), int(b[1])|int(b[2])<<8
	if int(metric) >= len(vector.Metrics()) || dimensions == 0 || (len(b)-3)%(4*dimensions) != 0 {
		return nil
	}
	return vector.NewLists(metric, dimensions, vector.FromBytes(nil, b[3:]))
}

// AppendLists appends the centroids of lists, with their metric and dimensions.
func AppendLists(dst []byte, m vector.Metric, dimensions int, l *vector.Lists) []byte {
	return vector.AppendBytes(append(dst, byte(m), byte(dimensions), byte(dimensions>>8)), l.Centroids())
}

// registerNearest registers the table tandem_nearest(search), with the numbers of vectors by their distance.
func (r *Runner) registerNearest(c *sqlite3.Conn) error {
	return sqlite3.CreateModule(c, "tandem_nearest", nil, func(c *sqlite3.Conn, _, _, _ string, _ ...string) (nearest, error) { //nolint:staticcheck // the generic method needs a later Go
		if err := c.VTabConfig(sqlite3.VTAB_INNOCUOUS); err != nil {
			return nearest{}, err
		}
		return nearest{r}, c.DeclareVTab(`CREATE TABLE x (n, distance, search HIDDEN)`)
	})
}

type nearest struct{ runner *Runner }

const columnSearch = 2

// BestIndex accepts the argument of the table.
func (nearest) BestIndex(idx *sqlite3.IndexInfo) error {
	for i, c := range idx.Constraint {
		if c.Column != columnSearch || c.Op != sqlite3.INDEX_CONSTRAINT_EQ {
			continue
		}
		if !c.Usable {
			return sqlite3.CONSTRAINT
		}
		idx.ConstraintUsage[i] = sqlite3.IndexConstraintUsage{Omit: true, ArgvIndex: 1}
		idx.EstimatedCost, idx.EstimatedRows = 1000, 1000
		return nil
	}
	return sqlite3.CONSTRAINT
}

func (t nearest) Open() (sqlite3.VTabCursor, error) { return &nearestCursor{runner: t.runner}, nil }

// nearestCursor points to one of the vectors.
type nearestCursor struct {
	runner   *Runner
	search   *Nearest
	next     func() (n int64, distance float64, ok bool)
	n        int64
	distance float64
	ok       bool
	given    int
}

func (c *nearestCursor) Filter(_ int, _ string, a ...sqlite3.Value) (err error) {
	var ok bool
	if c.search, ok = a[0].Pointer().(*Nearest); !ok {
		return errNoSearch
	}
	if c.next, err = c.search.Ranked(); err != nil {
		return err
	}
	c.given = 0
	return c.Next()
}

func (c *nearestCursor) Next() error {
	c.n, c.distance, c.ok = c.next()
	if !c.ok && c.search.Partial || c.ok && c.search.Most > 0 && c.given >= c.search.Most {
		c.runner.another = true
		return errTooFew
	}
	c.given++
	return nil
}

func (c *nearestCursor) EOF() bool             { return !c.ok }
func (c *nearestCursor) RowID() (int64, error) { return c.n, nil }

func (c *nearestCursor) Column(ctx sqlite3.Context, n int) error {
	switch n {
	case 0:
		ctx.ResultInt64(c.n)
	case 1:
		ctx.ResultFloat(c.distance)
	}
	return nil
}
