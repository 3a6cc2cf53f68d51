// Package plan finds out what the names of a query mean, and checks it.
//
//	s, err := syntax.Parse("SELECT name FROM travel.hotels WHERE stars > 3")
//	…
//	q, err := plan.Of(s, catalog)
//
// The tree of a [Query] has no names any more: a property knows its source, an alias is the expression that
// it stands for, a function is found and has the right number of arguments. The packages that run a query
// need nothing else. Errors are *syntax.Error.
package plan
