// Package function has the functions of queries that give one value of others.
//
//	f := function.Find("upper")
//	v, err := f.Call(function.Env{}, []value.Value{value.OfString("straße")}) // "STRASSE"
//
// Unless a function says otherwise, an argument that is MISSING makes its result MISSING, else one that is NULL
// makes it NULL, and so does one of a wrong type. Aggregates, META() and MATCH() are not here.
//
// All functions are pure but for the time zone of [Env], and may be called from any goroutine.
package function
