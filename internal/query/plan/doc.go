// Package plan resolves the names in a query and checks the query.
//
//	s, err := syntax.Parse("SELECT name FROM travel.hotels WHERE stars > 3")
//	…
//	q, err := plan.Of(s, catalog)
//
// The tree of a [Query] has no names any more: a property knows its source, an alias is replaced by
// its expression, and a function is found and has the right number of arguments. The packages that
// run a query need nothing else. Errors are *syntax.Error.
package plan
