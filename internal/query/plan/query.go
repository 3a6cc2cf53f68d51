package plan

import (
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Catalog knows a database's collections.
type Catalog interface {
	// Collection returns the names of the collection that a query calls by these, scope "" if it
	// names none, and whether there is such a collection.
	Collection(scope, name string) (Collection, bool)
	// Collections lists the full names of all collections, for suggestions in errors.
	Collections() []string
	// TextIndexes lists the full-text indexes of a collection.
	TextIndexes(Collection) []string
	// VectorIndexes lists the vector indexes of a collection.
	VectorIndexes(Collection) []VectorIndex
}

// Collection names a collection.
type Collection struct{ Scope, Name string }

// Query is a statement with resolved names.
type Query struct {
	Distinct bool
	Columns  []Column
	Sources  []Source
	Where    Expr // nil if absent
	GroupBy  []Expr
	Having   Expr // nil if absent
	OrderBy  []Order
	Limit    Expr // nil if absent
	Offset   Expr // nil if absent
	Grouped  bool // one row for each group, or for all rows if it has aggregates and no GROUP BY
	Params   []string
	Matches  []Search  // the full-text searches of WHERE
	Nearest  []Nearest // the searches of vectors
}

// ColumnNames returns the names of the result columns.
func (q *Query) ColumnNames() []string {
	names := make([]string, len(q.Columns))
	for i, c := range q.Columns {
		names[i] = c.Name
	}
	return names
}

// Column is a result column.
type Column struct {
	Name string
	X    Expr
}

// Source is a collection or, with Kind Unnest, the items of a property of an earlier source.
type Source struct {
	Collection Collection
	Kind       syntax.JoinKind // Inner for the first source
	On         Expr            // nil if absent
	Items      Expr            // only with Unnest
	Tombstones bool            // includes deleted documents, without their properties

	alias   string   // as in the query, or ""
	names   []string // the names that the query may use
	unnamed bool     // Unnest without AS
}

// Order is a term of ORDER BY.
type Order struct {
	X     Expr
	Desc  bool
	Nulls syntax.Nulls
}

// CheckParams refuses parameters that the query does not have. A parameter without a value is
// MISSING.
func (q *Query) CheckParams(given map[string]value.Value) error {
	for name := range given {
		if slices.Contains(q.Params, name) {
			continue
		}
		err := fault.InvalidParam.In("run query", "$"+name)
		if near := syntax.Nearest(name, q.Params); near != "" {
			return err.Try("did you mean $" + near + "?")
		}
		return err.Try("remove it, or use it in the query")
	}
	return nil
}
