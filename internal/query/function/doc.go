// Package function implements the functions of queries that compute a value from other values.
//
//	f := function.Find("upper")
//	v, err := f.Call(function.Env{}, []value.Value{value.OfString("straße")}) // "STRASSE"
//
// Unless a function is documented otherwise, its result is MISSING if an argument is, else NULL if
// an argument is NULL or has a wrong type. Aggregates, META() and MATCH() are not in this package.
//
// Apart from the time zone in [Env], all functions are pure. They are safe for concurrent use.
package function
