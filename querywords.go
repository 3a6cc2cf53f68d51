package tandem

import (
	"slices"

	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

// QueryKeywords returns the reserved words of queries, in capitals and sorted, for editors that
// complete them. As names of properties they need backquotes.
func QueryKeywords() []string { return syntax.Keywords() }

// QueryFunctions returns the names of the functions that queries can call, sorted, for editors that
// complete them. Queries may write them in any case.
func QueryFunctions() []string {
	names := slices.Concat(function.Names(), plan.Aggregates(), []string{"match", "meta", "rank"})
	slices.Sort(names)
	return slices.Compact(names)
}
